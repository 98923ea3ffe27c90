"""A fake Ollama that keeps to the wire: the three behaviours of its versions, its errors, its streams.

    with FakeOllama("0.34.2") as ollama:
        ollama.add_model("deepseek-r1:8b", architecture="qwen3")
        ollama.say("Oi!")
        httpx.post(f"{ollama.url}/api/chat", json={...})

Replies are scripted (tests/servers/text.py) unless `real=True`: then the GGUF of the model that is asked is
loaded with llama.cpp in a child process, and it answers. Versions before 0.30 store an imported GGUF as it is,
0.30.0 to 0.34.0 rewrite it (another digest), later ones store it as it is and refuse adapters.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.weights.gguf_file import GgufFile
from tests.servers.http import LocalServer, Request
from tests.servers.llama import Llama, LlamaError
from tests.servers.ollama_store import (
    ADAPTER,
    MODEL,
    Blobs,
    Tag,
    describe,
    details,
    full_name,
    now,
    tiny_gguf,
)
from tests.servers.text import Script, pieces

OLD_RUNNER = ("llama", "qwen2", "gemma2", "phi3", "command-r")
"""Architectures whose adapters work before 0.30."""

_NAME = re.compile(r"^[a-z0-9_][\w.\-/]{0,79}(:[\w][\w.\-]{0,79})?$", re.IGNORECASE)
NO_ADAPTERS = "LoRA adapters are no longer supported"
NO_QUANTIZE = (
    "create-time quantization is only supported for safetensors imports; "
    "quantize GGUF models with llama.cpp tools before importing"
)


class Refusal(Exception):
    """An error answer: HTTP status and text."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


@dataclass
class Runner:
    """A loaded model, keyed by the blob of its weights as in the real scheduler."""

    tag: Tag
    until: float
    llama: Llama | None
    seconds: float


class FakeOllama(LocalServer):
    """`version` decides the behaviour, `real` whether llama.cpp answers, `load_seconds` how long a load takes."""

    def __init__(self, version: str = "0.34.2", *, real: bool = False, load_seconds: float = 0.0) -> None:
        super().__init__()
        self.version = version
        self.announced = ""
        """What /api/version says, where that is not the truth."""
        self.real = real
        self.load_seconds = load_seconds
        self.script = Script()
        self.tags: dict[str, Tag] = {}
        self.runners: dict[str, Runner] = {}
        self._models = tempfile.TemporaryDirectory(prefix="fake-ollama-", ignore_cleanup_errors=True)
        self.blobs = Blobs(Path(self._models.name))
        self._loading = threading.RLock()

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("-")[0].split("."))

    def say(self, *replies: str) -> None:
        """Queue replies, whoever is asked."""
        self.script.say(*replies)

    def close(self) -> None:
        super().close()
        for runner in list(self.runners.values()):
            if runner.llama is not None:
                runner.llama.close()
        self.runners.clear()
        self._models.cleanup()

    def add_model(self, name: str, gguf: Path | None = None, architecture: str = "llama", **fields: Any) -> Tag:
        """A tag that was pulled: `fields` are those of Tag (template, system, parameters, license, ...)."""
        blob = self.blobs.add_file(gguf) if gguf else self.blobs.add_bytes(tiny_gguf(architecture, name=name))
        tag = Tag(name=full_name(name), files=((MODEL, blob),), **fields)
        self.tags[tag.name] = tag
        return tag

    def tag(self, name: str) -> Tag:
        found = self.tags.get(full_name(name))
        if found is None:
            raise Refusal(404, f"model '{name}' not found")
        return found

    def orphans(self) -> set[str]:
        """Blobs that no tag uses."""
        return self.blobs.names() - {digest for tag in self.tags.values() for _, digest in tag.files}

    def engine(self, name: str) -> Llama:
        """The llama.cpp child that answers for a tag, loading it where needed (real=True only)."""
        llama = self._load(self.tag(name), 300).llama
        assert llama is not None
        return llama

    # -- routes ----------------------------------------------------------------------------------

    def reads_itself(self, request: Request) -> bool:
        return request.method == "POST" and request.path.startswith("/api/blobs/")

    def route(self, request: Request) -> None:
        try:
            self._dispatch(request)
        except Refusal as refusal:
            request.send(refusal.status, {"error": refusal.text})
        except ValueError as error:
            request.send(400, {"error": str(error)})

    def _dispatch(self, request: Request) -> None:
        if request.path.startswith("/api/blobs/"):
            return self._blob(request, request.path.removeprefix("/api/blobs/"))
        handlers = {
            "/": lambda r: r.send(200, "Ollama is running"),
            "/api/version": lambda r: r.send(200, {"version": self.announced or self.version}),
            "/api/tags": lambda r: r.send(200, {"models": [self._listed(t) for t in list(self.tags.values())]}),
            "/api/ps": self._ps,
            "/api/show": self._show,
            "/api/create": self._create,
            "/api/copy": self._copy,
            "/api/delete": self._delete,
            "/api/generate": lambda r: self._talk(r, chat=False),
            "/api/chat": lambda r: self._talk(r, chat=True),
        }
        handler = handlers.get(request.path)
        return handler(request) if handler else None

    def _blob(self, request: Request, digest: str) -> None:
        if not re.fullmatch(r"sha256[:-][0-9a-f]{64}", digest):
            raise Refusal(400, "invalid digest format")
        digest = digest.replace("-", ":")
        if request.method == "HEAD":
            return request.send(200 if self.blobs.has(digest) else 404)
        if self.blobs.has(digest):
            request.drain()
            return request.send(200)
        part = self.blobs.folder / f"upload-{id(request)}.part"
        hasher = hashlib.sha256()
        try:
            with part.open("wb") as file:
                for block in request.chunks():
                    hasher.update(block)
                    file.write(block)
            got = f"sha256:{hasher.hexdigest()}"
            if got != digest:
                raise Refusal(400, f'digest mismatch, expected "{digest}", got "{got}"')
            part.replace(self.blobs.path(digest))
        finally:
            part.unlink(missing_ok=True)
        return request.send(201)

    def _listed(self, tag: Tag) -> dict[str, Any]:
        size = sum(self.blobs.path(digest).stat().st_size for _, digest in tag.files)
        return {"name": tag.name, "model": tag.name, "modified_at": tag.modified_at, "size": size,
                "digest": tag.digest, "details": details(tag, self._architecture(tag))}  # fmt: skip

    def _ps(self, request: Request) -> None:
        self._expire()
        request.send(200, {"models": [
            {**self._listed(r.tag), "expires_at": now(), "size_vram": 0, "context_length": 4096}
            for r in list(self.runners.values())
        ]})  # fmt: skip

    def _show(self, request: Request) -> None:
        body = request.json()
        tag = self.tag(str(body.get("model") or body.get("name") or ""))
        request.send(200, describe(tag, self.blobs, self.numbers, bool(body.get("verbose"))))

    def _copy(self, request: Request) -> None:
        body = request.json()
        source = self.tags.get(full_name(body["source"]))
        if source is None:
            raise Refusal(404, f'model "{body["source"]}" not found')
        self.tags[full_name(body["destination"])] = replace(source, name=full_name(body["destination"]))
        request.send(200)

    def _delete(self, request: Request) -> None:
        tag = self.tag(str(request.json().get("model") or request.json().get("name")))
        del self.tags[tag.name]
        self._unload(tag)
        self._prune(tag)
        request.send(200)

    def _prune(self, gone: Tag) -> None:
        used = {digest for tag in self.tags.values() for _, digest in tag.files}
        for _, digest in gone.files:
            if digest not in used:
                self.blobs.path(digest).unlink(missing_ok=True)

    # -- create ----------------------------------------------------------------------------------

    def _create(self, request: Request) -> None:
        body = request.json()
        name = full_name(str(body.get("model") or body.get("name") or ""))
        if not _NAME.match(name):
            raise Refusal(400, "invalid model name")
        steps = self._creation(body, name)
        if body.get("stream", True) is False:
            last = {}
            for last in steps:
                if "error" in last:
                    raise Refusal(int(last.get("status", 500)), str(last["error"]))
            return request.send(200, last)
        first = next(steps)  # what fails before the first line is an HTTP error

        def lines() -> Iterator[dict[str, Any]]:
            yield first
            try:
                yield from steps
            except Refusal as refusal:
                yield {"error": refusal.text}

        return request.ndjson(lines())

    def _creation(self, body: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
        self._validate(body)
        base = self.tag(body["from"]) if body.get("from") else None
        if base is not None:
            files = base.files
        else:
            yield {"status": "parsing GGUF"}
            files = self._imported(body["files"])
            if (0, 30) <= self.numbers < (0, 34, 1):
                yield {"status": "validating GGUF model", "digest": "0000000000000000000", "total": 1, "completed": 1}
                files = tuple((media, self.blobs.rewrite(digest)) for media, digest in files)
        adapters = tuple((ADAPTER, self._known(digest)) for digest in (body.get("adapters") or {}).values())
        tag = self._assembled(name, files + adapters, body, base)
        for layer in (tag.template, tag.system, tag.parameters):
            if layer:
                digest = hashlib.sha256(str(layer).encode()).hexdigest()
                yield {"status": f"creating new layer sha256:{digest}"}
        yield {"status": "writing manifest"}
        replaced = self.tags.get(name)
        self.tags[name] = tag
        if replaced is not None:
            self._prune(replaced)
        yield {"status": "success"}

    def _validate(self, body: dict[str, Any]) -> None:
        new = self.numbers >= (0, 34, 1)
        if not body.get("from") and "files" not in body:
            raise Refusal(400, "neither 'from' or 'files' was specified")
        if not body.get("from") and not body["files"]:
            raise Refusal(400, "no files provided to convert")
        if body.get("adapters") and new:
            raise Refusal(400, NO_ADAPTERS)
        if len(body.get("adapters") or {}) > 1:
            raise Refusal(400, "only one adapter is currently supported")
        if body.get("quantize") and new:
            raise Refusal(400, NO_QUANTIZE)
        for file in body.get("files") or {}:
            if file.startswith("/") or ".." in file or (new and re.search(r"[\\:]", file)):
                raise Refusal(400, "file path must be relative")
        if "{%" in (body.get("template") or ""):
            raise Refusal(400, 'template: :1: unexpected "%" in command')

    def _imported(self, files: dict[str, str]) -> tuple[tuple[str, str], ...]:
        for name, digest in files.items():
            path = self.blobs.path(self._known(digest))
            try:
                with GgufFile(path) as gguf:
                    adapter = gguf.get("general.type") == "adapter"
            except BaseModelError as error:
                raise Refusal(400, "supplied file was not in GGUF format") from error
            if adapter:
                raise Refusal(400, f"{NO_ADAPTERS}: {name} is a LoRA adapter")
        return tuple((MODEL, digest) for digest in files.values())

    def _known(self, digest: str) -> str:
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise Refusal(400, "invalid digest format")
        if not self.blobs.has(digest):
            raise Refusal(400, f'blob "{digest}" not found')
        return digest

    def _assembled(self, name: str, files: tuple[tuple[str, str], ...], body: dict[str, Any], base: Tag | None) -> Tag:
        start = base or Tag(name=name, files=files)
        licence = body.get("license") or []
        new = self.numbers >= (0, 12)
        return Tag(
            name=name,
            files=files,
            template=body.get("template") or start.template,
            system=body.get("system") or start.system,
            parameters={**start.parameters, **(body.get("parameters") or {})},
            license=start.license + tuple([licence] if isinstance(licence, str) else licence),
            messages=tuple(body.get("messages") or start.messages),
            renderer=(body.get("renderer") or start.renderer) if new else "",
            parser=(body.get("parser") or start.parser) if new else "",
            requires=(body.get("requires") or start.requires) if new else "",
            modified_at=now(),
        )

    # -- loading and answering -------------------------------------------------------------------

    def _architecture(self, tag: Tag) -> str:
        with GgufFile(self.blobs.path(tag.model_blob)) as gguf:
            return gguf.architecture

    def _load(self, tag: Tag, keep_alive: float) -> Runner:
        with self._loading:
            self._expire()
            runner = self.runners.get(tag.model_blob)
            started = time.monotonic()
            if runner is not None and runner.tag.files != tag.files:
                self._unload(runner.tag)  # one runner a file of weights: an adapter on it, or another, is a reload
                runner = None
            if runner is None:
                self._check_adapter(tag)
                time.sleep(self.load_seconds)
                runner = Runner(tag, 0, self._start(tag), 0)
                self.runners[tag.model_blob] = runner
            runner.tag = tag
            runner.seconds = time.monotonic() - started
            runner.until = time.monotonic() + (keep_alive if keep_alive >= 0 else 1e9)
            return runner

    def _check_adapter(self, tag: Tag) -> None:
        old_way = self.numbers < (0, 30) and self._architecture(tag) not in OLD_RUNNER
        if tag.adapter_blob and old_way:
            raise Refusal(500, "failed to initialize model: loras are not yet implemented")

    def _start(self, tag: Tag) -> Llama | None:
        if not self.real:
            return None
        try:
            adapter = self.blobs.path(tag.adapter_blob) if tag.adapter_blob else None
            return Llama(self.blobs.path(tag.model_blob), adapter)
        except LlamaError as error:
            raise Refusal(500, f"llama runner process has terminated: {error}") from error

    def _unload(self, tag: Tag) -> None:
        with self._loading:
            runner = self.runners.pop(tag.model_blob, None)
            if runner is not None and runner.llama is not None:
                runner.llama.close()

    def _expire(self) -> None:
        with self._loading:
            for runner in [r for r in self.runners.values() if r.until < time.monotonic()]:
                self._unload(runner.tag)

    def _talk(self, request: Request, chat: bool) -> None:
        body = request.json()
        tag = self.tag(str(body.get("model") or ""))
        content = "messages" if chat else "prompt"
        keep = seconds(body.get("keep_alive"))
        done = {"model": body["model"], "created_at": now(), "done": True}
        empty: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
        if not body.get(content):
            if keep == 0:
                self._unload(tag)
            else:
                self._load(tag, keep)
            return request.send(200, {**done, **empty, "done_reason": "unload" if keep == 0 else "load"})
        abilities = describe(tag, self.blobs, self.numbers, False)["capabilities"]
        thinks = "thinking" in abilities
        if body.get("tools") and "tools" not in abilities:
            raise Refusal(400, f'"{body["model"]}" does not support tools')
        if body.get("think") and not thinks:
            raise Refusal(400, f'"{body["model"]}" does not support thinking')
        messages = list(body["messages"]) if chat else [{"role": "user", "content": body["prompt"]}]
        lines = self._lines(tag, messages, body, chat, thinks, keep)
        if body.get("stream", True):
            return request.ndjson(lines)
        return request.send(200, joined(list(lines), chat))

    def _lines(
        self, tag: Tag, messages: list[dict[str, Any]], body: dict[str, Any], chat: bool, thinks: bool, keep: float
    ) -> Iterator[dict[str, Any]]:
        runner = self._load(tag, keep)
        started = time.monotonic()
        if tag.system and not any(m["role"] == "system" for m in messages):
            messages = [{"role": "system", "content": tag.system}, *messages]
        text, reason, count = self._reply(runner, tag, messages, body)
        thought = ""
        found = re.match(r"\s*<think>(.*?)</think>\s*(.*)", text, re.DOTALL) if thinks and chat else None
        if found and self.numbers >= (0, 9):
            thought, text = found.groups()
        stamp = {"model": body["model"], "created_at": now()}
        for piece in pieces(thought) if body.get("think") is not False else []:
            yield {**stamp, "message": {"role": "assistant", "content": "", "thinking": piece}, "done": False}
        for piece in pieces(text):
            said = {"message": {"role": "assistant", "content": piece}} if chat else {"response": piece}
            yield {**stamp, **said, "done": False}
        spent = int((time.monotonic() - started) * 1e9)
        last: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
        yield {**stamp, **last, "done": True, "done_reason": reason, "total_duration": spent,
               "load_duration": int(runner.seconds * 1e9), "prompt_eval_count": 10, "prompt_eval_duration": spent // 2,
               "eval_count": count, "eval_duration": spent // 2}  # fmt: skip

    def _reply(
        self, runner: Runner, tag: Tag, messages: list[dict[str, Any]], body: dict[str, Any]
    ) -> tuple[str, str, int]:
        """Text, why it ended, number of tokens."""
        if runner.llama is None:
            text = self.script.reply(body["model"], messages)
            return text, "stop", len(pieces(text))
        said = runner.llama.chat(messages, {**tag.parameters, **(body.get("options") or {})})
        choice = said["choices"][0]
        return str(choice["message"]["content"] or ""), choice["finish_reason"], said["usage"]["completion_tokens"]


def joined(lines: list[dict[str, Any]], chat: bool) -> dict[str, Any]:
    """The one object of a call with "stream": false."""
    if not chat:
        return {**lines[-1], "response": "".join(line["response"] for line in lines)}
    message = {"role": "assistant", "content": "".join(line["message"]["content"] for line in lines)}
    thought = "".join(line["message"].get("thinking", "") for line in lines)
    return {**lines[-1], "message": {**message, "thinking": thought} if thought else message}


def seconds(keep_alive: Any) -> float:
    """A keep_alive in seconds: a number, or Go's duration text ("10m"); absent is five minutes."""
    if keep_alive is None:
        return 300.0
    if isinstance(keep_alive, (int, float)):
        return float(keep_alive)
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    found = re.findall(r"(-?[\d.]+)(ms|s|m|h)", keep_alive)
    if not found:
        raise Refusal(400, f'time: invalid duration "{keep_alive}"')
    return sum(float(number) * units[unit] for number, unit in found)
