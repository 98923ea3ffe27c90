"""What the owner may order of a training, by voice, on the page or from elsewhere: a part of `control`."""

from __future__ import annotations

from collections.abc import Callable

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.supervise import ask_to_leave
from aeon_plugin_ft.training.table import runs_in, set_state, unfinished_run
from aeon_plugin_ft.voice.control import CommandResult, Reason
from aeon_plugin_ft.voice.reasons import reason_of


class TrainingControl:
    """The training's part of voice.control.Control, for whichever process has the `learning`."""

    def __init__(self, store: Store, learning: Learning) -> None:
        self.store, self.learning = store, learning

    def train_now(self) -> CommandResult:
        """Order a training; it begins in the background."""
        return outcome_of(lambda: self.learning.order())

    def pause(self) -> CommandResult:
        """Pause what trains, and keep what the schedule has paused from going on by itself."""
        if self.learning.busy:
            self.learning.pause(None)
            return CommandResult()
        elsewhere = next(iter(runs_in(self.store, {RunState.RUNNING})), None)
        if elsewhere is not None:  # of a command: its worker leaves, and its supervisor notes why
            self.learning.pause(None)
            ask_to_leave(elsewhere.run, PauseCause.OWNER_PAUSED)
            return CommandResult()
        run = self._unfinished()
        if run is None:
            return CommandResult(Reason.NOT_TRAINING)
        self.learning.pause(run)
        return CommandResult(Reason.ALREADY_PAUSED)

    def resume(self) -> CommandResult:
        """Go on with the run that was left in the middle."""
        run = self._unfinished()
        if run is None or self.learning.busy:
            return CommandResult(Reason.NOT_PAUSED)
        return outcome_of(lambda: self.learning.order(run))

    def cancel(self) -> CommandResult:
        """End the training, or the run that was left, for good."""
        busy = self.learning.busy
        self.learning.stop_for_good()
        # Only now: the training that was stopped has written by itself how far it came.
        run = self._unfinished()
        if run is None:
            return CommandResult() if busy else CommandResult(Reason.NOT_TRAINING)
        set_state(self.store, run, RunState.CANCELLED, cause=PauseCause.OWNER_CANCELLED)
        return CommandResult()

    def _unfinished(self) -> str | None:
        row = unfinished_run(self.store)
        return None if row is None else row.id


def outcome_of(act: Callable[[], object]) -> CommandResult:
    """Do something; an error of the tree is a reason."""
    try:
        act()
    except AeonFtError as error:
        return CommandResult(reason_of(error))
    return CommandResult()
