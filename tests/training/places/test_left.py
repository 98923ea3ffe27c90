"""What lies at another place is known here until it was deleted there, whatever becomes of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

import pytest

from aeon_plugin_ft.errors import LostError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.places import farewell
from aeon_plugin_ft.training.places.door import Fill
from aeon_plugin_ft.training.places.left import clean_owed, left_at, note_left, owed
from aeon_plugin_ft.training.places.where import Where, parse_where
from aeon_plugin_ft.training.table import add_run, set_state


class Asked:
    """A door that remembers what it was asked; `lost` cannot be reached."""

    def __init__(self) -> None:
        self.history: list[tuple[str, str]] = []
        self.lost = False

    def call(
        self, verb: str, arguments: Mapping[str, Any], fill: Fill | None = None, sink: BinaryIO | None = None
    ) -> dict[str, Any]:
        if self.lost:
            raise LostError("the PC is off")
        self.history.append((verb, str(arguments["run"])))
        return {"ok": True}

    def begin(self, run: str, spec: Mapping[str, Any]) -> None: ...


def place(text: str) -> Where:
    where = parse_where(text)
    assert where is not None
    return where


ROOM = place("ssh://ana@sala/home/ana/py")


@pytest.fixture
def ended(data: DataFolder, store: Store) -> str:
    """A run that was at another place, and was cancelled here."""
    for name in ("r1", "r2"):
        add_run(store, name, "d", "b", None, 3, 0)
        (data.runs / name).mkdir()
        note_left(store, name, ROOM)
    set_state(store, "r1", RunState.CANCELLED)
    set_state(store, "r2", RunState.RUNNING)
    return "r1"


def test_a_place_is_written_as_it_was_read() -> None:
    for setting in (
        "ssh://ana@sala/home/ana/py",
        "ray://c:8265",
        "ssh://ana@sala:22",
        "ssh://ana@sala/C:/Py/python.exe",
    ):
        assert place(setting).setting == setting


def test_what_nobody_comes_back_for_is_deleted_there_and_the_rest_is_not(store: Store, ended: str) -> None:
    door = Asked()
    assert owed(store) == {ended: ROOM.setting}
    assert clean_owed(store, ROOM, door) == []
    assert door.history == [("leave", ended), ("clean", ended)]
    assert left_at(store) == {"r2": ROOM.setting} and owed(store) == {}


def test_a_run_whose_folder_was_forgotten_is_owed_too(data: DataFolder, store: Store, ended: str) -> None:
    (data.runs / "r2").rmdir()
    assert set(owed(store)) == {"r1", "r2"}


def test_a_place_that_is_off_is_asked_again(store: Store, ended: str) -> None:
    door = Asked()
    door.lost = True
    (failed,) = clean_owed(store, ROOM, door)
    assert "the PC is off" in failed and ended in left_at(store)
    door.lost = False
    assert clean_owed(store, ROOM, door) == [] and ended not in left_at(store)


def test_another_place_is_not_asked_for_what_it_does_not_have(store: Store, ended: str) -> None:
    door = Asked()
    assert clean_owed(store, place("ssh://ana@quarto"), door) == [] and door.history == []
    assert ended in left_at(store)


def test_a_farewell_is_said_again_until_it_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Asked()
    door.lost = True

    def comes_back(_: float) -> None:
        door.lost = False

    monkeypatch.setattr(farewell.time, "sleep", comes_back)
    assert farewell.tell(door, "r1", "owner_paused") and door.history == [("leave", "r1")]
    door.lost = True
    monkeypatch.setattr(farewell, "PATIENCE_SECONDS", -1.0)
    assert not farewell.tell(door, "r1", "owner_paused")
