"""Where a step takes minutes, what is told says how much of it is done and when the run will be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from aeon_plugin_ft.training.engine import trainer
from aeon_plugin_ft.training.model import Progress

LAYERS = 4
SECONDS_A_LAYER = 20.0


class Run:
    """A trainer whose steps take 20 s a layer forward, and 40 s a layer back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int = 10) -> None:
        self.now = 0.0
        monkeypatch.setattr(trainer, "awake_seconds", lambda: self.now)
        self.state = SimpleNamespace(global_step=0, max_steps=steps)
        self.engine = SimpleNamespace(on_layer=None)
        self.told: list[Progress] = []
        fake = SimpleNamespace(last_loss=1.5, saving=4.0, validation_loss=None, engine=self.engine, state=self.state)
        self.reporter = trainer.Reporter(cast(Any, fake), self.told.append)

    def layers(self, count: int = 2 * LAYERS, factor: float = 1.0) -> None:
        for done in range(1, count + 1):
            self.now += factor * SECONDS_A_LAYER * (1 if done <= LAYERS else 2)
            self.engine.on_layer(done, 2 * LAYERS)

    def step(self, factor: float = 1.0) -> None:
        self.reporter.on_step_begin(None, None, None)
        self.layers(factor=factor)
        self.state.global_step += 1
        self.reporter.on_log(SimpleNamespace(per_device_train_batch_size=8), self.state, None, {"loss": 1.5})


def test_inside_the_first_step_it_says_how_much_is_done_and_how_long_the_run_will_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run(monkeypatch)
    run.reporter.on_step_begin(None, None, None)
    run.layers(LAYERS)
    newest = run.told[-1]
    assert (newest.step, newest.steps, newest.loss) == (0, 10, None)
    assert newest.part == pytest.approx(1 / 3, abs=1e-3) and newest.done == newest.part
    assert newest.seconds_left == pytest.approx(10 * 240 - 80)


def test_inside_a_later_step_the_newest_figures_stay_and_the_time_left_goes_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Run(monkeypatch)
    run.step()
    run.reporter.on_step_begin(None, None, None)
    run.layers(LAYERS + 1)
    newest = run.told[-1]
    assert (newest.step, newest.loss, newest.saving, newest.part) == (1, 1.5, 4.0, 0.5)
    assert newest.done == 1.5 and newest.seconds_left == pytest.approx(8.5 * 240)
    run.step()
    assert (run.told[-1].step, run.told[-1].part) == (2, 0.0)


def test_short_steps_are_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    run.step(factor=0.05)
    assert [progress.part for progress in run.told] == [0.0]


def test_layers_that_are_computed_outside_of_a_step_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stage that follows, say, which has steps of its own."""
    run = Run(monkeypatch)
    run.step()
    count = len(run.told)
    run.layers()
    assert len(run.told) == count
