"""Whether to train now: every condition by name, whether it is met, and what is missing.

Pure functions of what was observed, so that a decision can be explained and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from aeon_plugin_ft.settings import ScheduleSection

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Observed:
    """The state of the world at one moment. `new_turns` are conversation turns since the last training,
    `trained_before` whether there ever was one. Ages are in seconds, None when it never happened or cannot
    be told. `idle` is how long the owner has not touched the machine or spoken."""

    now: datetime
    new_turns: int
    trained_before: bool
    since_last_run: float | None
    idle: float
    on_mains: bool
    busy_share: float
    free_disk: int
    free_memory: int
    running: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """`detail` is a sentence with the numbers."""

    name: str
    met: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Decision:
    conditions: tuple[Condition, ...]

    @property
    def start(self) -> bool:
        return all(condition.met for condition in self.conditions)

    @property
    def missing(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if not condition.met)


NEEDED_BYTES = 2_000_000_000
"""Room on disk and in memory below which nothing is started; the run's own estimate comes after that."""


def decide(settings: ScheduleSection, seen: Observed) -> Decision:
    """Every condition, in the order in which they are told."""
    return Decision(
        (
            Condition("switched on", settings.enabled, "[schedule] enabled"),
            Condition("nothing under way", not seen.running, "one training at a time"),
            _enough_turns(settings, seen),
            _cooled_down(settings, seen),
            _owner_away(settings, seen),
            Condition("mains power", seen.on_mains or settings.on_battery, "not on battery"),
            _machine_free(settings, seen),
            Condition("disk", seen.free_disk >= NEEDED_BYTES, f"{seen.free_disk / 1e9:.1f} GB free"),
            Condition("memory", seen.free_memory >= NEEDED_BYTES, f"{seen.free_memory / 1e9:.1f} GB free"),
        )
    )


def turns_needed(settings: ScheduleSection, trained_before: bool) -> int:
    """New conversation turns that a training needs."""
    return settings.every_turns if trained_before else min(settings.first_turns, settings.every_turns)


def in_quiet_hours(text: str, now: time) -> bool:
    """Whether `now` lies in "HH:MM-HH:MM" (may go over midnight); "" is never."""
    if not text:
        return False
    begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    return begin <= now < end if begin <= end else now >= begin or now < end


def _enough_turns(settings: ScheduleSection, seen: Observed) -> Condition:
    needed = turns_needed(settings, seen.trained_before)
    return Condition("new conversations", seen.new_turns >= needed, f"{seen.new_turns} of {needed}")


def _cooled_down(settings: ScheduleSection, seen: Observed) -> Condition:
    needed = settings.cooldown_hours * HOUR
    if seen.since_last_run is None:
        return Condition("cool-down", True, "nothing was trained yet")
    detail = f"{seen.since_last_run / HOUR:.1f} of {settings.cooldown_hours:g} hours since the last training"
    return Condition("cool-down", seen.since_last_run >= needed, detail)


def _owner_away(settings: ScheduleSection, seen: Observed) -> Condition:
    quiet = in_quiet_hours(settings.quiet_hours, seen.now.time())
    needed = settings.idle_minutes * MINUTE
    detail = f"{min(seen.idle, DAY) / MINUTE:.0f} of {settings.idle_minutes:g} minutes without the owner"
    return Condition("owner away", quiet or seen.idle >= needed, "quiet hours" if quiet else detail)


def _machine_free(settings: ScheduleSection, seen: Observed) -> Condition:
    limit = settings.max_busy_percent / 100
    return Condition("machine free", seen.busy_share <= limit, f"{seen.busy_share:.0%} of the processor in use")
