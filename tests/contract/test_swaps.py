"""A swap under a hundred conversations, on every backend: none fails, none is mixed from two models."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Message, Route
from tests.contract.conftest import Stage
from tests.servers.text import Answer, default_answer

CHATS = 100
PROMPT = "Você é o AEON, direto e um pouco cínico."
THINKING_SECONDS = 0.6
"""Over each reply to a conversation, and nothing over the swap's own questions: those that began on the old route are
still being answered when the new one has proven itself."""


def thinking(stage: Stage) -> Answer:
    """Answers slowly, and only if the model is still there at the end."""

    def answer(model: str, messages: list[dict[str, str]]) -> str:
        if str(messages[-1]["content"]).startswith("call-"):
            time.sleep(THINKING_SECONDS)
        return default_answer(model, messages) if stage.serves(model) else "it was taken away in the middle"

    return answer


def swapper_of(stage: Stage, data: DataFolder, store: Store) -> tuple[Swapper, list[Version]]:
    """A host's swapper on the stage's backend, and two accepted versions."""
    registry = Registry(data, store)
    made = [
        registry.create(
            run=f"run-{version.name}", adapter=version.adapter, dataset="d", base=stage.base.spec,
            base_digest=stage.base.digest, verdict=Verdict(True, (), {}),
        )
        for version in (stage.version, stage.other)
    ]  # fmt: skip
    deployers = {stage.deployer.name: stage.deployer}
    swapper = Swapper(
        data, store, EventBus(), RouteTable(), deployers, lambda: stage.settings, resolve=lambda _: stage.base
    )
    return swapper, made


def talk(stage: Stage, routes: RouteTable, call: str) -> tuple[Route, str]:
    """One call as the brain makes it: a snapshot of the route, the reply, the release."""
    route = routes.acquire(call)
    assert route is not None
    try:
        return route, stage.pool.for_route(route).chat(route.model, [Message("user", call)], timeout_s=60)
    finally:
        routes.release(call)


def test_a_hundred_chats_during_a_swap_are_each_answered_wholly_by_one_model(
    stage: Stage, data: DataFolder, store: Store
) -> None:
    """Half talk on and on until the route has flipped, so that each has a reply across the flip; the others begin
    as soon as it flips."""
    swapper, (first, second) = swapper_of(stage, data, store)
    routes = swapper.routes
    swapper.swap(first, stage.base)
    old = routes.current
    stage.answers.answer = thinking(stage)
    started = threading.Barrier(CHATS + 1)

    def one(number: int) -> list[tuple[Route, str]]:
        heard = []
        started.wait()
        while routes.current is old:
            if number % 2:
                heard.append(talk(stage, routes, f"call-{number}"))
            else:
                time.sleep(0.001)
        return heard or [talk(stage, routes, f"call-{number}")]

    with ThreadPoolExecutor(CHATS) as pool:
        talks = [pool.submit(one, number) for number in range(CHATS)]
        started.wait()
        new = swapper.swap(second, stage.base)
        replies = [reply for each in talks for reply in each.result()]
    assert len(replies) >= CHATS
    assert {route.version for route, _ in replies} == {first.name, second.name}
    assert [text for route, text in replies if text != default_answer(route.model, [])] == []
    assert routes.current == new.route
    assert old is not None and routes.users(old) == 0


def test_going_back_brings_the_former_digest_back(stage: Stage, data: DataFolder, store: Store) -> None:
    swapper, (first, second) = swapper_of(stage, data, store)
    before = swapper.swap(first, stage.base)
    between = swapper.swap(second, stage.base)
    after = swapper.swap(first, stage.base)
    assert (after.version, after.digest) == (before.version, before.digest) != (between.version, between.digest)
    assert stage.pool.for_route(after.route).chat(after.route.model, [Message("user", "oi")], timeout_s=60)


def test_what_is_served_is_asked_last_under_the_owners_prompt(stage: Stage, data: DataFolder, store: Store) -> None:
    """A server keeps what it computed for the newest prompt: the owner's first question finds it ready."""
    if stage.deployer.name == "groq":
        pytest.skip("a cloud keeps no prompt for us")
    stage.prompt = PROMPT
    asked: list[tuple[str, list[dict[str, str]]]] = []

    def answer(model: str, messages: list[dict[str, str]]) -> str:
        asked.append((model, messages))
        return default_answer(model, messages)

    stage.answers.answer = answer
    swapper, (first, _) = swapper_of(stage, data, store)
    before_the_flip: list[int] = []
    flip = swapper.routes.flip

    def flips(route: Route | None) -> Route | None:
        before_the_flip.append(len(asked))
        return flip(route)

    swapper.routes.flip = flips  # type: ignore[method-assign]
    route = swapper.swap(first, stage.base).route
    for last in (asked[before_the_flip[0] - 1], asked[-1]):
        assert last[0] == route.model
        assert [message["role"] for message in last[1]] == ["system", "user"]
        assert last[1][0]["content"] == PROMPT
    assert all(talk[0]["role"] == "system" for _, talk in asked[before_the_flip[0] :])
