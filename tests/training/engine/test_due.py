"""When a checkpoint is due."""

from __future__ import annotations

from aeon_plugin_ft.training.engine.due import CHECKPOINT_SECONDS, CheckpointDue
from aeon_plugin_ft.training.engine.early import RegularCheckpoints


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def saved(seconds_a_step: float, steps: int = 12, every: int = 5) -> list[int]:
    clock = Clock()
    due = CheckpointDue(every, 120.0, clock)
    found = []
    for step in range(1, steps + 1):
        clock.now += seconds_a_step
        if due.after(step, steps):
            found.append(step)
            due.saved()
    return found


def test_short_steps_are_saved_every_few() -> None:
    assert saved(1.0) == [5, 10]


def test_steps_of_minutes_are_saved_one_by_one_but_for_the_last() -> None:
    assert saved(300.0) == list(range(1, 12))


def test_between_the_two_the_time_since_the_last_checkpoint_decides() -> None:
    assert saved(50.0) == [3, 5, 8, 10]


def test_a_run_saves_by_time_too_and_counts_from_each_checkpoint() -> None:
    from transformers import TrainerControl, TrainerState

    clock, control = Clock(), TrainerControl()
    callback = RegularCheckpoints(1000, lambda: None)
    callback.due = CheckpointDue(1000, CHECKPOINT_SECONDS, clock)
    state = TrainerState(global_step=1, max_steps=9)
    callback.on_step_end(None, state, control)
    assert not control.should_save
    clock.now = CHECKPOINT_SECONDS
    callback.on_step_end(None, state, control)
    assert control.should_save
    callback.on_save(None, state, control)
    callback.on_step_end(None, state, control)
    assert not control.should_save
