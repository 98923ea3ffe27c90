"""Learning in the background of a running host: the parts of schedule/, put together.

The owner's voice orders, pauses and cancels through this; the schedule does the rest.
"""

from __future__ import annotations

import time
from typing import Protocol

from aeon_plugin_ft.causes import NotTrained, PauseCause
from aeon_plugin_ft.errors import (
    AeonFtError,
    AlreadyLearntError,
    BaseModelError,
    DatasetError,
    LeaseHeldError,
    NoSpaceError,
    NoTrainerError,
    PreemptedError,
    RefusedError,
    RunStoppedError,
    TrainingError,
)
from aeon_plugin_ft.events import AttentionNeeded, TrainingLeft
from aeon_plugin_ft.extras import require_trainer
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.schedule import Background, Decisions, TrainingController, TrainingScheduler
from aeon_plugin_ft.schedule.background import OnProgress
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import set_state
from aeon_plugin_ft.wiring import Basis, make_failures, make_observer, make_pipeline

_say = Speaker("errors/loop")

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
        self._asked_for = False
        """Whether the owner asked for the newest training."""
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
        # The very first answer: before anything is promised, downloaded or measured.
        require_trainer()
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
        # Kept, for the schedule forgets it when the owner goes away meanwhile.
        self._asked_for = self.background.ordered
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
        try:
            self._host.give_back()
        finally:
            self._tell(error)
            self.failures.note(error)

    def _tell(self, error: AeonFtError | None) -> None:
        """What no other event tells: whoever ordered a training is answered by what became of it."""
        doing = self.background.doing
        # What could not be judged is told with the verdict that there is none.
        judged = doing is not None and doing.phase.is_judging and not isinstance(error, PreemptedError)
        why = None if error is None or judged else not_trained(error)
        if error is not None and why is not None:
            self.events.publish(TrainingLeft(why=why, ordered=self._asked_for, reason=error.what))

    def _gave_up(self, error: AeonFtError) -> None:
        what, todo = _say.error("training.gave_up", reason=error.what)
        self.events.publish(AttentionNeeded(trouble=error.trouble, what=what, todo=todo))


_NOT_TRAINED: tuple[tuple[type[AeonFtError], NotTrained], ...] = (
    (NoTrainerError, NotTrained.NO_TRAINER),
    (AlreadyLearntError, NotTrained.NOTHING_NEW),
    (DatasetError, NotTrained.NO_DATA),
    (LeaseHeldError, NotTrained.UNDER_WAY),
    (RefusedError, NotTrained.NO_ROOM),
    (NoSpaceError, NotTrained.NO_ROOM),
    (BaseModelError, NotTrained.NO_BASE),
    (PreemptedError, NotTrained.LEFT),
)


def not_trained(error: AeonFtError) -> NotTrained | None:
    """Why a training came to nothing; None where an event has told it already, or the owner stopped it."""
    if isinstance(error, RunStoppedError):
        return None if isinstance(error.cause, PauseCause) and error.cause.by_owner else NotTrained.LEFT
    known = next((why for kind, why in _NOT_TRAINED if isinstance(error, kind)), None)
    if known is not None:
        return known
    # Of a run that failed there is an event of its own, with the same cause.
    told = isinstance(error, TrainingError) and error.cause is not None
    return None if told else NotTrained.BROKE
