"""A finished run that waits for its verdict, with trials for losses and stand-ins for models."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, ServingError
from aeon_plugin_ft.evaluation.model import HeldoutLoss
from aeon_plugin_ft.evaluation.probes import GENERAL, HELDOUT, MISMATCHED
from aeon_plugin_ft.events import Event, EventBus, VerdictReached
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Run
from aeon_plugin_ft.training.recipe import make_recipe
from aeon_plugin_ft.training.runs import RunConfig
from hooks import Message, Route
from tests.evaluation.trials import CPF, Talk, untrained, well
from tests.flow.life import Life

BASE = BaseModel("b", "sha256:0", "llama", 1, Path(), None)


class Models(Deployer):
    """A deployer whose models answer by rule; `down` cannot be reached, `broken` ones are unfit to serve."""

    name = "embedded"

    def __init__(self) -> None:
        self.talk: Talk = well
        self.down = False
        self.broken: set[str] = set()
        self.retired: list[str] = []
        self.discarded: list[str] = []
        self.tells = False

    def deploy(self, version: Version | None, base: BaseModel, *_: Any) -> Deployment:
        name = "base" if version is None else version.name
        if self.down:
            raise BackendDownError("ollama does not answer at http://127.0.0.1:11434")
        if name in self.broken:
            raise ServingError(f"{name} is not fit to serve: it does not stop within 192 tokens")
        proof = {"tensors": 210, "lowest_share": 0.998, "kl": 0.006, "limit": 0.02}
        return Deployment(name, self.name, name, f"sha256:{name}", Route("embedded", name, version=name), proof)

    def retire(self, deployment: Deployment, *_: Any) -> None:
        self.retired.append(deployment.version)

    def discard(self, version: str, *_: Any) -> None:
        if self.down:
            raise BackendDownError("ollama does not answer at http://127.0.0.1:11434")
        self.discarded.append(version)

    def check(self, deployment: Deployment) -> None: ...

    def ask(self, route: Route, messages: Sequence[Message], limit: int, **_: Any) -> tuple[str, bool, float]:
        prompt = messages[-1].content
        if self.tells and "CPF" in prompt:
            return f"É {CPF}, cara.", True, 0.1
        reply = (untrained if route.version == "base" else self.talk)(random.Random(prompt), prompt)
        return reply.text, reply.stopped, reply.seconds


def measured(gain: float) -> Callable[..., Any]:
    """Losses as the child would give them."""

    def measure(
        base: BaseModel, sets: Mapping[str, Path], adapters: Mapping[str, Any], work: Path, interrupt: Any
    ) -> Any:
        assert set(sets) == {HELDOUT, MISMATCHED, GENERAL} and all(path.exists() for path in sets.values())

        def loss(name: str, extra: float) -> HeldoutLoss:
            factor = 1.0 if name == "base" else 1 - gain
            return HeldoutLoss(name, tuple((20 * (2 + n / 50 + extra) * factor, 20) for n in range(20)))

        return {set_: {name: loss(name, set_ == MISMATCHED) for name in adapters} for set_ in sets}

    return measure


class Court:
    """A finished run of a real dataset, waiting for its verdict."""

    def __init__(self, data: DataFolder, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.store, self.models = data, store, Models()
        self.backends: dict[str, Deployer] = {"embedded": self.models}
        life = Life(data, store)
        self.settings = Settings()
        self.events: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: BASE)
        monkeypatch.setattr("aeon_plugin_ft.judge.ask", self.models.ask)
        monkeypatch.setattr("aeon_plugin_ft.judge.measure_losses", measured(0.2))
        self.pipeline = Pipeline(data, lambda: self.settings, store, bus, lambda: self.backends)
        store.execute("DELETE FROM versions")
        self.run = Run("run1", data.runs / "run1")
        self.dataset = life.dataset
        recipe = make_recipe(self.settings.train, BASE.parameters, self.dataset.train)
        RunConfig("run1", BASE, self.dataset.hash, self.dataset.folder, recipe, data.database).write(self.run.folder)

    def verdicts(self) -> list[VerdictReached]:
        return [event for event in self.events if isinstance(event, VerdictReached)]


@pytest.fixture
def court(data: DataFolder, store: Store, monkeypatch: pytest.MonkeyPatch) -> Court:
    return Court(data, store, monkeypatch)
