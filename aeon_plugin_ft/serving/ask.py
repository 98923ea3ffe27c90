"""Puts messages to whatever a route points at, with a token limit and greedy decoding, for measurements.

The brain's own calls go through the host's providers; here the finish reason and the limit matter. It is plain HTTP:
a question must be left in its middle when the machine is wanted, which a call of the official clients (ollama 0.6.3,
groq 1.7.0, openai 3.57.0) cannot be.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aeon_plugin_ft.causes import Interrupt
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker
from hooks import Message, Route, adapter_fields, as_dicts

_say = Speaker("errors/serving")

WARM_TOKENS = 4
"""Of a reply that nobody reads: it is asked for so that the prompt is computed."""


def ask(
    route: Route,
    messages: Sequence[Message],
    max_tokens: int,
    timeout_s: float = 120.0,
    interrupt: Interrupt | None = None,
    constraint: Mapping[str, Any] | None = None,
) -> tuple[str, bool, float]:
    """One greedy reply: (text, ended by itself, seconds). `constraint` is what holds it to a form, as a part of the
    body. Raises ServingError, and PreemptedError as soon as
    `interrupt` gives a reason: the connection is closed, at which every server stops writing."""
    started = time.perf_counter()
    url, path, token, body = _request(route, messages, max_tokens)
    body |= constraint or {}
    # A connection of its own, closed at the end: a question that was given up must not leave a reply in a kept-alive
    # one.
    with HttpServer(route.provider, url, token=token) as server:
        reply = server.call("POST", path, body, seconds=timeout_s, interrupt=interrupt)
    text, stopped = _reply(route, reply)
    return text, stopped, time.perf_counter() - started


def greeting(system_prompt: str) -> tuple[Message, ...]:
    """The shortest question. Under the prompt that is served, where one is known: a server keeps what it computed for
    the newest prompt, and the owner's next question is to find that ready."""
    hello = Message("user", "Oi")
    return (Message("system", system_prompt), hello) if system_prompt else (hello,)


def warm(route: Route, system_prompt: Callable[[], str]) -> None:
    """`Deployer.warm_prompt` of every server that keeps a prompt. Raises ServingError."""
    ask(route, greeting(system_prompt()), WARM_TOKENS)


def _request(route: Route, messages: Sequence[Message], max_tokens: int) -> tuple[str, str, str | None, dict[str, Any]]:
    """(address, path, token, body)"""
    talk = as_dicts(messages)
    if route.provider == "ollama":
        options = {"temperature": 0, "num_predict": max_tokens}
        body = {"model": route.model, "messages": talk, "stream": False, "options": options}
        # As the host's provider asks: a version was trained to reply at once.
        body |= {"think": False} if route.at_once else {}
        return route.base_url or "http://127.0.0.1:11434", "/api/chat", None, body
    body = {"model": route.model, "messages": talk, "max_tokens": max_tokens, "temperature": 0}
    if route.provider == "groq":
        token = route.token or os.environ.get("GROQ_KEY") or os.environ.get("GROQ_API_KEY")
        return route.base_url or "https://api.groq.com", "/openai/v1/chat/completions", token, body
    if route.base_url is None:
        raise ServingError(*_say.error("route.no_address", model=route.model))
    return route.base_url, "/v1/chat/completions", route.token, body | adapter_fields(route.adapters)


def _reply(route: Route, answer: Any) -> tuple[str, bool]:
    try:
        if route.provider == "ollama":
            # Content may be null, where the whole reply was a tool call or thoughts.
            return answer["message"]["content"] or "", answer.get("done_reason") == "stop"
        choice = answer["choices"][0]
        return choice["message"]["content"] or "", choice["finish_reason"] == "stop"
    except (KeyError, IndexError, TypeError) as error:
        raise ServingError(*_say.error("route.no_reply", provider=route.provider)) from error
