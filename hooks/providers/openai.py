"""Any server that speaks OpenAI's chat completions: our embedded one, llama-server, vLLM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hooks.contract import Message, adapter_fields, as_dicts
from hooks.providers.base import OnToken, ProviderError
from hooks.providers.http import HttpServer, parse_object

TEMPERATURE = 0.7
"""What an unmodified Aeon asks Groq for."""


class OpenAIProvider:
    """POST {url}/v1/chat/completions with a bearer token, streamed as server-sent events on demand.

    Wire format: https://platform.openai.com/docs/api-reference/chat; a stream is lines `data: {json}`
    and ends with `data: [DONE]`.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        name: str = "openai",
        path: str = "/v1",
        adapters: Sequence[tuple[int, float]] = (),
    ) -> None:
        self.name = name
        self._fields = adapter_fields(adapters)
        self._path = path
        self._server = HttpServer(name, url, token)

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        """As Provider.chat, at /chat/completions."""
        body = {
            "model": model,
            "messages": as_dicts(messages),
            "temperature": TEMPERATURE,
            "stream": on_token is not None,
            **self._fields,
        }
        if on_token is None:
            return self._text(self._server.post_json(f"{self._path}/chat/completions", body, timeout_s), "message")
        return self._stream(body, timeout_s, on_token)

    def models(self, *, timeout_s: float = 5.0) -> list[str]:
        """The names that the server lists."""
        answer = self._server.get_json(f"{self._path}/models", timeout_s)
        try:
            return [str(entry["id"]) for entry in answer["data"]]
        except (KeyError, TypeError) as error:
            raise ProviderError(f"{self.name} answered no list of models", status=502) from error

    def close(self) -> None:
        """Give back the connections."""
        self._server.close()

    def _stream(self, body: dict[str, Any], timeout_s: float, on_token: OnToken) -> str:
        pieces: list[str] = []
        for line in self._server.post_lines(f"{self._path}/chat/completions", body, timeout_s):
            field, _, data = line.partition(":")
            data = data.strip()
            # Comments (": keep-alive") and other fields of server-sent events.
            if field != "data":
                continue
            if data == "[DONE]":
                return "".join(pieces)
            if piece := self._text(parse_object(data, self.name), "delta"):
                pieces.append(piece)
                on_token(piece)
        raise ProviderError(f"{self.name} broke off in the middle of its answer")

    def _text(self, answer: Any, part: str) -> str:
        """The text of the first choice; a last chunk may have no choice at all (it carries usage)."""
        try:
            choices = answer["choices"]
            return (choices[0][part].get("content") or "") if choices else ""
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ProviderError(f"{self.name} answered no choice", status=502) from error
