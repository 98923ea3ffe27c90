"""Asking a served model: the reply, and leaving in the middle of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, PreemptedError
from aeon_plugin_ft.serving.ask import ask, greeting
from hooks import Message, Route
from tests.servers.openai import FakeOpenAI

PATIENCE = 30.0


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


def route_to(server: FakeOpenAI, model: str = "") -> Route:
    return Route("openai", model or server.base, base_url=server.url)


@pytest.mark.parametrize("interrupt", [None, lambda: None])
def test_a_reply_comes_with_its_end_and_its_time(server: FakeOpenAI, interrupt: Any) -> None:
    server.script.say("Oi, cara.")
    text, stopped, seconds = ask(route_to(server), greeting(""), 8, interrupt=interrupt)
    assert (text, stopped) == ("Oi, cara.", True) and 0 < seconds < PATIENCE


def test_it_is_left_in_the_middle_when_the_machine_is_wanted(server: FakeOpenAI) -> None:
    begun, done = threading.Event(), threading.Event()

    def slow(model: str, messages: list[dict[str, Any]]) -> str:
        begun.set()
        done.wait(PATIENCE)
        return "tarde demais"

    server.script.answer = slow
    started = time.monotonic()
    try:
        with pytest.raises(PreemptedError, match="the owner is back"):
            ask(route_to(server), greeting(""), 8, interrupt=lambda: PauseCause.OWNER_BACK if begun.is_set() else None)
    finally:
        done.set()
    assert begun.is_set() and time.monotonic() - started < PATIENCE / 2


@pytest.mark.parametrize("interrupt", [None, lambda: None])
def test_what_goes_wrong_is_said_the_same_with_and_without_an_interrupt(server: FakeOpenAI, interrupt: Any) -> None:
    with pytest.raises(BackendRefusedError, match="HTTP 404"):
        ask(route_to(server, "nobody"), greeting(""), 8, interrupt=interrupt)
    nobody = Route("openai", "m", base_url="http://127.0.0.1:9")
    with pytest.raises(BackendDownError, match="does not answer"):
        ask(nobody, greeting(""), 8, interrupt=interrupt)


def test_a_greeting_stands_under_the_prompt_that_is_served() -> None:
    assert greeting("") == (Message("user", "Oi"),)
    assert greeting("Você é o AEON.") == (Message("system", "Você é o AEON."), Message("user", "Oi"))
