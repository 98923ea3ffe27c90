"""OpenAI's chat completions, as Groq, vLLM, SGLang and llama-server all speak them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from tests.servers.http import LocalServer, Request
from tests.servers.text import Script, pieces


class ApiError(Exception):
    """An error answer in OpenAI's form."""

    def __init__(self, status: int, message: str, kind: str = "invalid_request_error", code: str | None = None) -> None:
        self.status = status
        self.body = error_body(message, kind, code)
        super().__init__(message)


def error_body(message: str, kind: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, **({"code": code} if code else {})}}


class CompletionsServer(LocalServer):
    """A server with one chat endpoint; subclasses say which keys and models are good."""

    def __init__(self, key: str | None) -> None:
        super().__init__()
        self.key = key
        self.script = Script()

    def say(self, *replies: str) -> None:
        """Queue replies, whoever is asked."""
        self.script.say(*replies)

    def route(self, request: Request) -> None:
        try:
            self.check_key(request)
            self.dispatch(request)
        except ApiError as error:
            request.send(error.status, error.body)
        except json.JSONDecodeError:
            request.send(400, error_body("could not parse the JSON body of your request"))

    def check_key(self, request: Request) -> None:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            raise ApiError(401, "Invalid API Key", code="invalid_api_key")

    def dispatch(self, request: Request) -> None:
        raise NotImplementedError

    def check_model(self, name: str) -> None:
        """Raise ApiError unless `name` is served."""
        raise NotImplementedError

    def stamped(self, number: int, event: dict[str, Any]) -> dict[str, Any]:
        """An event of a stream with what this service adds to it."""
        return event

    def complete(self, request: Request, headers: dict[str, str] | None = None) -> None:
        """Answer one chat completion, streamed or whole."""
        body = request.json()
        model = str(body.get("model") or "")
        self.check_model(model)
        if not body.get("messages"):
            raise ApiError(400, "'messages' : minimum number of items is 1")
        text = self.script.reply(model, body["messages"])
        stamp = {"id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time()), "model": model}
        if body.get("stream"):
            return request.events(self.stamped(*each) for each in enumerate(chunks(stamp, text)))
        usage = {"prompt_tokens": 10, "completion_tokens": len(pieces(text)), "total_tokens": 10 + len(pieces(text))}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None,
                  "finish_reason": "stop"}  # fmt: skip
        return request.send(
            200, {**stamp, "object": "chat.completion", "choices": [choice], "usage": usage}, headers or {}
        )


def chunks(stamp: dict[str, Any], text: str) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer: the role, the words, the end."""
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces(text)]
    deltas.append(({}, "stop"))
    for delta, reason in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield {**stamp, "object": "chat.completion.chunk", "choices": [choice]}
