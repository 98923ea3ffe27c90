"""Whether to train now: every condition by name, whether it is met, and what is missing.

Pure functions of what was observed, so that a decision can be explained and replayed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, time
from typing import Any

from aeon_plugin_ft.causes import Cause, HoldCause
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.training.places.where import PlaceState

_say = Speaker("schedule")

MINUTE = 60.0
HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Observed:
    """The state of the world at one moment. `new_turns` are conversation turns since the last training,
    `trained_before` whether there ever was one. Ages are in seconds, None when it never happened or cannot
    be told. `idle` is how long the owner has not touched the machine or spoken; `busy_share` what programs other
    than Aeon take of the processor, 0 to 1. `running` is a training anywhere; `ours` one that this process
    supervises and may pause, `ordered` when the owner asked for that one. `hold` is what holds training back
    beside the world (a failure, the owner's word), None when nothing does, and `held` the same for people;
    `unfinished` is the run that can go on by itself. `unlearns`: the model in use has learnt something that was
    forgotten since. `place`: where it would train."""

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
    ours: bool = False
    ordered: bool = False
    held: str = ""
    unfinished: str | None = None
    hold: HoldCause | None = None
    unlearns: bool = False
    place: PlaceState = PlaceState.HERE

    def to_json(self) -> dict[str, Any]:
        """For the store; `from_json` reads it back."""
        return {**asdict(self), "now": self.now.isoformat()}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Observed:
        """Fields that this version does not know are left out."""
        names = {field.name for field in fields(cls)}
        values = {key: value for key, value in raw.items() if key in names}
        # A record of before causes were kept has the sentence only.
        hold = raw.get("hold") or (HoldCause.UNKNOWN if raw.get("held") else None)
        made = {"now": datetime.fromisoformat(raw["now"]), "hold": None if hold is None else HoldCause(hold),
                "place": PlaceState(raw.get("place", PlaceState.HERE.value))}  # fmt: skip
        return cls(**{**values, **made})


class ConditionName(Cause):
    """What a training by itself needs. The values are kept in `decisions.missing` and shown as they are."""

    SWITCHED_ON = "switched on"
    NOTHING_UNDER_WAY = "nothing under way"
    NOT_HELD_BACK = "not held back"
    NEW_CONVERSATIONS = "new conversations"
    COOL_DOWN = "cool-down"
    OWNER_AWAY = "owner away"
    MAINS_POWER = "mains power"
    MACHINE_FREE = "machine free"
    PLACE_FREE = "place free"
    """The place of [train] where, if that is not here."""
    DISK = "disk"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Condition:
    """`detail` is a sentence with the numbers, for people, in the language of the process."""

    name: ConditionName
    met: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Decision:
    conditions: tuple[Condition, ...]

    @property
    def start(self) -> bool:
        """Whether every condition is met."""
        return all(condition.met for condition in self.conditions)

    @property
    def missing(self) -> tuple[Condition, ...]:
        """The conditions that are not met, in the order in which they are told."""
        return tuple(condition for condition in self.conditions if not condition.met)


NEEDED_BYTES = 2_000_000_000
"""Room on disk and in memory below which nothing is started; the run's own estimate comes after that."""

QUIET_IDLE_SECONDS = 60.0
"""Without the owner for this long, training may begin in quiet hours; `idle_minutes` never asks for less."""


def decide(settings: ScheduleSection, seen: Observed) -> Decision:
    """What a new training needs: every condition, in the order in which they are told."""
    return Decision((*_allowed(settings, seen), *_worth_it(settings, seen), *_undisturbed(settings, seen)))


def decide_to_go_on(settings: ScheduleSection, seen: Observed) -> Decision:
    """What an unfinished training needs: no new turns and no cool-down."""
    return Decision((*_allowed(settings, seen), *_undisturbed(settings, seen)))


def _allowed(settings: ScheduleSection, seen: Observed) -> tuple[Condition, ...]:
    return (
        Condition(ConditionName.SWITCHED_ON, settings.enabled, "[schedule] enabled"),
        Condition(ConditionName.NOTHING_UNDER_WAY, not seen.running, _say("detail.one_at_a_time")),
        Condition(ConditionName.NOT_HELD_BACK, seen.hold is None, seen.held or _say("detail.not_held")),
    )


def _worth_it(settings: ScheduleSection, seen: Observed) -> tuple[Condition, ...]:
    return _enough_turns(settings, seen), _cooled_down(settings, seen)


def _undisturbed(settings: ScheduleSection, seen: Observed) -> tuple[Condition, ...]:
    if seen.place in {PlaceState.FREE, PlaceState.WAITED}:
        free = seen.place is PlaceState.FREE
        detail = _say("detail.place_free" if free else "detail.place_taken")
        return Condition(ConditionName.PLACE_FREE, free, detail), _disk(seen)
    here = _undisturbed_here(settings, seen)
    if seen.place is PlaceState.HERE:
        return here
    quiet = in_quiet_hours(settings.quiet_hours, seen.now.time())
    return (*here, Condition(ConditionName.PLACE_FREE, quiet, _say("detail.place_taken_here_in_quiet_hours")))


def _disk(seen: Observed) -> Condition:
    return Condition(ConditionName.DISK, seen.free_disk >= NEEDED_BYTES, _free(seen.free_disk))


def _free(count: int) -> str:
    return _say("detail.free", size=decimal(count / 1e9, 1))


def _undisturbed_here(settings: ScheduleSection, seen: Observed) -> tuple[Condition, ...]:
    return (
        _owner_away(settings, seen),
        Condition(ConditionName.MAINS_POWER, seen.on_mains or settings.on_battery, _say("detail.not_on_battery")),
        _machine_free(settings, seen),
        _disk(seen),
        Condition(ConditionName.MEMORY, seen.free_memory >= NEEDED_BYTES, _free(seen.free_memory)),
    )


def turns_needed(settings: ScheduleSection, trained_before: bool) -> int:
    """New conversation turns that a training needs."""
    return settings.every_turns if trained_before else min(settings.first_turns, settings.every_turns)


def in_quiet_hours(text: str, now: time) -> bool:
    """Whether `now` lies in "HH:MM-HH:MM" (may go over midnight); "" is never."""
    if not text:
        return False
    begin, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    # Over midnight it is the night before or the morning after.
    return begin <= now < end if begin <= end else now >= begin or now < end


def _enough_turns(settings: ScheduleSection, seen: Observed) -> Condition:
    needed = turns_needed(settings, seen.trained_before)
    if seen.unlearns:
        return Condition(ConditionName.NEW_CONVERSATIONS, True, _say("detail.learnt_forgotten"))
    enough = _say("detail.turns", turns=seen.new_turns, needed=needed)
    return Condition(ConditionName.NEW_CONVERSATIONS, seen.new_turns >= needed, enough)


def _cooled_down(settings: ScheduleSection, seen: Observed) -> Condition:
    """A last training in the future means that the clock was set back: that must not hold training for ever."""
    needed = settings.cooldown_hours * HOUR
    if seen.unlearns:
        return Condition(ConditionName.COOL_DOWN, True, _say("detail.to_unlearn"))
    if seen.since_last_run is None:
        return Condition(ConditionName.COOL_DOWN, True, _say("detail.nothing_trained"))
    if seen.since_last_run < 0:
        return Condition(ConditionName.COOL_DOWN, True, _say("detail.clock_set_back"))
    hours = decimal(seen.since_last_run / HOUR, 1)
    detail = _say("detail.hours", hours=hours, needed=_as_set(settings.cooldown_hours))
    return Condition(ConditionName.COOL_DOWN, seen.since_last_run >= needed, detail)


def _as_set(value: float) -> str:
    """A number of the settings with the digits that it was given."""
    return decimal(value, len(f"{value:g}".partition(".")[2]))


def away_seconds(settings: ScheduleSection, now: time) -> float:
    """How long nobody may have spoken to Aeon or touched the machine before training begins."""
    if in_quiet_hours(settings.quiet_hours, now):
        return QUIET_IDLE_SECONDS
    return max(QUIET_IDLE_SECONDS, settings.idle_minutes * MINUTE)


def _owner_away(settings: ScheduleSection, seen: Observed) -> Condition:
    needed = away_seconds(settings, seen.now.time())
    quiet = in_quiet_hours(settings.quiet_hours, seen.now.time())
    # At most a day in the sentence: an owner who never spoke has been idle for years.
    slots = {"minutes": decimal(min(seen.idle, DAY) / MINUTE), "needed": _as_set(needed / MINUTE)}
    detail = _say("detail.away_quiet" if quiet else "detail.away", **slots)
    return Condition(ConditionName.OWNER_AWAY, seen.idle >= needed, detail)


def _machine_free(settings: ScheduleSection, seen: Observed) -> Condition:
    limit = settings.max_busy_percent / 100
    detail = _say("detail.busy", share=f"{seen.busy_share:.0%}", limit=f"{limit:.0%}")
    return Condition(ConditionName.MACHINE_FREE, seen.busy_share <= limit, detail)
