"""The loop with another place to train at: which one, by whose word, and who is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aeon_plugin_ft.errors import NoConsentError
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places.consent import allow, allowed
from aeon_plugin_ft.training.places.where import parse_where
from tests.cli.commands import Cli, cli
from tests.flow.court import Court, court

__all__ = ["cli", "court"]

ROOM = "ssh://ana@sala"


def test_a_run_goes_where_the_settings_of_the_moment_say(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stay(run: Any, *rest: Any) -> Any:
        asked.append(rest[-1])
        return run

    monkeypatch.setattr("aeon_plugin_ft.pipeline.stay_with", stay)
    court.pipeline.supervise(court.run)
    court.settings = Settings.model_validate({"train": {"where": ROOM}})
    court.pipeline.supervise(court.run)
    assert asked == ["here", ROOM]


def test_a_place_is_asked_for_before_anything_is_measured(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.pipeline.require_trainer", lambda: None)
    court.settings = Settings.model_validate({"train": {"where": ROOM}})
    with pytest.raises(NoConsentError):
        court.pipeline.plan(court.dataset)
    where = parse_where(ROOM)
    assert where is not None
    allow(court.store, where)
    # Nothing of this machine's is measured for a run that trains on another.
    _, recipe, cost = court.pipeline.plan(court.dataset)
    assert cost.steps == recipe.steps and not cost.ram_bytes and not cost.step_seconds


@pytest.mark.parametrize("bad", ["ftp://x", "ssh://sala", "ssh://-oProxyCommand=calc@sala", "ssh://ana@sala; rm -rf /",
                                 "ray://cluster", "ssh://ana@sala/$(id)"])  # fmt: skip
def test_what_is_no_place_is_no_setting(bad: str) -> None:
    with pytest.raises(ValueError, match="where"):
        Settings.model_validate({"train": {"where": bad}})


def test_the_owner_hears_what_goes_and_says_yes_or_nothing_goes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert cli("places", "allow", ROOM) == 3
    said = " ".join(cli.out.split())
    assert "your conversations" in said and "OpenSSH" in said and "Nothing goes there" in said
    assert cli.json("places") == {"where": "here", "allowed": {}}
    assert cli("places", "allow", ROOM, "--yes") == 0
    listed: Any = cli.json("places")
    assert list(listed["allowed"]) == [ROOM]
    assert cli("places", "allow", "ray://cluster:8265", "--yes") == 0
    assert "NOT encrypted" in " ".join(cli.out.split())
    assert cli("places", "forbid", ROOM) == 0 and cli("places", "forbid", ROOM) == 0
    assert "was not allowed" in cli.out
    assert cli("places", "allow", "here", "--yes") != 0


def test_doctor_shows_what_goes_where_and_a_place_without_permission(cli: Cli) -> None:
    def places() -> list[dict[str, Any]]:
        cli("doctor", "--json")
        return [one for one in json.loads(cli.out) if one["name"] == "place"]

    assert [one["ok"] for one in places()] == [True]
    assert cli("config", "set", "train.where", ROOM) == 0
    (fault,) = places()
    assert not fault["ok"] and fault["mend"] == f"aeon-ft places allow {ROOM}"
    assert cli("places", "allow", ROOM, "--yes") == 0
    (told,) = places()
    assert told["ok"] and "your conversations" in told["detail"] and "OpenSSH" in told["detail"]


def test_a_consent_is_kept(court: Court) -> None:
    where = parse_where(ROOM)
    assert where is not None
    allow(court.store, where)
    other = Store(court.data.database)
    assert list(allowed(other)) == [ROOM]
    other.close()
