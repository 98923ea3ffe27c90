"""Ollama as deploying needs it, through the official client, with every failure as one sentence and a next step.

What `ollama` 0.6.3 lacks goes through the same client's connections as plain HTTP: /api/version, HEAD of a blob, an
upload with its progress, renderer, parser and requires in create, `_debug_render_only` in chat, and /api/show as it
comes, for a faithful copy needs fields that its typed answer leaves out.
Wire format: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.base.ollama_names import canonical_name
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.serving.ask import greeting
from hooks import Message, as_dicts
from hooks.providers.ollama import ollama_client

if TYPE_CHECKING:
    import ollama

_say = Speaker("errors/serving")

CALL_SECONDS = 30.0
LOAD_SECONDS = 330.0
"""Ollama gives a load five minutes of its own."""
CREATE_SECONDS = 900.0
"""Between two lines of a create: it may hash or rewrite a model of many gigabytes in silence."""
UPLOAD_BLOCK = 1 << 20

_OLDER_ENGINE = frozenset({"llama", "qwen2"})

_TOOL_QUESTION = {"role": "user", "content": "Coloca um timer de dez minutos."}
_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "criar_timer",
        "description": "Cria um timer",
        "parameters": {"type": "object", "properties": {"minutos": {"type": "integer"}}, "required": ["minutos"]},
    },
}

OnShare = Callable[[float], None]
"""Share done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of /api/tags or /api/ps. `name` is as Ollama writes it, `digest` the manifest's ("sha256:<64 hex>"),
    sizes are bytes."""

    name: str
    digest: str
    size: int
    size_vram: int = 0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What an Ollama of a version does with an imported GGUF."""

    version: str
    numbers: tuple[int, ...]

    @property
    def imports(self) -> bool:
        """Knows /api/create with `files` (0.5.5)."""
        return self.numbers >= (0, 5, 5)

    @property
    def rewrites(self) -> bool:
        """Writes the import anew, with another digest and twice the disk (0.30.0 to 0.34.0)."""
        return (0, 30) <= self.numbers < (0, 34, 1)

    def takes_adapters(self, architecture: str) -> bool:
        """Serves a base with one LoRA GGUF of `architecture`: all of them from 0.30.0 to 0.34.0, before that only
        those of Ollama's older engine."""
        return (0, 30) <= self.numbers < (0, 34, 1) or (self.numbers < (0, 30) and architecture in _OLDER_ENGINE)

    @property
    def reads_jinja(self) -> bool:
        """Uses the chat template inside the GGUF (0.30.0); before, only a Go template."""
        return self.numbers >= (0, 30)


def behaviour_of(version: str) -> Behaviour:
    """ "0.34.2-rc1" by its numbers; a build of somebody's own ("0.0.0", no number) counts as the newest."""
    plain = version.strip().removeprefix("v").split("-")[0].split("+")[0]
    parts = plain.split(".")
    numbers = tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
    return Behaviour(version, numbers if any(numbers) else (999,))


class OllamaClient:
    """One Ollama. Raises BackendDownError when nobody answers, BackendRefusedError when it says no."""

    def __init__(self, url: str) -> None:
        self._http = HttpServer(
            "Ollama", url, down=lambda: _say("ollama.start"), next_step=next_step, proxies=False,
            made=lambda: self._official()._client,
        )  # fmt: skip
        self.url = self._http.url
        self._client: ollama.Client | None = None
        self._guard = threading.Lock()

    def close(self) -> None:
        """End its connections; a later call opens new ones."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]  # ollama 0.6.3 has no types for it

    def _official(self) -> ollama.Client:
        with self._guard:
            if self._client is None:
                # No proxy of the environment: Ollama is on this machine or on the owner's own network.
                self._client = ollama_client(self.url, proxies=False)
            return self._client

    def behaviour(self) -> Behaviour:
        """What the Ollama that answers now does with an import, by its version."""
        return behaviour_of(str(self._json("GET", "/api/version").get("version", "")))

    def show(self, model: str) -> dict[str, Any] | None:
        """What /api/show says; None when there is no such model."""
        try:
            return self._json("POST", "/api/show", {"model": model})
        except BackendRefusedError as error:
            if error.status == 404:
                return None
            raise

    def tags(self) -> dict[str, Listed]:
        """Every model by its canonical name."""
        with self._http.official("/api/tags", CALL_SECONDS):
            return _listed(self._official().list().models)

    def running(self) -> dict[str, Listed]:
        """The models in memory, by the canonical name of whichever tag loaded each: see OllamaServer.runner."""
        with self._http.official("/api/ps", CALL_SECONDS):
            return _listed(self._official().ps().models)

    def has_blob(self, digest: str) -> bool:
        """Whether Ollama holds a file of this digest ("sha256:<hex>") already."""
        # 404 is an answer here, not a refusal.
        answer = self._http.answer("HEAD", f"/api/blobs/{digest}", seconds=CALL_SECONDS, allowed=(404,))
        return answer.status == 200

    def upload(self, path: Path, digest: str, on_share: OnShare) -> None:
        """Send a file as a blob. Ollama checks the digest itself."""
        size = path.stat().st_size

        def blocks() -> Iterator[bytes]:
            sent = 0
            with path.open("rb") as file:
                while block := file.read(UPLOAD_BLOCK):
                    yield block
                    sent += len(block)
                    on_share(sent / size)

        # The length is given, so that the server need not take the body in pieces of unknown number.
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        target = f"/api/blobs/{digest}"
        self._http.answer("POST", target, seconds=CREATE_SECONDS, content=blocks(), headers=headers)
        on_share(1.0)

    def create(self, body: Mapping[str, Any], on_status: Callable[[str], None]) -> None:
        """Make a model. Only the line "success" counts: an error may come after a 200, and a stream may just end."""
        name = body["model"]
        for line in self._http.lines("POST", "/api/create", {**body, "stream": True}, silence=CREATE_SECONDS):
            told = self._http.parsed(line)
            if "error" in told:
                reason = str(told["error"])
                raise BackendRefusedError(_say("ollama.not_made", name=name, reason=reason), next_step(None, reason))
            if told.get("status") == "success":
                return
            on_status(str(told.get("status", "")))
        raise BackendDownError(*_say.error("ollama.broke_off", name=name))

    def load(self, model: str, keep_alive: str | None = None) -> None:
        """Into memory, with no options, as the brain will ask for it. Without `keep_alive` a model that is in memory
        already stays there as long as its owner wants: the last request that names one decides."""
        with self._http.official("/api/generate", LOAD_SECONDS):
            self._official().generate(model=model, keep_alive=keep_alive)

    def unload(self, model: str) -> None:
        """Ask it to leave memory when its running requests are done."""
        with self._http.official("/api/generate", LOAD_SECONDS):
            self._official().generate(model=model, keep_alive=0)

    def says_something(self, model: str, system_prompt: str = "", *, at_once: bool = False) -> bool:
        """Whether it produces a token now, asked under this prompt; `at_once`: without thoughts before it."""
        # Without options but the two below: another num_ctx would make Ollama load the model anew.
        options = {"num_predict": 8, "temperature": 0}
        with self._http.official("/api/chat", LOAD_SECONDS):
            reply = self._official().chat(
                model=model, messages=as_dicts(greeting(system_prompt)), options=options,
                think=False if at_once else None,
            )  # fmt: skip
        # Eight tokens may all be thoughts, or be taken out by a parser: that it computed some is enough.
        return bool(reply.message.content or reply.message.thinking or reply.eval_count)

    def tool_calls(self, model: str) -> list[Any]:
        """The calls that a version makes when it is offered a tool; none where it answers in words, which it may."""
        # As they come: ollama 0.6.3 raises where the arguments of a call are no object.
        body = {"model": model, "stream": False, "tools": [_TOOL], "think": False,
                "options": {"num_predict": 96, "temperature": 0}}  # fmt: skip
        reply = self._json("POST", "/api/chat", {**body, "messages": [_TOOL_QUESTION]}, LOAD_SECONDS)
        return list((reply.get("message") or {}).get("tool_calls") or [])

    def rendered(self, model: str, messages: Sequence[Message], *, at_once: bool = False) -> str | None:
        """The prompt that it makes of a conversation, `at_once` without thoughts before the reply; None where this
        Ollama does not show it (before 0.11.5)."""
        if self.behaviour().numbers < (0, 11, 5):  # which would answer instead
            return None
        body = {"model": model, "stream": False, "messages": as_dicts(messages), "_debug_render_only": True}
        body |= {"think": False} if at_once else {}
        shown = self._json("POST", "/api/chat", body, LOAD_SECONDS).get("_debug_info")
        return str(shown["rendered_template"]) if isinstance(shown, dict) and "rendered_template" in shown else None

    def delete(self, model: str) -> bool:
        """False when there was no such model."""
        try:
            with self._http.official("/api/delete", CALL_SECONDS):
                self._official().delete(model)
        except BackendRefusedError as error:
            if error.status == 404:
                return False
            raise
        return True

    # -- one call --------------------------------------------------------------------------------

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, seconds: float = CALL_SECONDS
    ) -> dict[str, Any]:
        return self._http.json_object(method, path, body, seconds=seconds)


def _listed(entries: Iterable[Any]) -> dict[str, Listed]:
    models = {}
    for item in entries:
        digest = "sha256:" + str(item.digest or "").removeprefix("sha256:")
        size, size_vram = int(item.size or 0), int(getattr(item, "size_vram", None) or 0)
        models[canonical_name(str(item.model))] = Listed(str(item.model), digest, size, size_vram)
    return models


def next_step(status: int | None, reason: str) -> str:
    """What to do about a refusal; `status` None where it came in the middle of a stream."""
    lower = reason.lower()
    if "no space" in lower or ("disk" in lower and "full" in lower):
        return _say("ollama_step.disk")
    if "memory" in lower:
        return _say("ollama_step.memory")
    if "digest mismatch" in lower:
        return _say("ollama_step.upload")
    if status == 503 or "busy" in lower:
        return _say("ollama_step.busy")
    if status == 403:
        return _say("ollama_step.forbidden")
    return _say("ollama_step.log")
