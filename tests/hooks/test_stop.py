"""A reply that the owner stops: at once, whoever is asked, with the turn told and nobody blamed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.brain import AeonBrain
from hooks import HookCaller, ModelRequest, Route, Turn, build_manager, hookimpl
from hooks.attach import attach
from hooks.breaker import Breaker
from hooks.stop import Stop, Stopped, stoppable
from tests.host.servers import ModelServer, Scripted

LATE = Scripted("tarde", delay=60.0)
WAITED = 30.0
"""Seconds after which nobody has left at once, however busy the machine is, but waited for the reply."""


class Recorder:
    def __init__(self, route: Route | None = None) -> None:
        self.route = route
        self.turns: list[Turn] = []

    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        return self.route

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        self.turns.append(turn)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("x", models=("m",)) as server:
        yield server


def stopped_after(work: Callable[[], Any], until: Callable[[], bool]) -> tuple[Any, float]:
    """What work gives that is stopped as soon as `until` holds, and the seconds from then to its end."""
    stop, results = Stop(), []

    def run() -> None:
        with stoppable(stop):
            try:
                results.append(work())
            except Stopped as error:
                results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not until():
        time.sleep(0.01)
    time.sleep(0.05)
    began = time.monotonic()
    stop.now()
    thread.join(2 * WAITED)
    return results[0], time.monotonic() - began


@pytest.mark.parametrize("provider", ["openai", "ollama", "groq"])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_model_that_has_not_said_a_word_is_left_at_once(server: ModelServer, provider: Any, streamed: bool) -> None:
    route = Route(provider, "m", server.url, "key", fallback=(Route("openai", "next", server.url),))
    recorder = Recorder(route)
    brain = AeonBrain(None, hooks=HookCaller(build_manager(recorder, entry_points=False)))
    brain.host_routes = (Route("openai", "host", server.url),)
    server.enqueue("um")
    assert brain.pensar("antes", modo="conversa") == "um"  # so that its connection has been used
    server.enqueue(LATE)
    shown: list[str] = []
    token = shown.append if streamed else None
    reply, seconds = stopped_after(
        lambda: brain.pensar("oi", modo="conversa", on_token=token), lambda: len(server.chats()) == 2
    )
    assert reply is None and seconds < WAITED and shown == []
    turn = recorder.turns[-1]
    assert turn.stopped and turn.reply is None and turn.served_by is None
    assert [attempt.error for attempt in turn.attempts] == ["stopped by the owner"]
    assert len(server.chats()) == 2, "nobody else was asked"
    assert brain.pensar("de novo", modo="conversa") == "[x/m] de novo" and not recorder.turns[-1].stopped
    brain.close()


def test_a_reply_under_way_is_not_finished(server: ModelServer) -> None:
    recorder = Recorder()
    brain = AeonBrain(None, hooks=HookCaller(build_manager(recorder, entry_points=False)))
    brain.host_routes = (Route("openai", "m", server.url),)
    stop, shown = Stop(), []

    def on_token(piece: str) -> None:
        shown.append(piece)
        if len(shown) == 3:
            stop.now()

    server.enqueue("abc" * 400)
    with stoppable(stop):
        assert brain.pensar("oi", modo="conversa", on_token=on_token) is None
    assert len(shown) < 20 and recorder.turns[0].stopped
    brain.close()


def test_no_route_rests_for_it(server: ModelServer) -> None:
    breaker = Breaker(failures=1, rest_s=600.0)
    recorder = Recorder(Route("openai", "m", server.url))
    brain = AeonBrain(None, hooks=HookCaller(build_manager(recorder, entry_points=False)))
    brain._line = type(brain._line)(brain.hooks, brain._pool, breaker, "s", lambda: False)
    brain.host_routes = ()
    stop = Stop()
    stop.now()
    with stoppable(stop):
        assert brain.pensar("oi") is None
    assert server.chats() == []
    assert brain.pensar("oi") == "[x/m] oi"
    brain.close()


class Aeon:
    """As much of an Aeon's brain as is seen: it takes every error for a model that is down, and has a last word."""

    def __init__(self) -> None:
        self.client, self.asked = self, 0

    @property
    def chat(self) -> Aeon:
        return self

    completions = chat

    def create(self, **_: Any) -> Any:
        self.asked += 1
        raise ConnectionError("nobody")

    def pensar(self, prompt: str, modo: str = "auto") -> str:
        for _ in range(2):
            try:
                answer = self.client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])
                return str(answer.choices[0].message.content)
            except Exception:
                continue
        return "Nada no ar."


def test_an_aeon_that_swallows_it_is_asked_no_further_and_its_last_word_is_no_reply(server: ModelServer) -> None:
    recorder = Recorder(Route("openai", "v1", server.url))
    brain = Aeon()
    attachment = attach(brain, HookCaller(build_manager(recorder, entry_points=False)))
    server.enqueue(LATE)
    _, seconds = stopped_after(lambda: brain.pensar("oi"), lambda: len(server.chats()) == 1)
    attachment.detach()
    assert seconds < WAITED and brain.asked == 0
    assert recorder.turns[0].stopped and recorder.turns[0].reply is None
