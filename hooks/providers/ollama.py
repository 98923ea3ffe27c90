"""A local Ollama: POST /api/chat, streamed as one JSON object a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hooks.contract import Message, as_dicts
from hooks.providers.address import ollama_url
from hooks.providers.base import OnToken, ProviderError
from hooks.providers.http import HttpServer, parse_object


class OllamaProvider:
    """Wire format: https://github.com/ollama/ollama/blob/main/docs/api.md. Reasoning arrives in
    `message.thinking` and is not part of the reply."""

    def __init__(self, url: str | None = None) -> None:
        self._server = HttpServer("Ollama", ollama_url(url))

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        """As Provider.chat, at /api/chat."""
        body = {
            "model": model,
            "messages": as_dicts(messages),
            "stream": on_token is not None,
        }
        if on_token is None:
            return _content(self._server.post_json("/api/chat", body, timeout_s))
        pieces: list[str] = []
        for line in self._server.post_lines("/api/chat", body, timeout_s):
            answer = parse_object(line, "Ollama")
            if piece := _content(answer):
                pieces.append(piece)
                on_token(piece)
            # Only this line says that the reply is whole: a stream may also just end.
            if answer.get("done"):
                return "".join(pieces)
        raise ProviderError("Ollama broke off in the middle of its answer")

    def models(self, *, timeout_s: float = 5.0) -> list[str]:
        """The models that this Ollama has on its disk."""
        answer = self._server.get_json("/api/tags", timeout_s)
        try:
            return [str(entry["name"]) for entry in answer["models"]]
        except (KeyError, TypeError) as error:
            raise ProviderError("Ollama answered no list of models", status=502) from error

    def close(self) -> None:
        """Give back the connections."""
        self._server.close()


def _content(answer: Any) -> str:
    try:
        return answer["message"].get("content") or ""
    except (KeyError, TypeError, AttributeError) as error:
        raise ProviderError("Ollama answered no message", status=502) from error
