"""One provider per place, made when it is first needed and kept with its connections."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hooks.contract import Route
from hooks.providers.address import ollama_url
from hooks.providers.base import Provider, ProviderError
from hooks.providers.groq import GROQ_URL, GroqProvider
from hooks.providers.ollama import OllamaProvider
from hooks.providers.openai import OpenAIProvider

_KEPT = 16
"""Each swap of the embedded model is a new port and token; the oldest are closed beyond this many."""


_Place = tuple[str, str, str, tuple[tuple[int, float], ...], bool]
"""Kind, address, token, a llama-server's adapters, and whether an Ollama's model is to reply at once."""


class ProviderPool:
    """`groq_key` is asked at each use, because a host may get its key late; it never shows in a repr."""

    def __init__(self, groq_key: Callable[[], str | None] = lambda: None, groq_url: str = GROQ_URL) -> None:
        self._groq_key = groq_key
        self._groq_url = groq_url
        self._made: dict[_Place, Provider] = {}
        self._lock = threading.Lock()

    def for_route(self, route: Route) -> Provider:
        """The provider of a route; ProviderError when the route names none that can be called."""
        token, url = route.token or "", route.base_url or ""
        if route.provider == "groq":
            token, url = token or self._groq_key() or "", url or self._groq_url
            if not token:
                raise ProviderError("there is no Groq key; set GROQ_KEY", status=401)
        elif route.provider == "ollama":
            url = ollama_url(route.base_url)
        elif route.provider not in ("embedded", "openai"):
            raise ProviderError(f"{route.provider} is no model server", status=400)
        elif not url:
            raise ProviderError(f"the route to {route.model} has no base_url", status=400)
        return self._kept((route.provider, url, token, route.adapters, route.provider == "ollama" and route.at_once))

    def close(self) -> None:
        """Give back every connection."""
        with self._lock:
            made, self._made = self._made, {}
        for provider in made.values():
            provider.close()

    def _kept(self, key: _Place) -> Provider:
        oldest = None
        with self._lock:
            provider = self._made.pop(key, None) or _make(*key)
            self._made[key] = provider  # last used, last in line
            if len(self._made) > _KEPT:
                oldest = self._made.pop(next(iter(self._made)))
        if oldest is not None:
            # Outside the lock; a call that still runs on it fails and is recorded, after sixteen newer places.
            oldest.close()
        return provider


def _make(
    kind: str, url: str, token: str, adapters: tuple[tuple[int, float], ...], at_once: bool
) -> Provider:  # fmt: skip
    if kind == "groq":
        return GroqProvider(token, url)
    if kind == "ollama":
        return OllamaProvider(url, at_once=at_once)
    return OpenAIProvider(url, token or None, name=kind, adapters=adapters)
