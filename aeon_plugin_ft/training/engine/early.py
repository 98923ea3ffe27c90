"""When a run is saved, and when it ends early: by the loss on examples kept aside, measured every few steps.

The measurements stand in the trainer's own history, which every checkpoint holds, so a resumed run takes
the decisions that the uninterrupted one takes. The examples come from the training split: the gate's
held-out examples are never seen here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import TrainerCallback

from aeon_plugin_ft.training.engine.due import CheckpointDue

LOSS = "validation_loss"


class EarlyStopping(TrainerCallback):
    """`measure` gives the loss now. While it runs, `measuring` is true: the step it belongs to is not complete, and
    a checkpoint of it would lose the measurement."""

    def __init__(self, measure: Callable[[], float], every: int, patience: int) -> None:
        self.measure, self.every, self.patience = measure, every, patience
        self.measuring = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure where it is due, ask for a checkpoint of the best step so far, end the run when it gets no better."""
        # The last step is always measured: without it the end of the run could not be its best moment.
        if state.global_step % self.every and state.global_step < state.max_steps:
            return
        self.measuring = True
        state.log_history.append({"step": state.global_step, LOSS: self.measure()})
        self.measuring = False
        if best_step(state.log_history) == state.global_step:
            control.should_save = True
        if is_over(state.log_history, self.patience):
            control.should_training_stop = True


class RegularCheckpoints(TrainerCallback):
    """A checkpoint whenever one is due, and a look at the stop request after each checkpoint."""

    def __init__(self, every: int, check: Callable[[], None]) -> None:
        self.due, self.check = CheckpointDue(every), check

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint where one is due, but not at the end: the adapter itself is saved then."""
        control.should_save = self.due.after(state.global_step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave here if asked to: the newest checkpoint is then of this very step."""
        self.due.saved()
        self.check()


def measurements(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """(step, loss), oldest first."""
    return [(int(entry["step"]), float(entry[LOSS])) for entry in history if LOSS in entry]


def best_step(history: Sequence[Mapping[str, Any]]) -> int | None:
    """The step of the smallest loss, the earliest of equals; None before the first measurement."""
    # A NaN compares false with everything, and min would keep it if it came first.
    losses = [(math.inf if math.isnan(loss) else loss, step) for step, loss in measurements(history)]
    return min(losses)[1] if losses else None


def is_over(history: Sequence[Mapping[str, Any]], patience: int) -> bool:
    """Whether the last `patience` measurements brought nothing better than one before them."""
    losses = measurements(history)
    best = best_step(history)
    return bool(patience) and sum(step > (best or 0) for step, _ in losses) >= patience
