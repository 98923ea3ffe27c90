"""When training starts by itself: every condition alone can hold it back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, time
from typing import Any

import pytest

from aeon_plugin_ft.causes import HoldCause
from aeon_plugin_ft.schedule import Observed, decide, in_quiet_hours, turns_needed
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.training.places.where import PlaceState

GOOD = Observed(
    now=datetime(2026, 11, 22, 15, 0),
    new_turns=1000,
    trained_before=True,
    since_last_run=30 * 3600.0,
    idle=900.0,
    on_mains=True,
    busy_share=0.1,
    free_disk=10**11,
    free_memory=10**10,
)


def test_with_everything_met_it_starts() -> None:
    assert decide(ScheduleSection(), GOOD).start


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"new_turns": 999}, "new conversations"),
        ({"since_last_run": 3600.0}, "cool-down"),
        ({"idle": 599.0}, "owner away"),
        ({"on_mains": False}, "mains power"),
        ({"busy_share": 0.9}, "machine free"),
        ({"free_disk": 10**8}, "disk"),
        ({"free_memory": 10**8}, "memory"),
        ({"running": True}, "nothing under way"),
        ({"held": "it failed", "hold": HoldCause.FAILED}, "not held back"),
    ],
)
def test_each_condition_alone_holds_it_back(change: dict[str, Any], name: str) -> None:
    decision = decide(ScheduleSection(), replace(GOOD, **change))
    assert [condition.name for condition in decision.missing] == [name]
    assert decision.missing[0].detail


def test_where_it_trains_elsewhere_this_machine_does_not_matter() -> None:
    used = replace(GOOD, idle=0.0, on_mains=False, busy_share=0.9, free_memory=10**8)
    assert not decide(ScheduleSection(), used).start
    free = replace(used, place=PlaceState.FREE)
    assert decide(ScheduleSection(), free).start
    # What comes back has to lie somewhere, and what holds it back for other reasons still does.
    for change, name in (({"free_disk": 10**8}, "disk"), ({"new_turns": 1}, "new conversations")):
        assert [one.name for one in decide(ScheduleSection(), replace(free, **change)).missing] == [name]
    waited = replace(GOOD, place=PlaceState.WAITED)
    assert [one.name for one in decide(ScheduleSection(), waited).missing] == ["place free"]


@pytest.mark.parametrize(("hour", "start"), [(3, True), (15, False)])
def test_in_place_of_one_that_is_in_use_it_trains_here_at_night(hour: int, start: bool) -> None:
    settings = ScheduleSection(quiet_hours="00:00-06:00")
    seen = replace(GOOD, place=PlaceState.QUIET, now=GOOD.now.replace(hour=hour))
    assert decide(settings, seen).start is start
    # Here, so that what this machine does counts.
    assert not decide(settings, replace(seen, on_mains=False)).start


def test_where_it_would_train_is_kept_in_the_record() -> None:
    seen = replace(GOOD, place=PlaceState.FREE)
    assert Observed.from_json(json.loads(json.dumps(seen.to_json()))) == seen
    # A record of an earlier release says nothing of places.
    old = {key: value for key, value in GOOD.to_json().items() if key != "place"}
    assert Observed.from_json(old) == GOOD


@pytest.mark.parametrize(
    ("settings", "change", "start"),
    [
        ({"enabled": False}, {}, False),
        ({"every_turns": 500}, {"new_turns": 500}, True),
        ({"first_turns": 50}, {"new_turns": 50, "trained_before": False, "since_last_run": None}, True),
        ({"cooldown_hours": 1}, {"since_last_run": 3700.0}, True),
        ({"idle_minutes": 1}, {"idle": 61.0}, True),
        ({"idle_minutes": 0}, {"idle": 59.0}, False),
        ({"quiet_hours": "14:00-16:00"}, {"idle": 61.0}, True),
        ({"quiet_hours": "14:00-16:00"}, {"idle": 59.0}, False),
        ({"quiet_hours": "01:00-06:00"}, {"idle": 61.0}, False),
        ({}, {"since_last_run": -1e8}, True),
        ({"on_battery": True}, {"on_mains": False}, True),
        ({"max_busy_percent": 95}, {"busy_share": 0.9}, True),
    ],
)
def test_each_setting_moves_its_condition(settings: dict[str, Any], change: dict[str, Any], start: bool) -> None:
    assert decide(ScheduleSection(**settings), replace(GOOD, **change)).start is start


def test_the_first_training_needs_fewer_turns() -> None:
    settings = ScheduleSection()
    assert (turns_needed(settings, False), turns_needed(settings, True)) == (100, 1000)
    assert turns_needed(ScheduleSection(every_turns=60), False) == 60


@pytest.mark.parametrize(
    ("hours", "now", "quiet"),
    [
        ("", time(3), False),
        ("01:00-06:00", time(3), True),
        ("01:00-06:00", time(6), False),
        ("22:00-06:00", time(23), True),
        ("22:00-06:00", time(5, 59), True),
        ("22:00-06:00", time(12), False),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: str, now: time, quiet: bool) -> None:
    assert in_quiet_hours(hours, now) is quiet


@pytest.mark.parametrize("text", ["25:00-06:00", "1-6", "noite"])
def test_hours_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quiet_hours"):
        ScheduleSection(quiet_hours=text)


def test_what_was_forgotten_is_unlearnt_in_the_next_idle_hour() -> None:
    """Without new conversations and without a cool-down; the owner's absence and the machine count as ever."""
    tired = replace(GOOD, new_turns=0, since_last_run=60.0)
    assert not decide(ScheduleSection(), tired).start
    assert decide(ScheduleSection(), replace(tired, unlearns=True)).start
    assert not decide(ScheduleSection(), replace(tired, unlearns=True, idle=1.0)).start
