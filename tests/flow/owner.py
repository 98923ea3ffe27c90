"""A host with its owner and the real plugin; the deployer is a stand-in that serves nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.registry.model import WON_TODAY
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.voice.catalogue import variants
from hooks import Attempt, HookCaller, Host, Message, ModelRequest, Route, Turn, build_manager

OLLAMA = Route("ollama", "deepseek-r1:8b")


class StandIn(Deployer):
    """Only remembers; `broken` versions cannot be served."""

    name = "embedded"

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.retired: list[str] = []

    def deploy(self, version: Version | None, base: BaseModel, *_: Any) -> Deployment:
        name = "base" if version is None else version.name
        if name in self.broken:
            raise BackendDownError(f"{name} is broken")
        return Deployment(name, self.name, name, f"sha256:{name}", Route("groq", name, version=name))

    def check(self, deployment: Deployment) -> None:
        if deployment.version in self.broken:
            raise BackendDownError(f"{deployment.version} is broken")

    def retire(self, deployment: Deployment, *_: Any) -> None:
        self.retired.append(deployment.version)


class Owner:
    """A host with its owner: starts the plugin, talks, hears what is said aloud."""

    def __init__(self, folder: Path, *others: object) -> None:
        self.plugin = FineTuning()
        self.caller = HookCaller(build_manager(self.plugin, *others, entry_points=False))
        self.said: list[str] = []
        self.private = False
        self.host = Host("test", folder, None, self.said.append, lambda: self.private, lambda: False, hooks=self.caller)
        self.standin = StandIn()
        BACKENDS["embedded"] = self.standin

    def start(self) -> Runtime:
        self.caller.historic("aeon_started", host=self.host)
        runtime = self.plugin.runtime
        assert runtime is not None
        return runtime

    def asks(self, prompt: str, route: Route = OLLAMA) -> Route | None:
        request = ModelRequest("call", prompt, (Message("user", prompt),), "chat", "s", route)
        chosen = self.caller.first("aeon_choose_model", request=request)
        assert chosen is None or isinstance(chosen, Route)
        return chosen

    def remembers(self, prompt: str, route: Route = OLLAMA) -> tuple[str, ...] | None:
        """What the model that the host is about to ask is told."""
        request = ModelRequest("call", prompt, (Message("user", prompt),), "chat", "s", route)
        told = self.caller.first("aeon_remember", request=request)
        assert told is None or isinstance(told, tuple)
        return told

    def says(self, prompt: str, reply: str = "Tipo, sei lá.", **fields: object) -> None:
        turn = Turn(
            id=f"t{time.time_ns()}",
            session="s",
            started_at=time.time(),
            seconds=0.1,
            caller="chat",
            mode="conversa",
            prompt=prompt,
            messages=(Message("system", "Você é AEON."), Message("user", prompt)),
            reply=reply,
            served_by=Attempt("ollama", "m", "base", True, 0.1),
        )
        self.caller.all("aeon_turn_finished", turn=replace(turn, **fields))  # type: ignore[arg-type]

    def asks_a_module(self, text: str, prompt: str | None = None, reply: str = "As cartas dizem que sim.") -> None:
        """A sentence that one of the host's modules answers; `prompt` is what it asks the brain, if anything."""
        assert self.hears(text) is None
        if prompt is not None:
            self.says(prompt, reply, caller="modules.mistica.tarologo_mod")
        self.caller.all("aeon_answered_elsewhere", text=text)

    def hears(self, text: str) -> str | None:
        answer = self.caller.first("aeon_heard", text=text)
        assert answer is None or isinstance(answer, str)
        return answer


def heard(owner: Owner, text: str) -> str | None:
    """What the owner hears in the end: on a busy machine first that it is being done."""
    told = len(owner.said)
    reply = owner.hears(text)
    if reply in variants()["dialogue.working"]:
        eventually(lambda: len(owner.said) > told)
        return owner.said[told]
    return reply


BACKENDS: dict[str, StandIn] = {}


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch: pytest.MonkeyPatch) -> None:
    base = BaseModel("smollm2-135m-instruct", "sha256:0", "llama", 1, Path(), None)
    monkeypatch.setattr("aeon_plugin_ft.pipeline.resolve_base", lambda *_: base)
    monkeypatch.setattr("aeon_plugin_ft.serving.backends._embedded", lambda *_: BACKENDS["embedded"])


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path / "data")
    yield made
    made.caller.all("aeon_stopping")


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def add_version(
    runtime: Runtime, tmp_path: Path, run: str, numbers: Mapping[str, float] | None = None, *, compared: bool = True
) -> str:
    """An accepted version that won the comparison with what answers today, where `numbers` do not say otherwise, or
    was not compared with it."""
    today = {WON_TODAY: 1.0} if compared else {}
    adapter = tmp_path / f"adapter-{run}"
    adapter.mkdir()
    return (
        Registry(runtime.data, runtime.store)
        .create(
            run=run,
            adapter=adapter,
            dataset="d",
            base="smollm2-135m-instruct",
            base_digest="sha256:0",
            verdict=Verdict(True, (), {"gain.base": 0.3, **today, **(numbers or {})}),
        )
        .name
    )
