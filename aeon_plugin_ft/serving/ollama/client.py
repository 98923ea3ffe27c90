"""Ollama's HTTP API, as much of it as deploying needs, with every failure as one sentence and a next step.

Wire format: https://github.com/ollama/ollama/blob/main/docs/api.md. Plain httpx, because the `ollama`
package has no version, no HEAD of a blob, no upload progress and no renderer or parser in create.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.serving.ask import greeting, listed

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
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
    """One line of /api/tags or /api/ps. `digest` is the manifest's ("sha256:<64 hex>"), sizes are bytes."""

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
        self.url = url.rstrip("/")
        self._client: httpx.Client | None = None

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def behaviour(self) -> Behaviour:
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
        """Every model by its full name."""
        return _listed(self._json("GET", "/api/tags"))

    def running(self) -> dict[str, Listed]:
        """The models in memory."""
        return _listed(self._json("GET", "/api/ps"))

    def has_blob(self, digest: str) -> bool:
        with self._sent("HEAD", f"/api/blobs/{digest}", ok=(200, 404)) as answer:
            return answer.status_code == 200

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
        with self._sent("POST", f"/api/blobs/{digest}", content=blocks(), headers=headers, read=CREATE_SECONDS):
            on_share(1.0)

    def create(self, body: Mapping[str, Any], on_status: Callable[[str], None]) -> None:
        """Make a model. Only the line "success" counts: an error may come after a 200, and a stream may just end."""
        name = body["model"]
        with self._sent("POST", "/api/create", json_body={**body, "stream": True}, read=CREATE_SECONDS) as answer:
            for line in answer.iter_lines():
                if not line.strip():
                    continue
                said = _object(line)
                if "error" in said:
                    raise refused(f"Ollama could not make {name}: {said['error']}", str(said["error"]), None)
                if said.get("status") == "success":
                    return
                on_status(str(said.get("status", "")))
        raise BackendDownError(f"Ollama broke off while making {name}", "Try again; nothing is in use yet")

    def load(self, model: str, keep_alive: str = "10m") -> None:
        """Into memory, with no options, as the brain will ask for it."""
        self._json("POST", "/api/generate", {"model": model, "keep_alive": keep_alive}, LOAD_SECONDS)

    def unload(self, model: str) -> None:
        """Ask it to leave memory when its running requests are done."""
        self._json("POST", "/api/generate", {"model": model, "keep_alive": 0}, LOAD_SECONDS)

    def says_something(self, model: str, system_prompt: str = "") -> bool:
        """Whether it produces a token now, asked under this prompt."""
        body = {"model": model, "stream": False, "messages": listed(greeting(system_prompt))}
        said = self._json("POST", "/api/chat", {**body, "options": {"num_predict": 8, "temperature": 0}}, LOAD_SECONDS)
        message = said.get("message") or {}
        return bool(message.get("content") or message.get("thinking") or said.get("eval_count"))

    def tool_calls(self, model: str) -> list[Any]:
        """The calls that it makes when it is offered a tool; none where it answers in words, which it may."""
        body = {"model": model, "stream": False, "tools": [_TOOL], "options": {"num_predict": 96, "temperature": 0}}
        said = self._json("POST", "/api/chat", {**body, "messages": [_TOOL_QUESTION]}, LOAD_SECONDS)
        return list((said.get("message") or {}).get("tool_calls") or [])

    def delete(self, model: str) -> bool:
        """False when there was no such model."""
        with self._sent("DELETE", "/api/delete", json_body={"model": model}, ok=(200, 404)) as answer:
            return answer.status_code == 200

    # -- one call --------------------------------------------------------------------------------

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, read: float = CALL_SECONDS
    ) -> dict[str, Any]:
        with self._sent(method, path, json_body=body, read=read) as answer:
            return _object(answer.read().decode("utf-8", "replace"))

    @contextmanager
    def _sent(
        self, method: str, path: str, *, json_body: Mapping[str, Any] | None = None, read: float = CALL_SECONDS,
        content: Iterator[bytes] | None = None, headers: Mapping[str, str] | None = None,
        ok: tuple[int, ...] = (200, 201),
    ) -> Iterator[httpx.Response]:  # fmt: skip
        import httpx

        timeout = httpx.Timeout(read, connect=CONNECT_SECONDS)
        try:
            with self._http().stream(
                method, self.url + path, json=json_body, content=content, headers=dict(headers or {}), timeout=timeout
            ) as answer:
                if answer.status_code not in ok:
                    raise _refusal(answer, path)
                yield answer
        except httpx.ConnectError as error:
            raise BackendDownError(
                f"Ollama does not answer at {self.url}", "Start it with `ollama serve`, or set [serve] ollama_url"
            ) from error
        except httpx.TimeoutException as error:
            raise BackendDownError(
                f"Ollama at {self.url} took longer than {read:.0f} s over {path}", "See whether it hangs; restart it"
            ) from error
        except httpx.HTTPError as error:
            raise BackendDownError(
                f"Ollama at {self.url} broke off during {path} ({error or type(error).__name__})",
                "Start it again with `ollama serve`; the next try reuses what was uploaded",
            ) from error

    def _http(self) -> httpx.Client:
        import httpx

        if self._client is None:
            # No proxy of the environment: Ollama is on this machine or on the owner's network. And no
            # certificates for plain HTTP: reading them takes longer than most calls.
            self._client = httpx.Client(trust_env=False, verify=not self.url.startswith("http://"))
        return self._client


def _listed(answer: Mapping[str, Any]) -> dict[str, Listed]:
    found = {}
    for item in answer.get("models") or []:
        digest = "sha256:" + str(item.get("digest", "")).removeprefix("sha256:")
        name = str(item["name"])
        found[name] = Listed(name, digest, int(item.get("size") or 0), int(item.get("size_vram") or 0))
    return found


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text or "{}")
    except ValueError as error:
        raise ServingError(f"Ollama sent something that is not JSON: {text[:80]!r}", "Restart Ollama") from error
    return said if isinstance(said, dict) else {}


def _refusal(answer: httpx.Response, path: str) -> BackendRefusedError:
    text = answer.read().decode("utf-8", "replace")
    try:
        text = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        text = text.strip()[:200] or answer.reason_phrase
    return refused(f"Ollama said no to {path} (HTTP {answer.status_code}): {text}", text, answer.status_code)


def refused(what: str, text: str, status: int | None) -> BackendRefusedError:
    """The refusal with the next step that fits its text."""
    lower = text.lower()
    if "no space" in lower or ("disk" in lower and "full" in lower):
        todo = "Free some space on the disk where Ollama keeps its models (OLLAMA_MODELS)"
    elif "memory" in lower:
        todo = "Close other programs or unload other models (`ollama ps`, `ollama stop`)"
    elif "digest mismatch" in lower:
        todo = "The upload was damaged on the way; try again"
    elif status == 503 or "busy" in lower:
        todo = "Ollama is busy; try again in a moment"
    elif status == 403:
        todo = "Reach Ollama as http://127.0.0.1:11434, or set OLLAMA_HOST on its machine"
    else:
        todo = "Look at Ollama's log, or restart it"
    return BackendRefusedError(what, todo, status)
