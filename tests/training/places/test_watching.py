"""What the schedule knows of another machine: asked now and then, by the owner's word only, and never waited for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from aeon_plugin_ft.errors import LostError
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places.consent import allow
from aeon_plugin_ft.training.places.watching import ASK_SECONDS, PlaceWatch
from aeon_plugin_ft.training.places.where import PlaceState, Where, parse_where

ROOM = "ssh://ana@sala"


class Room:
    def __init__(self) -> None:
        self.share: float | None = 0.1
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, where: Where) -> Any:
        return self

    def call(self, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.asked += 1
        assert self.gate.wait(60)
        if self.share is None:
            raise LostError("it is off")
        return {"ok": True, "share": self.share}


class Scene:
    def __init__(self, store: Store, *, patient: bool = True) -> None:
        self.room, self.now, self.settings = Room(), 0.0, TrainSection(where=ROOM)
        self.watch = PlaceWatch(
            lambda: self.settings, store, patient=patient, open_way=self.room, clock=lambda: self.now
        )

    def state(self, *, due: bool = True) -> PlaceState:
        return self.watch.state(due=due)


@pytest.fixture
def scene(store: Store) -> Scene:
    where = parse_where(ROOM)
    assert where is not None
    allow(store, where)
    return Scene(store)


def test_it_is_asked_where_there_is_something_to_train_and_not_more_often_than_needed(scene: Scene) -> None:
    assert scene.state(due=False) is PlaceState.WAITED and scene.room.asked == 0
    assert scene.state() is PlaceState.FREE and scene.state() is PlaceState.FREE and scene.room.asked == 1
    scene.room.share = 0.9
    scene.now = ASK_SECONDS
    assert scene.state() is PlaceState.WAITED and scene.room.asked == 2


@pytest.mark.parametrize("otherwise", ["wait", "here", "quiet"])
def test_one_that_is_off_is_as_one_that_is_in_use(scene: Scene, otherwise: str) -> None:
    scene.room.share = None
    scene.settings = TrainSection.model_validate({"where": ROOM, "otherwise": otherwise})
    expected = {"wait": PlaceState.WAITED, "here": PlaceState.HERE, "quiet": PlaceState.QUIET}
    assert scene.state() is expected[otherwise]


def test_without_the_owners_word_and_without_a_place_nobody_is_asked(store: Store, scene: Scene) -> None:
    scene.settings = TrainSection()
    assert scene.state() is PlaceState.HERE
    scene.settings = TrainSection(where="ssh://bia@quarto")
    assert scene.state() is PlaceState.HERE
    assert scene.room.asked == 0


def test_the_schedule_does_not_wait_for_the_answer(store: Store, scene: Scene) -> None:
    hasty = Scene(store, patient=False)
    hasty.room.gate.clear()
    assert hasty.state() is PlaceState.WAITED and hasty.state() is PlaceState.WAITED
    hasty.room.gate.set()
    for thread in threading.enumerate():
        if thread.name == "aeon-ft-place":
            thread.join(60)
    assert hasty.state() is PlaceState.FREE and hasty.room.asked == 1
