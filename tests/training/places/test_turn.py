"""A run's turn on a cluster, with a stand-in for Ray: the queue is made once, ended by the last, and made again."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.training.places import turn
from aeon_plugin_ft.training.places.rayhead import HeadWatch
from aeon_plugin_ft.training.places.turn import Turn
from aeon_plugin_ft.training.worker.stopping import StopRequested


class ActorDied(Exception):
    """As Ray raises it where a named actor has just been ended."""


class Ray:
    """One named actor at a time, and how many cards the cluster has."""

    def __init__(self, gpus: int = 0, nodes: int = 2) -> None:
        self.gpus, self.count, self.made = gpus, nodes, 0
        self.actor: Any = None
        self.dies = 0
        self.exceptions = SimpleNamespace(RayActorError=ActorDied)

    def get_actor(self, name: str, namespace: str) -> Any:
        if self.actor is None:
            raise ValueError(f"no actor {name} in {namespace}")
        return self.actor

    def remote(self, made: Any) -> Any:
        def options(**_: Any) -> Any:
            return SimpleNamespace(remote=lambda *arguments: self._make(made(*arguments)))

        return SimpleNamespace(options=options)

    def _make(self, actor: Any) -> Any:
        self.made += 1
        self.actor = Proxy(actor)
        return self.actor

    def get(self, answer: Any, timeout: float) -> Any:
        if self.dies:
            self.dies, self.actor = self.dies - 1, None
            raise ActorDied
        return answer()

    def kill(self, actor: Any) -> None:
        assert actor is self.actor
        self.actor = None

    def cluster_resources(self) -> dict[str, float]:
        return {"GPU": float(self.gpus)} if self.gpus else {"CPU": 2.0}

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 1.0}}] * self.count

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "head")


class Proxy:
    def __init__(self, made: Any) -> None:
        self.made = made

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=lambda *arguments: lambda: getattr(self.made, name)(*arguments))


@pytest.fixture(autouse=True)
def strategies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "ASK_SECONDS", 0.0)
    for name in ("ray", "ray.util", "ray.util.scheduling_strategies"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["ray.util.scheduling_strategies"].NodeAffinitySchedulingStrategy = lambda *_, **__: None  # type: ignore[attr-defined]


class Calm:
    def __init__(self, folder: Path) -> None:
        self.run = Run("r1", folder)

    def wanted(self) -> PauseCause | None:
        return None

    def saves(self, step: int) -> None:
        (self.run.folder / "checkpoints" / f"step-{step:06d}").mkdir(parents=True)


def test_one_queue_for_all_which_the_last_one_ends() -> None:
    ray = Ray()
    first, second = Turn(ray, "ana", "r1"), Turn(ray, "rui", "r2")
    first.wait(pytest.fail)
    looks: list[int] = []

    def gives_way() -> None:
        looks.append(1)
        if len(looks) == 3:
            first.leave()

    second.wait(gives_way)
    assert len(looks) == 3 and ray.made == 1 and ray.actor is not None
    second.leave()
    assert ray.actor is None


def test_a_queue_that_was_just_ended_is_made_again() -> None:
    ray = Ray()
    ray.dies = 2
    one = Turn(ray, "ana", "r1")
    one.wait(pytest.fail)
    assert ray.made == 3
    # One in trouble for longer ends no training: the run that has a card keeps it, and who waits goes on waiting.
    ray.dies = 3 * turn.TRIES
    assert not one.over()
    one.again()
    one.leave()
    assert ray.dies == 0
    waits: list[int] = []
    ray.dies = turn.TRIES
    Turn(ray, "rui", "r2").wait(lambda: waits.append(1))
    assert waits == [1]


def test_a_run_leaves_where_its_turn_is_over_and_comes_back(tmp_path: Path) -> None:
    ray = Ray()
    one, other = Turn(ray, "ana", "r1"), Turn(ray, "rui", "r2")
    one.wait(pytest.fail)
    keeper = Calm(tmp_path)
    keeper.saves(4)
    watch = HeadWatch(keeper, one)  # type: ignore[arg-type]
    watch.begin_slice()
    watch.check()
    queue = ray.actor.made
    now = queue.clock()
    queue.clock = lambda: now
    queue.may_train("rui", "r2")
    now += queue.slice_seconds / 2
    watch.check()
    queue.may_train("rui", "r2")
    now += queue.slice_seconds / 2 + 1
    # Its slice is over, and it has not got further yet: leaving now, it would only ever start.
    watch.check()
    keeper.saves(6)
    with pytest.raises(StopRequested) as stop:
        watch.check()
    assert stop.value.cause is PauseCause.OTHERS_TURN
    one.again()
    other.wait(pytest.fail)
    assert not queue.may_train("ana", "r1")
    other.leave()
    one.wait(pytest.fail)
    watch.begin_slice()
    watch.check()


@pytest.mark.parametrize(("gpus", "nodes", "cards"), [(4, 2, 4), (0, 3, 2), (0, 1, 1)])
def test_as_many_run_as_there_are_cards(gpus: int, nodes: int, cards: int) -> None:
    assert turn.cards(Ray(gpus, nodes)) == cards
