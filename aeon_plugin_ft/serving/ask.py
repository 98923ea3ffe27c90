"""Puts messages to whatever a route points at, with a token limit and greedy decoding, for measurements.

The brain's own calls go through the host's providers; here the finish reason and the limit matter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, PreemptedError, ServingError
from hooks import Message, Route

if TYPE_CHECKING:
    import httpx

    from aeon_plugin_ft.causes import Interrupt

LOOK_SECONDS = 0.2
"""How often `interrupt` is asked while a reply is awaited."""


def ask(
    route: Route,
    messages: Sequence[Message],
    max_tokens: int,
    timeout_s: float = 120.0,
    interrupt: Interrupt | None = None,
) -> tuple[str, bool, float]:
    """One greedy reply: (text, ended by itself, seconds). Raises ServingError, and PreemptedError as soon as
    `interrupt` gives a reason: the connection is closed, at which every server stops writing."""
    import asyncio

    import httpx

    started = time.perf_counter()
    url, headers, body = _request(route, messages, max_tokens)
    options: dict[str, Any] = {
        "timeout": httpx.Timeout(timeout_s, connect=5),
        "trust_env": False,
        "verify": not url.startswith("http://"),  # reading the certificates takes longer than a local call
    }
    try:
        if interrupt is None:
            response = httpx.post(url, json=body, headers=headers, **options)
        else:
            response = asyncio.run(_post(url, headers, body, options, interrupt))
    except httpx.HTTPError as error:
        raise BackendDownError(
            f"{route.provider} does not answer at {url} ({error or type(error).__name__})", "`aeon-ft doctor`"
        ) from error
    if response.status_code != 200:
        raise BackendRefusedError(
            f"{route.provider} said no to {route.model}: HTTP {response.status_code} {response.text[:200]}",
            "`aeon-ft doctor`",
            status=response.status_code,
        )
    text, stopped = _answer(route, response.json())
    return text, stopped, time.perf_counter() - started


async def _post(
    url: str,
    headers: dict[str, str],
    body: dict[str, Any],
    options: dict[str, Any],
    interrupt: Interrupt,
) -> httpx.Response:
    """The same call, left when `interrupt` says so."""
    import asyncio

    import httpx

    async with httpx.AsyncClient(**options) as client:
        call = asyncio.create_task(client.post(url, json=body, headers=headers))
        while not (await asyncio.wait({call}, timeout=LOOK_SECONDS))[0]:
            reason = interrupt()
            if reason is not None:
                call.cancel()
                raise PreemptedError("asking a model", reason)
        return call.result()


def greeting(system_prompt: str) -> tuple[Message, ...]:
    """The shortest question. Under the prompt that is served, where one is known: a server keeps what it computed for
    the newest prompt, and the owner's next question is to find that ready."""
    hello = Message("user", "Oi")
    return (Message("system", system_prompt), hello) if system_prompt else (hello,)


def listed(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as every server takes them."""
    return [{"role": message.role, "content": message.content} for message in messages]


def _request(route: Route, messages: Sequence[Message], max_tokens: int) -> tuple[str, dict[str, str], dict[str, Any]]:
    talk = listed(messages)
    if route.provider == "ollama":
        options = {"temperature": 0, "num_predict": max_tokens}
        url = f"{route.base_url or 'http://127.0.0.1:11434'}/api/chat"
        return url, {}, {"model": route.model, "messages": talk, "stream": False, "options": options}
    if route.provider == "groq":
        token = route.token or os.environ.get("GROQ_KEY") or os.environ.get("GROQ_API_KEY")
        url = f"{route.base_url or 'https://api.groq.com'}/openai/v1/chat/completions"
        return url, {"Authorization": f"Bearer {token}"}, _completion(route, talk, max_tokens)
    if route.base_url is None:
        raise ServingError(f"The route to {route.model} has no address", "`aeon-ft doctor`")
    headers = {"Authorization": f"Bearer {route.token}"} if route.token else {}
    return f"{route.base_url}/v1/chat/completions", headers, _completion(route, talk, max_tokens)


def _completion(route: Route, messages: list[dict[str, str]], max_tokens: int) -> dict[str, Any]:
    return {"model": route.model, "messages": messages, "max_tokens": max_tokens, "temperature": 0}


def _answer(route: Route, body: Any) -> tuple[str, bool]:
    try:
        if route.provider == "ollama":
            return body["message"]["content"] or "", body.get("done_reason") == "stop"
        choice = body["choices"][0]
        return choice["message"]["content"] or "", choice["finish_reason"] == "stop"
    except (KeyError, IndexError, TypeError) as error:
        raise ServingError(f"{route.provider} answered something that is no reply", "`aeon-ft doctor`") from error
