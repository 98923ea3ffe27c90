"""Looks at the store and the machine, and hands what it sees to the conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.registry import Registry, VersionState
from aeon_plugin_ft.schedule.conditions import HOUR, Decision, Observed, decide, turns_needed
from aeon_plugin_ft.schedule.failures import Hold
from aeon_plugin_ft.schedule.machine import Machine, ThisMachine
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.lease import learner
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.places.where import PlaceState
from aeon_plugin_ft.training.runs import LEASE, UNJUDGED, reap_runs, teaching_turns
from aeon_plugin_ft.training.table import RunRow, latest_run, list_runs, set_state, set_turns
from aeon_plugin_ft.turns.index import count_turns
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.wording import english

LOOKED_AT = 100
"""The newest runs, of which one may be left to tidy."""
_CAN_GO_ON = {RunState.PENDING, RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED}


class OwnTraining(Protocol):
    """The training of this process, and the owner whom it must not disturb."""

    @property
    def busy(self) -> bool:
        """Whether one is under way."""

    @property
    def ordered(self) -> bool:
        """Whether the owner asked for it."""

    def silence(self) -> float:
        """Seconds since the owner last spoke to the assistant, infinite where there is none."""


class Restraint(Protocol):
    """What holds training back after failures, or at the owner's word."""

    def hold(self) -> Hold | None:
        """Why nothing may begin, None when it may."""

    @property
    def given_up(self) -> bool:
        """Whether the newest run failed too often."""


class _NoTraining:
    busy = ordered = False

    def silence(self) -> float:
        return math.inf


class _Unrestrained:
    given_up = False

    def hold(self) -> Hold | None:
        return None


NO_TRAINING: OwnTraining = _NoTraining()
"""A process that trains nothing and has no owner in front of it: a command."""
UNRESTRAINED: Restraint = _Unrestrained()


class ScheduleObserver:
    """Sees for the schedule what is in the store, what the machine does, and what this process trains."""

    def __init__(
        self,
        data: DataFolder,
        store: Store,
        settings: Callable[[], ScheduleSection],
        training: OwnTraining = NO_TRAINING,
        restraint: Restraint = UNRESTRAINED,
        machine: Machine | None = None,
        place: Callable[[bool], PlaceState] = lambda due: PlaceState.HERE,
    ) -> None:
        self.data, self.store, self.settings = data, store, settings
        self._training, self._restraint = training, restraint
        self.machine = machine or ThisMachine()
        self._place = place
        self._counted = 0
        self._registry = Registry(data, store)

    def observe(self) -> Observed:
        """Everything that counts, now."""
        now, last, ours = self.store.clock(), self.last_run(), self._training.busy
        hold, unfinished = self._restraint.hold(), self.unfinished()
        if not ours:  # while one trains, it is looked at every second, and nothing hangs on the count
            self._counted = self.new_turns()
        return Observed(
            now=datetime.fromtimestamp(now),
            new_turns=self._counted,
            trained_before=last is not None,
            since_last_run=None if last is None else now - last,
            # JSON has no infinity; ten years are as good.
            idle=min(self.idle(), 10 * 365 * 24 * HOUR),
            on_mains=self.machine.on_mains(),
            busy_share=self.machine.busy_share(),
            free_disk=self.data.free_bytes(),
            free_memory=self.machine.free_memory(),
            running=ours or self.store.lease_holder(LEASE) is not None or learner(self.store) is not None,
            ours=ours,
            ordered=ours and self._training.ordered,
            held="" if hold is None else hold.detail,
            unfinished=unfinished,
            hold=None if hold is None else hold.cause,
            unlearns=not ours and self.unlearns(),
            place=self._place_of(unfinished, trained_before=last is not None),
        )

    def _place_of(self, unfinished: str | None, *, trained_before: bool) -> PlaceState:
        """Where what comes next would be: a training where the settings say, the judging of one always here."""
        if unfinished is not None and unfinished == self.store.fact(UNJUDGED):
            return PlaceState.HERE
        enough = self._counted >= turns_needed(self.settings(), trained_before)
        return self._place(unfinished is not None or enough)

    def decide(self) -> Decision:
        """Observe and decide on a new training; nothing is started."""
        return decide(self.settings(), self.observe())

    # -- what was trained ----------------------------------------------------------------------

    def last_run(self) -> float | None:
        """When the last training that was not cancelled began, in seconds since the epoch. The last by order, not by
        the clock, which may have been set back since."""
        last = latest_run(self.store)
        return None if last is None else last.created

    def new_turns(self) -> int:
        """Turns that teach something and came since then, counted without a clock. After some were forgotten the
        count begins anew from what is left."""
        last, now = latest_run(self.store), teaching_turns(self.store)
        if last is None:
            return now
        if last.turns is None:
            return teaching_turns(self.store, since=last.created)
        # Fewer than the run saw: some were forgotten, and a count from before would stay negative for as many new ones.
        if now < last.turns:
            set_turns(self.store, last.id, now)
        return max(0, now - last.turns)

    def unlearns(self) -> bool:
        """Whether the model in use has learnt something that was forgotten since, and no training has come to an end
        without it yet: one that was refused is not tried again before there is more to learn."""
        states = self._registry.states()
        if states.get(self._registry.current()) is not VersionState.TAINTED:
            return False
        last = latest_run(self.store)
        if last is None or last.state is not RunState.FINISHED:
            return True
        made = self._registry.version_of(last.id)
        return made is not None and states.get(made) is VersionState.TAINTED

    def turns_needed(self) -> int:
        """New turns that the next training needs; the first one needs fewer."""
        return turns_needed(self.settings(), self.last_run() is not None)

    def cooled_down_at(self) -> float:
        """When the cool-down ends, in seconds since the epoch; in the past where nothing was trained."""
        return (self.last_run() or 0.0) + self.settings().cooldown_hours * HOUR

    # -- what was left in the middle -----------------------------------------------------------

    def unfinished(self) -> str | None:
        """The run that may go on by itself: the newest one, if it was left, and not at the owner's wish; or one that
        was trained and could not be judged."""
        last = latest_run(self.store)
        if last is None:
            return None
        if last.state in _CAN_GO_ON and not (isinstance(last.cause, PauseCause) and last.cause.by_owner):
            return last.id
        return last.id if last.state is RunState.FINISHED and last.id == self.store.fact(UNJUDGED) else None

    def tidy(self) -> None:
        """Settle runs whose process is gone, and end those that can never go on: what they learn from was forgotten,
        a newer run has learnt it, or they failed too often. Does nothing while this process trains."""
        if self._training.busy:
            return
        reap_runs(self.store, self.data)
        learnt = False
        for row in list_runs(self.store, LOOKED_AT):
            cause = self._why_useless(row, learnt)
            if cause is not None and row.state in _CAN_GO_ON:
                reason = f"{english(cause)}: {row.reason}" if cause is EndCause.GIVEN_UP else ""
                set_state(self.store, row.id, RunState.CANCELLED, cause=cause, reason=reason)
            # Newest first: whatever comes after a finished run in this order is older than it.
            learnt = learnt or row.state is RunState.FINISHED

    def _why_useless(self, row: RunRow, learnt: bool) -> EndCause | None:
        if learnt:
            return EndCause.SUPERSEDED
        if not (row.folder.exists() and (self.data.datasets / row.dataset).exists()):
            return EndCause.GONE
        if row.state in {RunState.FAILED, RunState.INTERRUPTED} and self._restraint.given_up:
            return EndCause.GIVEN_UP
        return None

    def idle(self) -> float:
        """Seconds since the owner last spoke or, where the system tells, touched the machine."""
        touched = self.machine.idle()
        return self._training.silence() if touched is None else min(self._training.silence(), touched)


def conversation_turns(store: Store) -> int:
    """Every logged turn of conversation, whether it teaches something or not."""
    return count_turns(store, "kind = ?", TurnKind.CHAT.value)
