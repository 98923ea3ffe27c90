"""The loop with another place to train at: which one, by whose word, and who is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from aeon_plugin_ft.control import OwnerControl
from aeon_plugin_ft.errors import LostError, NoConsentError, PlaceBusyError
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.settings import Settings, SettingsFile
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places import choosing
from aeon_plugin_ft.training.places.consent import allow, allowed
from aeon_plugin_ft.training.places.left import note_left
from aeon_plugin_ft.training.places.where import parse_where
from aeon_plugin_ft.voice.intents import Intent, Name
from tests.cli.commands import Cli, cli
from tests.flow.court import Court, court

__all__ = ["cli", "court"]

ROOM = "ssh://ana@sala"


class Room:
    """The PC in the next room; `share` of it is used, None: it is off."""

    def __init__(self, share: float | None = 0.0) -> None:
        self.share = share
        self.asked = 0

    def call(self, verb: str, *_: Any, **__: Any) -> dict[str, Any]:
        assert verb == "used"
        self.asked += 1
        if self.share is None:
            raise LostError("ssh://ana@sala cannot be reached (no route to host)")
        return {"ok": True, "share": self.share}


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    made = Room()
    monkeypatch.setattr(choosing, "open_door", lambda _: made)
    return made


@dataclass
class Host:
    """What the voice's control needs of a runtime here."""

    settings_file: SettingsFile
    store: Store
    registry: Registry
    learning: Any = None

    @property
    def settings(self) -> Settings:
        return self.settings_file.current


def allow_room(court: Court) -> None:
    where = parse_where(ROOM)
    assert where is not None
    allow(court.store, where)


@pytest.fixture
def went(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where each run that is stayed with goes."""
    places: list[str] = []

    def stay(run: Any, *rest: Any) -> Any:
        places.append(rest[-1])
        return run

    monkeypatch.setattr("aeon_plugin_ft.pipeline.stay_with", stay)
    return places


def test_a_run_goes_where_the_settings_of_the_moment_say(court: Court, room: Room, went: list[str]) -> None:
    court.pipeline.supervise(court.run)
    court.settings = Settings.model_validate({"train": {"where": ROOM}})
    with pytest.raises(NoConsentError):
        court.pipeline.supervise(court.run)
    assert room.asked == 0
    allow_room(court)
    court.pipeline.supervise(court.run)
    assert went == ["here", ROOM]


def test_a_place_that_is_in_use_or_off_is_waited_for_or_not(court: Court, room: Room, went: list[str]) -> None:
    allow_room(court)
    for share, why in ((0.9, "in use"), (None, "cannot be reached")):
        room.share = share
        court.settings = Settings.model_validate({"train": {"where": ROOM}})
        with pytest.raises(PlaceBusyError, match=why):
            court.pipeline.supervise(court.run)
        court.settings = Settings.model_validate({"train": {"where": ROOM, "otherwise": "here"}})
        court.pipeline.supervise(court.run)
    assert went == ["here", "here"]


def test_a_place_has_a_name(court: Court, room: Room, went: list[str]) -> None:
    allow_room(court)
    named = {"places": [f"PC da sala = {ROOM}"], "where": "pc da sala"}
    court.settings = Settings.model_validate({"train": named})
    court.pipeline.supervise(court.run)
    assert went == [ROOM]
    for bad in (
        {**named, "where": "PC do quarto"},
        {"places": ["sala: ssh://ana@sala"]},
        {"places": ["sala = ftp://x"]},
    ):
        with pytest.raises(ValueError, match=r"where|places"):
            Settings.model_validate({"train": bad})


@pytest.mark.parametrize(("hours", "goes"), [("00:00-23:59", True), ("", False)])
def test_where_it_is_busy_it_trains_here_in_quiet_hours_only(
    court: Court, room: Room, went: list[str], hours: str, goes: bool
) -> None:
    allow_room(court)
    room.share = 0.9
    train, schedule = {"where": ROOM, "otherwise": "quiet"}, {"quiet_hours": hours}
    court.settings = Settings.model_validate({"train": train, "schedule": schedule})
    if goes:
        court.pipeline.supervise(court.run)
        assert went == ["here"]
        return
    with pytest.raises(PlaceBusyError):
        court.pipeline.supervise(court.run)


def test_the_spoken_wish_is_what_the_settings_then_say(court: Court) -> None:
    (court.data.root / "plugin.toml").write_text("", encoding="utf-8")
    file = SettingsFile(court.data.root / "plugin.toml")
    file.set("train.places", (f"PC da sala = {ROOM}",))
    control = OwnerControl(Host(file, court.store, court.pipeline.registry))  # type: ignore[arg-type]
    wish = control.place("pc da sala quando ele estiver livre, senão aqui de madrugada")
    assert wish is not None and not wish.allowed
    allow_room(court)
    wish = control.place("pc da sala quando ele estiver livre, senão aqui de madrugada")
    assert wish is not None and wish.allowed
    assert control.train_at(wish).reason is None
    now = file.current
    assert (now.train.place, now.train.otherwise, now.schedule.quiet_hours) == (ROOM, "quiet", "00:00-06:00")
    assert control.understands(Intent(Name.PLACE, text="pc da sala", named=True))
    assert not control.understands(Intent(Name.PLACE, text="parque", named=True))


def test_a_run_that_is_there_already_goes_on_there(court: Court, room: Room, went: list[str]) -> None:
    allow_room(court)
    room.share = 0.9  # by itself
    where = parse_where(ROOM)
    assert where is not None
    note_left(court.store, court.run.id, where)
    court.settings = Settings.model_validate({"train": {"where": ROOM}})
    court.pipeline.supervise(court.run)
    assert went == [ROOM] and room.asked == 0


def test_a_place_is_asked_for_before_anything_is_measured(
    court: Court, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.pipeline.require_trainer", lambda: None)
    court.settings = Settings.model_validate({"train": {"where": ROOM}})
    with pytest.raises(NoConsentError):
        court.pipeline.plan(court.dataset)
    allow_room(court)
    # Nothing of this machine's is measured for a run that trains on another.
    _, recipe, cost = court.pipeline.plan(court.dataset)
    assert cost.steps == recipe.steps and not cost.ram_bytes and not cost.step_seconds


@pytest.mark.parametrize("bad", ["ftp://x", "ssh://sala", "ssh://-oProxyCommand=calc@sala", "ssh://ana@sala; rm -rf /",
                                 "ray://cluster", "ssh://ana@sala/$(id)"])  # fmt: skip
def test_what_is_no_place_is_no_setting(bad: str) -> None:
    with pytest.raises(ValueError, match="where"):
        Settings.model_validate({"train": {"where": bad}})


def test_the_owner_hears_what_goes_and_says_yes_or_nothing_goes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.cli.places.confirm", lambda *_, **__: False)
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

    cli.begin()
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
