"""Groq's cloud, through its official client: OpenAI's format, and model names that are retired now and then."""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from hooks.contract import Message
from hooks.providers.base import OnToken, ProviderError
from hooks.providers.connections import http_client
from hooks.providers.openai import OpenAIProvider

GROQ_URL = "https://api.groq.com"
_LIST_SECONDS = 3600.0
_NEAREST = 3

if TYPE_CHECKING:
    import groq


def groq_client(key: str, url: str) -> groq.Groq:
    """The official client, whose calls end `within` their time and are made once. Imports it: a second on a slow
    machine."""
    import groq
    import httpx

    return groq.Groq(api_key=key, base_url=url, max_retries=0, http_client=http_client(httpx, url))


class GroqProvider(OpenAIProvider):
    """The model is checked against the list that this key may use (GET /openai/v1/models, kept for an
    hour): a retired name gives one sentence with the nearest living ones, not a 404 on each turn."""

    package: ClassVar[str] = "groq"

    def __init__(self, key: str, url: str = GROQ_URL) -> None:
        super().__init__(url, key, name="Groq")
        self._key = key
        self._listing = threading.Lock()
        self._served: tuple[str, ...] = ()
        self._listed_at = float("-inf")

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        """As OpenAIProvider's, for a model that Groq still serves; ProviderError names the nearest ones."""
        # Before the call: a 404 of the call itself does not say what there is instead.
        self.require(model, timeout_s)
        return super().chat(model, messages, timeout_s=timeout_s, on_token=on_token)

    def require(self, model: str, timeout_s: float = 5.0) -> None:
        """Raise ProviderError when Groq says that it does not serve `model`.

        Without the list (an outage, a key that may not read it) nothing is refused here.
        """
        served = self._list(min(timeout_s, 5.0))
        # A tuned model ("ft:...") is the account's own and need not be in the list of Groq's models.
        if served and model not in served and not model.startswith("ft:"):
            near = difflib.get_close_matches(model, served, n=_NEAREST, cutoff=0.0)
            raise ProviderError(f"Groq does not serve {model}; the nearest it serves: {', '.join(near)}", status=404)

    def _list(self, timeout_s: float) -> tuple[str, ...]:
        # Held through the request: of ten calls at once one asks for the list, and the others find it.
        with self._listing:
            if time.monotonic() - self._listed_at > _LIST_SECONDS:
                try:
                    self._served = tuple(self.models(timeout_s=timeout_s))
                except ProviderError as error:
                    if error.status is None:
                        raise  # nobody there: the call itself would only wait as long again
                    self._served = ()
                self._listed_at = time.monotonic()
            return self._served

    def _made(self) -> Any:
        return groq_client(self._key, self._server.url)
