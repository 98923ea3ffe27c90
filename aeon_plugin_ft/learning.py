"""Learning in the background of a running host: the parts of schedule/, put together.

The owner's voice orders, pauses and cancels through this; the schedule does the rest.
"""

from __future__ import annotations

import time
from typing import Protocol

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import AeonFtError, RefusedError
from aeon_plugin_ft.events import AttentionNeeded
from aeon_plugin_ft.schedule import Background, Decisions, TrainingController, TrainingScheduler
from aeon_plugin_ft.schedule.background import OnProgress
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import set_state
from aeon_plugin_ft.wiring import Basis, make_failures, make_observer, make_pipeline

_LEAVE_SECONDS = 10.0


class TrainingHost(Protocol):
    """What a training in the background asks of the host that it runs in."""

    def is_busy(self) -> bool:
        """Whether the host is in the middle of a turn."""

    def follow_now(self) -> None:
        """Make the brain follow a version that was accepted."""

    def make_room(self) -> bool:
        """Take the served model out of memory until `give_back`; False when that cannot be."""

    def give_back(self) -> None:
        """The training has ended: what made room for it may answer again."""


class Learning:
    """The schedule and the trainings of one host. schedule.observer.OwnTraining, for what the schedule sees."""

    def __init__(self, parts: Basis, host: TrainingHost) -> None:
        self.store, self.events, self._host = parts.store, parts.events, host
        self._spoke = time.monotonic()
        self.failures = make_failures(parts, self._gave_up)
        self.background = Background(self._learn, self._ended)
        self.pipeline = make_pipeline(parts, self.background.note_phase, self.background.interrupt)
        self.observer = make_observer(parts, self.failures, self)
        self.controller = TrainingController(self.observer, self.background, Decisions(parts.store))
        self.scheduler = TrainingScheduler(self.controller.step, self.controller.look_while_training)

    # -- what the schedule sees ----------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a training of this process is under way."""
        return self.background.busy

    @property
    def ordered(self) -> bool:
        """Whether the owner asked for the one that is under way."""
        return self.background.ordered

    def silence(self) -> float:
        """Seconds since the owner last spoke, 0 in the middle of a turn. Not by the wall clock, which may be set."""
        return 0.0 if self._host.is_busy() else time.monotonic() - self._spoke

    # -- the owner -----------------------------------------------------------------------------

    def owner_spoke(self) -> None:
        """They are here: a training that they did not order leaves at once."""
        self._spoke = time.monotonic()
        self.controller.owner_is_here()

    def order(self, run: str | None = None) -> None:
        """Train now, or go on with a run, because the owner said so. Raises LeaseHeldError while one is under way."""
        # Before the failures are forgiven: while another one trains, nothing is ordered and nothing is forgiven.
        self.background.start(run, ordered=True)
        self.failures.owner_ordered()

    def pause(self, run: str | None) -> None:
        """At the owner's word, until the owner's word: also `run`, which the schedule had paused by itself."""
        self.failures.owner_stopped()
        self.background.pause(PauseCause.OWNER_PAUSED)
        if run is not None:
            set_state(self.store, run, RunState.PAUSED, cause=PauseCause.OWNER_PAUSED)

    def stop_for_good(self) -> None:
        """Before a run is cancelled: nothing of it goes on."""
        self.failures.owner_stopped()
        self.background.pause(PauseCause.OWNER_CANCELLED)
        self.background.join(_LEAVE_SECONDS)

    # -- the loop ------------------------------------------------------------------------------

    def _learn(self, resume: str | None, on_progress: OnProgress) -> None:
        """One turn of the loop in the background; a version that is accepted is followed at once."""
        try:
            self._once(resume, on_progress)
        except RefusedError as refused:
            # Only for want of memory, and only once: room is made by taking the served model out of it.
            if not (refused.lacks_memory and self._host.make_room()):
                raise
            self._once(resume, on_progress)
        self._host.follow_now()

    def _once(self, resume: str | None, on_progress: OnProgress) -> None:
        if resume is None:
            self.pipeline.learn(on_progress)
        else:
            self.pipeline.go_on(resume, on_progress)

    def _ended(self, error: AeonFtError | None) -> None:
        # Before the failure is noted: whatever that takes, the model answers again.
        self._host.give_back()
        self.failures.note(error)

    def _gave_up(self, error: AeonFtError) -> None:
        todo = "Mude [base], [train] ou [dataset] no plugin.toml, ou veja `aeon-ft runs`"
        what = f"training failed three times in a row: {error.what}"
        self.events.publish(AttentionNeeded(trouble=error.trouble, what=what, todo=todo))
