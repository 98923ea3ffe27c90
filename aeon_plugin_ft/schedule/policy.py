"""The schedule as one pure function: what was observed in, what to do now and why out.

    the owner is away, the machine is free, there is enough to learn  ->  START
    a run was paused by the schedule, or died; the same conditions    ->  RESUME (no new turns, no cool-down)
    one runs, and the owner speaks, types or starts a game            ->  PAUSE

The owner's return pauses a training at every hour, quiet ones too. A training that the owner ordered begins
in front of them and is left alone until they have gone away once; from then on it is as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.schedule.conditions import Decision, Observed, decide, decide_to_go_on
from aeon_plugin_ft.settings import ScheduleSection

BACK_SECONDS = 30.0
"""The owner is back when this little time has passed since they spoke or touched something. Less than any
training waits for, so that no training begins only to be paused."""

LOW_MEMORY_BYTES = 300_000_000
"""Free memory below which a training leaves: somebody else needs it."""


class Act(str, Enum):
    WAIT = "wait"
    START = "start"
    RESUME = "resume"
    TRAIN = "train"
    """One is under way and goes on."""
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class ScheduleStep:
    """What to do now. `cause` is that of a pause, `decision` every condition that counted."""

    act: Act
    decision: Decision
    cause: PauseCause | None = None


def next_step(settings: ScheduleSection, seen: Observed) -> ScheduleStep:
    """The one decision of the schedule."""
    fresh = decide(settings, seen)
    # A training of another process is not ours to pause; `running` then keeps a second one from starting.
    if seen.ours:
        cause = None if seen.ordered else why_pause(settings, seen)
        return ScheduleStep(Act.TRAIN if cause is None else Act.PAUSE, fresh, cause)
    # Before a fresh one: what was half learnt is not begun again.
    if seen.unfinished is not None:
        going_on = decide_to_go_on(settings, seen)
        return ScheduleStep(Act.RESUME if going_on.start else Act.WAIT, going_on)
    return ScheduleStep(Act.START if fresh.start else Act.WAIT, fresh)


def why_pause(settings: ScheduleSection, seen: Observed) -> PauseCause | None:
    """Why a training must leave the machine now; None while it may go on."""
    if seen.idle < BACK_SECONDS:
        return PauseCause.OWNER_BACK
    if not (seen.on_mains or settings.on_battery):
        return PauseCause.NO_MAINS
    if seen.busy_share > settings.max_busy_percent / 100:
        return PauseCause.MACHINE_BUSY
    if seen.free_memory < LOW_MEMORY_BYTES:
        return PauseCause.LOW_MEMORY
    return None if settings.enabled else PauseCause.SWITCHED_OFF
