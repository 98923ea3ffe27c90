"""What holds training back: failures in a row, and the owner's word.

After a failure it waits, longer after each; after the third it gives up and says so once. A pause or a
cancellation by the owner holds for as long as the cool-down, or until they order a training.

Kept in the store, so that a restart forgets nothing. Giving up ends when there is a reason to hope: other
settings of the model, the data or the training, or a good number of new conversations. A refusal for want of memory
or disk says nothing about the next day, so then it looks again once a day, without a word.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

from aeon_plugin_ft.causes import HoldCause, Trouble
from aeon_plugin_ft.errors import (
    AeonFtError,
    AlreadyLearntError,
    DatasetError,
    LeaseHeldError,
    PreemptedError,
    RefusedError,
    RunStoppedError,
)
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.wording import worded

log = logging.getLogger("aeon_ft.schedule")
_say = Speaker("schedule")

# The name under which older releases kept it, too: it must not be lost with an update.
FACT = "setback"
OWNER_FACT = "stopped_by_owner"
WAITS = (600.0, 3600.0)
"""Seconds to wait after the first and the second failure."""
GIVE_UP = len(WAITS) + 1
REFUSED_AGAIN = 24 * 3600.0
"""Seconds until a refusal that was given up is tried again."""
FRESH_TURNS = 100
"""New conversation turns after which what failed, or had nothing to learn from, is tried again."""


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """`count` failures in a row, the last at `at` (seconds since the epoch); `settings` and `turns` as they were then.
    `final`: trying again makes no sense as things are. `refused`: the machine had no room for it, which may pass.
    `trouble`: a value of causes.Trouble, what the owner is told to mend. `reason` is for people."""

    count: int
    at: float
    reason: str
    settings: str
    turns: int
    final: bool
    refused: bool = False
    trouble: str = Trouble.OTHER.value


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing may begin; `detail` is the same for people, with the numbers, in the language of the process."""

    cause: HoldCause
    detail: str


class FailurePolicy:
    """`turns()` counts every logged conversation turn; `on_give_up` is told the last failure, once."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        turns: Callable[[], int],
        on_give_up: Callable[[AeonFtError], None] = lambda _: None,
    ) -> None:
        self.store, self.settings, self.turns, self.on_give_up = store, settings, turns, on_give_up

    def note(self, error: AeonFtError | None) -> None:
        """How a training ended: None when well; a pause or a training elsewhere is no failure."""
        if error is None:
            self.store.set_fact(FACT, None)
        elif isinstance(error, (AlreadyLearntError, DatasetError)):
            self._keep(0, error, final=True)
        elif not _only_paused(error):
            self._failed(error, refused=isinstance(error, RefusedError))

    def hold(self) -> Hold | None:
        """Why no training may begin now because of what failed or the owner said; None when one may."""
        last = self._last()
        if self._stopped_by_owner():
            return Hold(HoldCause.OWNER, worded(HoldCause.OWNER))
        if last is None or self._changed(last):
            return None
        passed = self.store.clock() - last.at
        if last.final:
            if last.refused and not 0 <= passed < REFUSED_AGAIN:
                return None
            if not last.count:
                return Hold(HoldCause.NOTHING_NEW, last.reason)
            return Hold(HoldCause.GIVEN_UP, _say("hold.given_up", count=last.count, reason=last.reason))
        wait = WAITS[last.count - 1]
        if not 0 <= passed < wait:  # a clock that was set back counts as time that has passed
            return None
        minutes = f"{(wait - passed) / 60:.0f}"
        return Hold(HoldCause.FAILED, _say("hold.failed", reason=last.reason, minutes=minutes))

    def owner_stopped(self) -> None:
        """The owner paused or cancelled: nothing begins by itself for a while."""
        self.store.set_fact(OWNER_FACT, self.store.clock())

    def owner_ordered(self) -> None:
        """The owner wants a training: nothing that happened before counts against it."""
        self.store.set_fact(OWNER_FACT, None)
        self.store.set_fact(FACT, None)

    def _stopped_by_owner(self) -> bool:
        at = self.store.fact(OWNER_FACT)
        return at is not None and 0 <= self.store.clock() - at < self.settings().schedule.cooldown_hours * 3600

    @property
    def given_up(self) -> bool:
        """Whether the newest training failed too often, and nothing has changed since."""
        last = self._last()
        return last is not None and last.final and last.count > 0 and not self._changed(last)

    def _failed(self, error: AeonFtError, *, refused: bool) -> None:
        before = self._last()
        # What was final counts from one again, or a single failure a month later would be the fourth in a row. Refusals
        # for want of room go on counting, so that they stay silent.
        anew = before is None or self._changed(before) or (before.final and not (before.refused and refused))
        count = 1 if before is None or anew else before.count + 1
        self._keep(count, error, final=count >= GIVE_UP, refused=refused)
        # Exactly then: the daily tries after it say nothing more.
        if count == GIVE_UP:
            self.on_give_up(error)

    def _keep(self, count: int, error: AeonFtError, *, final: bool, refused: bool = False) -> None:
        at, signature, trouble = self.store.clock(), self._signature(), error.trouble.value
        made = FailureRecord(count, at, error.what, signature, self.turns(), final, refused, trouble)
        self.store.set_fact(FACT, asdict(made))

    def _last(self) -> FailureRecord | None:
        raw = self.store.fact(FACT)
        return None if raw is None else FailureRecord(**raw)

    def _changed(self, last: FailureRecord) -> bool:
        return last.settings != self._signature() or self.turns() >= last.turns + FRESH_TURNS

    def _signature(self) -> str:
        """Of the settings that a training depends on."""
        now = self.settings()
        text = "".join(part.model_dump_json() for part in (now.base, now.dataset, now.train, now.serve))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _only_paused(error: AeonFtError) -> bool:
    # A run that the owner cancelled, or that broke, has stopped as well: only a pause is none of its failures.
    if isinstance(error, RunStoppedError):
        return RunState(error.state) is RunState.PAUSED
    return isinstance(error, (LeaseHeldError, PreemptedError))
