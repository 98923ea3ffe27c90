"""Looks, decides, acts, remembers: one `step()` is everything the schedule does at one moment.

No thread and no clock of its own: the scheduler calls it every minute, and every second while a training
runs; a test calls it with a clock, an owner and a trainer of its own.
"""

from __future__ import annotations

import logging
from typing import Protocol

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import AeonFtError, LeaseHeldError
from aeon_plugin_ft.schedule.conditions import Observed, away_seconds
from aeon_plugin_ft.schedule.decisions import Decisions
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.schedule.policy import Act, ScheduleStep, next_step

log = logging.getLogger("aeon_ft.schedule")

BUSY_LOOKS = 3
"""Looks in a row at which other programs must be busy: a spike of a second is no game."""


class Trainer(Protocol):
    """What trains (schedule.background.Background). `ordered`: the owner asked for the one that is under way."""

    ordered: bool

    @property
    def busy(self) -> bool:
        """Whether one is under way."""

    def start(self, resume: str | None = None) -> None:
        """Begin a fresh one, or go on with the run `resume`. Raises LeaseHeldError while one is under way."""

    def pause(self, cause: PauseCause) -> None:
        """Ask it to leave; what it has done is kept."""


class TrainingController:
    """Acts on what the policy says, for one data folder and one trainer."""

    def __init__(self, observer: ScheduleObserver, trainer: Trainer, decisions: Decisions) -> None:
        self.observer, self.trainer, self.decisions = observer, trainer, decisions
        self.last: ScheduleStep | None = None
        self._busy_looks = 0

    def step(self) -> ScheduleStep:
        """Observe, decide, act. Never raises what a start may raise: it is logged, and tried at the next look."""
        self.observer.tidy()
        seen = self.observer.observe()
        if self.trainer.busy and self.trainer.ordered:
            self._owner_may_have_left(seen)
        step = self._without_spikes(next_step(self.observer.settings(), seen))
        self.last = step
        # Before acting: what was decided is on record even if acting on it takes the process down.
        self.decisions.note(seen, step)
        self._act(step, seen)
        return step

    def look_while_training(self) -> None:
        """The quick look: nothing while nothing of ours trains."""
        if self.trainer.busy:
            self.step()

    def owner_is_here(self) -> None:
        """The owner spoke: leave now instead of at the next look."""
        if self.trainer.busy and not self.trainer.ordered:
            self.trainer.pause(PauseCause.OWNER_BACK)

    def _owner_may_have_left(self, seen: Observed) -> None:
        if seen.idle >= away_seconds(self.observer.settings(), seen.now.time()):
            # From now on it is as any other: it leaves when the owner comes back.
            self.trainer.ordered = False

    def _without_spikes(self, step: ScheduleStep) -> ScheduleStep:
        if step.cause is not PauseCause.MACHINE_BUSY:
            self._busy_looks = 0
            return step
        self._busy_looks += 1
        # Looks come every second while it trains, so this is a matter of seconds.
        return step if self._busy_looks >= BUSY_LOOKS else ScheduleStep(Act.TRAIN, step.decision)

    def _act(self, step: ScheduleStep, seen: Observed) -> None:
        try:
            if step.act is Act.PAUSE and step.cause is not None:
                self.trainer.pause(step.cause)
            elif step.act is Act.RESUME:
                self.trainer.start(seen.unfinished)
            elif step.act is Act.START:
                self.trainer.start()
        except LeaseHeldError:
            log.info("a training is under way already")
        except AeonFtError as error:
            log.warning("the training could not be started: %s", error)
