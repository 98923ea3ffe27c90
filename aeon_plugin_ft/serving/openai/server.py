"""One server that speaks OpenAI's format: which kind it is, what it serves, and adapters loaded while it runs.

Lists and replies come through the official client. `openai` 3.57 has no routes of a server's own; those go through the
one seam for plain HTTP (the client sends through httpx2, so that its connections cannot be shared).

Wire formats: https://docs.vllm.ai/en/latest/features/lora (/v1/load_lora_adapter),
https://docs.sglang.io/advanced_features/lora.html (/load_lora_adapter).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal

from aeon_plugin_ft.errors import BackendRefusedError, ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.ask import greeting
from hooks import adapter_fields, as_dicts
from hooks.providers.openai import openai_client

_say = Speaker("errors/serving")

Flavour = Literal["vllm", "sglang", "llama"]
_PROBES: tuple[tuple[str, Flavour], ...] = (
    ("/get_server_info", "sglang"),
    ("/props", "llama"),
    ("/version", "vllm"),
    ("/server_info", "sglang"),
)
"""A route that only that server has, in an order in which none is mistaken for another."""

CALL_SECONDS = 60.0
LOAD_SECONDS = 300.0


class OpenAIServer:
    """The server at `url` (without /v1). Raises BackendDownError and BackendRefusedError."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._token, self._guard = token, threading.Lock()
        self._client: Any = None
        self.http = HttpServer(
            lambda: _say("server.name"), url, token=token, down=lambda: _say("server.start"), next_step=next_step
        )

    def close(self) -> None:
        """End its connections."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        self.http.close()

    def client(self) -> Any:
        """The official client; made at the first call."""
        with self._guard:
            if self._client is None:
                self._client = openai_client(self.url, self._token)
            return self._client

    def flavour(self) -> Flavour:
        """Which server this is, by the routes that only it has. Asked each time: another may have taken its place."""
        if not self.url:
            raise ServingError(*_say.error("server.no_address"))
        for path, flavour in _PROBES:
            try:
                self.http.call("GET", path, seconds=CALL_SECONDS)
            except BackendRefusedError as error:
                # A wrong key is refused on every route, and says nothing about which server this is.
                if error.status == 401:
                    raise
                continue
            return flavour
        raise ServingError(*_say.error("server.unknown_kind", url=self.http.shown))

    def cards(self) -> list[dict[str, Any]]:
        """What /v1/models lists: {"id", "root" (an adapter's folder), "parent" (its base), ...}."""
        with self.http.official("/v1/models", CALL_SECONDS):
            # What vLLM adds to a card (root, parent) is kept beside the client's own fields.
            return [card.model_dump() for card in self.client().models.list().data]

    def base_name(self) -> str:
        """The model that it serves without an adapter."""
        base = next((str(card["id"]) for card in self.cards() if not card.get("parent")), None)
        if base is None:
            raise ServingError(*_say.error("server.no_model", url=self.http.shown))
        return base

    def load(self, flavour: Flavour, name: str, path: str) -> bool:
        """Load the adapter in the folder `path` (as the server sees it) as `name`; False when that name is taken."""
        body = {"lora_name": name, "lora_path": path}
        try:
            answer = self.http.call("POST", f"{_prefix(flavour)}/load_lora_adapter", body, seconds=LOAD_SECONDS)
        except BackendRefusedError as error:
            if "already" in error.what:
                return False
            raise
        if isinstance(answer, dict) and answer.get("success") is False:
            raise BackendRefusedError(*_say.error("server.not_loaded", reason=answer.get("error_message")))
        return True

    def unload(self, flavour: Flavour, name: str) -> None:
        """Take an adapter away, when the requests that use it have ended."""
        body = {"lora_name": name}
        try:
            self.http.call("POST", f"{_prefix(flavour)}/unload_lora_adapter", body, seconds=LOAD_SECONDS)
        except BackendRefusedError as error:
            if error.status not in (400, 404):  # gone already, by a restart of the server
                raise

    def adapters(self) -> dict[int, str]:
        """Of a llama-server: the file of each adapter that it was started with, by its id."""
        answer = self.http.call("GET", "/lora-adapters")
        listed = answer if isinstance(answer, list) else []
        return {int(item["id"]): str(item.get("path")) for item in listed if isinstance(item, dict) and "id" in item}

    def model_file(self) -> str:
        """Of a llama-server: the file of its model, as it sees it; "" where it does not say."""
        answer = self.http.call("GET", "/props")
        return str(answer.get("model_path") or "") if isinstance(answer, dict) else ""

    def say_something(self, model: str, system_prompt: str, adapters: Sequence[tuple[int, float]] = ()) -> None:
        """Ask it for a reply, under this prompt."""
        with self.http.official("/v1/chat/completions", LOAD_SECONDS):
            self.client().chat.completions.create(
                model=model, messages=as_dicts(greeting(system_prompt)), max_tokens=64,
                extra_body=adapter_fields(adapters) or None,
            )  # fmt: skip


def next_step(status: int, reason: str) -> str | None:
    """What to do about a refusal of one of these servers; None: what is usual."""
    lower = reason.lower()
    if status == 404 and "not found" in lower and "adapter" not in lower:
        return _say("server_step.lora")
    if "rank" in lower:
        return _say("server_step.rank")
    if "no adapter found" in lower:
        return _say("server_step.folder")
    if status == 401:
        return _say("server_step.key")
    return None


def _prefix(flavour: Flavour) -> str:
    return "/v1" if flavour == "vllm" else ""
