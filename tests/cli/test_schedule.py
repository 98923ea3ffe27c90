"""`aeon-ft schedule`: what holds a training back now, and the replay of what was decided before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from aeon_plugin_ft.schedule import Decisions, Observed, next_step
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.store import DataFolder, Store
from tests.cli.commands import Cli, cli

__all__ = ["cli"]

AWAY = Observed(datetime(2026, 11, 22, 15), 700, True, 1e6, 9e5, True, 0.1, 10**11, 10**10)


def decided(root: Path, *seen: Observed) -> None:
    now = [1.79e9]
    store = Store(DataFolder(root).create().database, clock=lambda: now[0])
    decisions = Decisions(store)
    for one in seen:
        decisions.note(one, next_step(ScheduleSection(), one))
        now[0] += 3600
    store.close()


def test_it_says_what_is_missing_and_who_tells_whether_the_owner_is_there(cli: Cli) -> None:
    cli.begin()
    found: Any = cli.json("schedule")
    missing = [condition["name"] for condition in found["conditions"] if not condition["met"]]
    assert "new conversations" in missing and not found["start"] and found["act"] == "wait"
    assert found["idle_source"]
    assert cli("schedule") == 0 and "Training waits." in cli.out and found["idle_source"] in cli.out
    assert "new conversations" in cli.json("status")["waiting_for"]  # type: ignore[index]
    assert cli("status") == 0 and "new conversations" in cli.out


def test_without_a_decision_the_replay_says_when_they_are_made(cli: Cli) -> None:
    cli.begin()
    assert cli("schedule", "--explain") == 0 and "while Aeon" in cli.out
    assert cli.json("schedule", "--explain") == []


def test_past_decisions_are_made_again_with_the_settings_of_now(cli: Cli) -> None:
    decided(cli.data, AWAY, replace(AWAY, idle=5.0), replace(AWAY, new_turns=1000))
    before: Any = cli.json("schedule", "--explain")
    assert [(one["act"], one["today"]) for one in before] == [("wait", "wait"), ("wait", "wait"), ("start", "start")]
    assert before[0]["missing"] == ["new conversations"] and before[0]["until"] == before[1]["at"]
    assert cli("config", "set", "schedule.every_turns", "500") == 0
    after: Any = cli.json("schedule", "--explain", "--last", "3")
    assert [one["today"] for one in after] == ["start", "wait", "start"]
    assert cli("schedule", "--explain", "--last", "1") == 0 and "start" in cli.out
