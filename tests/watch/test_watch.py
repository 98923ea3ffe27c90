"""The watch on the store: what it records, when it goes back, and that it does so once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import PromotionCause, Refusal
from aeon_plugin_ft.errors import RegistryError, StoreError
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.events import Event, EventBus, VerdictReached
from aeon_plugin_ft.registry import Registry, VersionState
from aeon_plugin_ft.registry.canaries import begin_canary, canary_under_way
from aeon_plugin_ft.serving.routes import CanaryRoute, RouteTable
from aeon_plugin_ft.settings import GateSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.watch.sequential import STRETCH
from aeon_plugin_ft.watch.signals import (
    counts,
    newest_stretch,
    record,
    reference,
    served_by,
    signal_of,
)
from aeon_plugin_ft.watch.watch import Watch
from hooks import Attempt, Message, Route, Turn

GOOD, ENGLISH = "Massa, já anotei isso aqui.", "Well, you know that it is what it is and that is the way of it."
GROQ = Attempt("groq", "llama", "base", True, 0.4)


class Talk:
    """An owner who talks; every turn is noted and looked at, as the host does it."""

    def __init__(self, data: DataFolder, store: Store, tmp_path: Path) -> None:
        self.store, self.tmp_path = store, tmp_path
        self.registry = Registry(data, store)
        self.time = 1000.0
        store.clock = lambda: self.time
        self.events: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.settings = GateSection()
        self.watch = Watch(store, self.registry, TurnIndex(store, data.log), bus, lambda: self.settings)

    def version(self, run: str, promote: bool = True) -> str:
        adapter = self.tmp_path / run
        adapter.mkdir()
        made = self.registry.create(
            run=run, adapter=adapter, dataset="d", base="b", base_digest="x", verdict=Verdict(True, (), {})
        )
        if promote:
            self.time += 1
            self.registry.promote(made.name, PromotionCause.BETTER)
        return made.name

    def turn(self, reply: str = GOOD, version: str = "", **changes: Any) -> bool:
        """One turn answered by `version` (else the host's own model); whether another model shall answer now."""
        self.time += 60
        route = Route("embedded", version, version=version) if version else None
        served = Attempt("embedded", version, version, True, 1.0) if version else GROQ
        turn = Turn(
            id=f"t{self.time}", session="s", started_at=self.time, seconds=1.0, caller="chat", mode="", prompt="oi",
            messages=(Message("user", "oi"),), reply=reply, served_by=served,
        )  # fmt: skip
        kind = changes.pop("kind", TurnKind.CHAT)
        self.watch.note(replace(turn, **changes), kind, route)
        return self.watch.look()

    def until_left(self, version: str, limit: int = 30, **changes: Any) -> int | None:
        return next((n for n in range(1, limit + 1) if self.turn(version=version, **changes)), None)


@pytest.fixture
def talk(data: DataFolder, store: Store, tmp_path: Path) -> Talk:
    return Talk(data, store, tmp_path)


def test_a_turn_that_could_not_be_recorded_is_recorded_by_the_next_look(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = talk.version("r1")

    def locked(*_: object) -> None:
        raise StoreError("The database is locked")

    monkeypatch.setattr("aeon_plugin_ft.watch.watch.record", locked)
    for _ in range(2):
        with pytest.raises(StoreError):
            talk.turn(version=name)
    monkeypatch.undo()
    talk.turn(version=name)
    assert len(served_by(talk.store, name, 0.0)) == 3
    talk.turn(version=name)
    assert len(served_by(talk.store, name, 0.0)) == 4


def test_a_model_that_turns_to_english_is_left_for_the_one_before_and_never_comes_back(talk: Talk) -> None:
    for _ in range(40):
        talk.turn()
    first = talk.version("r1")
    for _ in range(40):
        assert not talk.turn(version=first)
    second = talk.version("r2")
    assert (talk.until_left(second, reply=ENGLISH) or 99) <= 15
    assert talk.registry.current() == first
    assert talk.registry.get(second).state is VersionState.REJECTED
    last = talk.registry.last_promotion()
    assert last is not None and last.cause is PromotionCause.WORSE and "faulty" in talk.registry.reason(second)
    rows = len(talk.store.rows("SELECT 1 FROM promotions"))
    assert not any(talk.turn(version=second, reply=ENGLISH) for _ in range(10)), "late turns change nothing"
    assert len(talk.store.rows("SELECT 1 FROM promotions")) == rows


def test_a_healthy_model_stays(talk: Talk) -> None:
    for _ in range(40):
        talk.turn()
    name = talk.version("r1")
    assert talk.until_left(name, limit=120) is None
    assert talk.registry.current() == name


def test_complaints_count_and_praise_does_not(talk: Talk) -> None:
    name = talk.version("r1")
    left = False
    for number in range(30):
        left = left or talk.turn(version=name)
        kind = "complaint" if number % 3 else "praise"
        talk.store.execute(
            "INSERT INTO feedback (turn, kind, at, source) VALUES (?, ?, 0, 'command')", f"t{talk.time}", kind
        )
        left = left or talk.watch.look()
    assert left and "displeased" in talk.registry.reason(name)


def test_a_backend_that_fails_is_left_for_the_hosts_own_choice_without_a_judgement(talk: Talk) -> None:
    first = talk.version("r1")
    for _ in range(30):
        talk.turn(version=first)
    second = talk.version("r2")
    assert (talk.until_left(second, served_by=GROQ) or 99) <= 6
    assert talk.registry.current() == "base", "the version before is on the same backend"
    assert talk.registry.get(second).state is VersionState.RETIRED and talk.registry.usable(second)
    last = talk.registry.last_promotion()
    assert last is not None and last.cause is PromotionCause.BACKEND_FAILED


def test_what_came_back_because_nothing_else_could_be_served_is_kept(talk: Talk) -> None:
    name = talk.version("r1", promote=False)
    talk.registry.promote(name, PromotionCause.UNSERVED, "v0002 could not be served: no memory")
    assert talk.until_left(name, served_by=None, reply=None, kind=TurnKind.EMPTY) is None


def test_it_can_be_switched_off(talk: Talk) -> None:
    talk.settings = GateSection(watch=False)
    name = talk.version("r1")
    assert talk.until_left(name, reply=ENGLISH) is None


def test_only_the_owners_own_talk_is_watched_and_no_text_is_kept(talk: Talk, data: DataFolder) -> None:
    name = talk.version("r1")
    talk.turn(version=name, caller="modules.mistica")
    talk.turn(version=name, kind=TurnKind.COMMAND)
    talk.turn(version=name, kind=TurnKind.SYNTHETIC)
    assert served_by(talk.store, name, 0) == []
    talk.turn(version=name, reply='{"tool": "Midia.tocar", "param": "segredo"}')
    talk.turn(version=name, reply='{"tool": "Midia.tocar", "param": "segr')
    found = served_by(talk.store, name, 0)
    assert [signal.tool for signal in found] == [True, False] and found[1].faulty
    assert not any("segredo" in str(tuple(row)) for row in talk.store.rows("SELECT * FROM signals"))


def test_the_hosts_own_model_is_not_our_base(talk: Talk) -> None:
    talk.turn()
    assert {signal.version for signal in reference(talk.store, "base", "v0001", talk.time + 1)} == {"base@groq"}


# -- a candidate beside the model in use ---------------------------------------------------------


def canary(talk: Talk) -> str:
    for _ in range(40):
        talk.turn()
    name = talk.version("r1", promote=False)
    talk.time += 1
    begin_canary(talk.store, name, "base", 0.3, 30)
    return name


def test_a_candidate_that_does_well_takes_over_after_its_turns(talk: Talk) -> None:
    name = canary(talk)
    for _ in range(29):
        assert not talk.turn(version=name)
        assert not talk.turn()
    assert talk.turn(version=name)
    assert talk.registry.current() == name and canary_under_way(talk.store) is None
    row = talk.store.row("SELECT outcome FROM trials")
    assert row is not None and row["outcome"] == "promoted"


def test_a_candidate_that_does_badly_is_rejected_and_the_owner_told_once(talk: Talk) -> None:
    name = canary(talk)
    for _ in range(20):
        assert not talk.turn(version=name, reply=ENGLISH)
    assert talk.registry.current() == "base" and not talk.registry.usable(name)
    assert canary_under_way(talk.store) is None
    told = [event for event in talk.events if isinstance(event, VerdictReached)]
    assert len(told) == 1 and not told[0].accepted and told[0].refusals == (Refusal.FAULTY,)


def test_a_candidate_that_the_owner_chose_meanwhile_is_no_trial_any_more(talk: Talk) -> None:
    name = canary(talk)
    talk.registry.promote(name, PromotionCause.OWNER)
    talk.turn(version=name)
    assert canary_under_way(talk.store) is None and talk.registry.current() == name


def test_the_newest_stretch_is_read_alone(talk: Talk) -> None:
    name = talk.version("r1")
    rows = [signal_of(f"t{n}", 2000.0 + n, "s", name, "embedded", False, 1.0, GOOD) for n in range(2 * STRETCH + 3)]
    record(talk.store, rows)
    number, found = newest_stretch(talk.store, name, 0)
    assert (number, [s.turn for s in found]) == (2, [s.turn for s in rows[2 * STRETCH :]])
    assert list(found) == rows[2 * STRETCH :]
    assert newest_stretch(talk.store, "v0009", 0) == (0, [])


def test_the_pace_and_the_length_are_those_of_the_record(talk: Talk) -> None:
    for _ in range(20):
        talk.turn()
    name = talk.version("r1")
    talk.turn(version=name, seconds=200.0)
    talk.turn(version=name, reply="muito " * 200)
    now, before = counts(served_by(talk.store, name, 0), reference(talk.store, "base", name, talk.time))
    assert (now["slow"].bad, now["long"].bad, now["faulty"].bad) == (1, 1, 1)
    assert before["slow"].bad == before["long"].bad == 0


def test_a_session_stays_with_one_model_and_the_share_is_kept() -> None:
    canary = CanaryRoute(Route("embedded", "v0002", version="v0002"), 0.25)
    taken = [canary.takes(f"session {n}") for n in range(2000)]
    assert taken == [canary.takes(f"session {n}") for n in range(2000)]
    assert 0.2 < sum(taken) / len(taken) < 0.3
    assert not any(CanaryRoute(canary.route, 0.0).takes(str(n)) for n in range(100))


def test_a_call_keeps_its_route_when_a_trial_begins_or_ends() -> None:
    table = RouteTable()
    old = Route("embedded", "v1", version="v0001")
    table.flip(old)
    assert table.acquire("a", "s") == old
    table.canary = CanaryRoute(Route("embedded", "v2", version="v0002"), 1.0)
    assert table.acquire("a", "s") == old
    second = table.acquire("b", "s")
    assert second is not None and second.version == "v0002"
    table.canary = None
    assert table.release("b") == second and table.release("b") is None


def test_a_look_that_failed_is_made_up_for(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    name = talk.version("r1", promote=False)
    begin_canary(talk.store, name, "base", 0.5, 12)
    for _ in range(11):
        talk.turn(version=name)
    real, failures = talk.registry.promote, iter([True])

    def promote(*given: Any, **more: Any) -> Any:
        if next(failures, False):
            raise RegistryError("the disk is busy")
        return real(*given, **more)

    monkeypatch.setattr(talk.registry, "promote", promote)
    with pytest.raises(RegistryError):
        talk.turn(version=name)
    assert talk.registry.current() == "base"
    assert talk.watch.look() and talk.registry.current() == name
