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
from dataclasses import replace
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.weights.gguf_file import GgufFile
from tests.servers.go_template import parse
from tests.servers.http import LocalServer, Request
from tests.servers.llama import Llama, LlamaError
from tests.servers.ollama_chat import CONTEXT, Refusal, Runner, Talk, answer, embedding, joined, seconds, typed
from tests.servers.ollama_store import (
    ADAPTER,
    MODEL,
    Blobs,
    Tag,
    autodetected,
    describe,
    details,
    full_name,
    is_valid,
    now,
    shown_name,
    tiny_gguf,
)
from tests.servers.text import Script

OLD_RUNNER = ("llama", "qwen2", "gemma2", "phi3", "command-r")
"""Architectures whose adapters work before 0.30."""

NO_ADAPTERS = "LoRA adapters are no longer supported"
NO_QUANTIZE = (
    "create-time quantization is only supported for safetensors imports; "
    "quantize GGUF models with llama.cpp tools before importing"
)


class FakeOllama(LocalServer):
    """`version` decides the behaviour, `real` whether llama.cpp answers, `load_seconds` how long a load takes,
    `leave_seconds` how long a model that is unloaded or deleted still stands in the list of what runs."""

    def __init__(
        self, version: str = "0.34.2", *, real: bool = False, load_seconds: float = 0.0, leave_seconds: float = 0.02
    ) -> None:  # fmt: skip
        super().__init__()
        self.leave_seconds = leave_seconds
        self.library: dict[str, Path] = {}
        """What a pull can bring, by name."""
        self.version = version
        self.announced = ""
        """What /api/version says, where that is not the truth."""
        self.real = real
        self.load_seconds = load_seconds
        self.script = Script()
        self.tags: dict[str, Tag] = {}
        self.runners: dict[str, Runner] = {}
        self.loads = 0
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
        tag = Tag(name=shown_name(name), files=((MODEL, blob),), **fields)
        self.tags[full_name(name)] = tag
        return tag

    def tag(self, name: str) -> Tag:
        tag = self.tags.get(full_name(name))
        if tag is None:
            raise Refusal(404, f"model '{name}' not found")
        return tag

    def asked_for(self, body: dict[str, Any]) -> Tag:
        """The model that a request names."""
        name = str(body.get("model") or body.get("name") or "")
        if not name:
            raise Refusal(400, "model is required")
        if not is_valid(name):
            raise Refusal(400, "invalid model name")
        return self.tag(name)

    def orphans(self) -> set[str]:
        """Blobs that no tag uses."""
        return self.blobs.names() - {digest for tag in self.tags.values() for _, digest in tag.files}

    def engine(self, name: str) -> Llama:
        """The llama.cpp child that answers for a tag, loading it where needed (real=True only)."""
        llama = self._load(self.tag(name), None).llama
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
        routes = {
            "/": ("GET HEAD", lambda r: r.send(200, "Ollama is running")),
            "/api/version": ("GET HEAD", lambda r: r.send(200, {"version": self.announced or self.version})),
            "/api/tags": ("GET HEAD", self._tags),
            "/api/ps": ("GET", self._ps),
            "/api/show": ("POST", self._show),
            "/api/create": ("POST", self._create),
            "/api/copy": ("POST", self._copy),
            "/api/delete": ("DELETE", self._delete),
            "/api/pull": ("POST", self._pull),
            "/api/push": ("POST", self._push),
            "/api/embed": ("POST", self._embed),
            "/api/embeddings": ("POST", self._embed),
            "/api/generate": ("POST", lambda r: self._talk(r, chat=False)),
            "/api/chat": ("POST", lambda r: self._talk(r, chat=True)),
            "/v1/models": ("GET", self._openai_models),
            "/v1/chat/completions": ("POST", self._openai_chat),
        }  # fmt: skip
        methods, handler = routes.get(request.path, ("", None))
        if handler is not None and request.method not in methods.split():
            return request.send(405, "405 method not allowed")
        return handler(request) if handler else None

    @staticmethod
    def _body(request: Request) -> dict[str, Any]:
        if not request.raw:
            raise Refusal(400, "missing request body")
        return typed(request.json())

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
        listed = {"name": tag.name, "model": tag.name, "modified_at": tag.modified_at, "size": size,
                  "digest": tag.digest, "details": details(tag, self._architecture(tag))}  # fmt: skip
        if self.numbers >= (0, 34):
            abilities = describe(tag, self.blobs, self.numbers, False)["capabilities"]
            with GgufFile(self.blobs.path(tag.model_blob)) as gguf:
                context, width = (
                    gguf.get(f"{gguf.architecture}.{key}", 0) for key in ("context_length", "embedding_length")
                )
            listed |= {"capabilities": abilities, "context_length": int(context), "embedding_length": int(width)}
        return listed

    def _tags(self, request: Request) -> None:
        request.send(200, {"models": [self._listed(tag) for tag in list(self.tags.values())]})

    def _ps(self, request: Request) -> None:
        self._expire()
        request.send(200, {"models": [
            {**r.listed, "expires_at": now(), "size_vram": 0, "context_length": r.num_ctx}
            for r in list(self.runners.values())
        ]})  # fmt: skip

    def _show(self, request: Request) -> None:
        body = self._body(request)
        request.send(200, describe(self.asked_for(body), self.blobs, self.numbers, bool(body.get("verbose"))))

    def _copy(self, request: Request) -> None:
        body = self._body(request)
        for end in ("source", "destination"):
            if not is_valid(str(body.get(end) or "")):
                raise Refusal(400, f'{end} "{body.get(end, "")}" is invalid')
        source = self.tags.get(full_name(body["source"]))
        if source is None:
            raise Refusal(404, f'model "{body["source"]}" not found')
        self.tags[full_name(body["destination"])] = replace(source, name=shown_name(body["destination"]))
        request.send(200)

    def _delete(self, request: Request) -> None:
        """A runner of its weights stays for a while: only its time, or what loads next, takes it away."""
        body = self._body(request)
        name = str(body.get("model") or body.get("name") or "")
        if not is_valid(name):
            raise Refusal(400, f'name "{name}" is invalid')
        tag = self.tag(name)
        del self.tags[full_name(name)]
        self._leave(tag)
        self._prune(tag)
        request.send(200)

    def _pull(self, request: Request) -> None:
        body = self._body(request)
        self._progress(request, body, self._pulled(str(body.get("model") or body.get("name") or "")))

    def _pulled(self, name: str) -> Iterator[dict[str, Any]]:
        yield {"status": "pulling manifest"}
        file = self.library.get(full_name(name))
        if file is None:
            raise Refusal(500, "pull model manifest: file does not exist")
        size = file.stat().st_size
        tag = self.add_model(name, file)
        yield {"status": f"pulling {tag.model_blob[7:19]}", "digest": tag.model_blob, "total": size, "completed": size}
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            yield {"status": status}

    def _push(self, request: Request) -> None:
        body = self._body(request)
        tag = self.asked_for(body)

        def steps() -> Iterator[dict[str, Any]]:
            yield {"status": "retrieving manifest"}
            if "/" not in tag.name:
                raise Refusal(401, "push access denied")
            yield {"status": "pushing manifest"}
            yield {"status": "success"}

        self._progress(request, body, steps())

    def _embed(self, request: Request) -> None:
        body = self._body(request)
        tag = self.asked_for(body)
        if request.path == "/api/embeddings":
            return request.send(200, {"embedding": embedding(str(body.get("prompt") or ""))})
        texts = body.get("input") or []
        texts = [texts] if isinstance(texts, str) else texts
        return request.send(200, {
            "model": tag.name, "embeddings": [embedding(text) for text in texts], "total_duration": 1000,
            "load_duration": 100, "prompt_eval_count": sum(len(text.split()) for text in texts),
        })  # fmt: skip

    def _progress(self, request: Request, body: dict[str, Any], steps: Iterator[dict[str, Any]]) -> None:
        """The lines of a long call; what fails before the first is an HTTP error, later an error line after the 200."""
        if body.get("stream", True) is False:
            return request.send(200, list(steps)[-1])
        first = next(steps)

        def lines() -> Iterator[dict[str, Any]]:
            yield first
            try:
                yield from steps
            except Refusal as refusal:
                yield {"error": refusal.text}

        return request.ndjson(lines())

    def _prune(self, gone: Tag) -> None:
        used = {digest for tag in self.tags.values() for _, digest in tag.files}
        for _, digest in gone.files:
            if digest not in used:
                self.blobs.path(digest).unlink(missing_ok=True)

    # -- create ----------------------------------------------------------------------------------

    def _create(self, request: Request) -> None:
        body = self._body(request)
        name = str(body.get("model") or body.get("name") or "")
        if not is_valid(name):
            raise Refusal(400, "invalid model name")
        self._progress(request, body, self._creation(body, name))

    def _creation(self, body: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
        self._validate(body)
        base: Tag | None = None
        detected = ""
        if body.get("from"):
            if full_name(body["from"]) not in self.tags:
                yield from (line for line in self._pulled(body["from"]) if line["status"] != "success")
            base = self.tag(body["from"])
            files = base.files
        else:
            yield {"status": "parsing GGUF"}
            files = self._imported(body["files"])
            detected = "" if body.get("template") else self._detected(files)
            if detected:
                yield {"status": "using autodetected template chatml"}
            if (0, 30) <= self.numbers < (0, 34, 1):
                yield {"status": "validating GGUF model", "digest": "0000000000000000000", "total": 1, "completed": 1}
                files = tuple((media, self.blobs.rewrite(digest)) for media, digest in files)
        adapters = tuple((ADAPTER, self._known(digest)) for digest in (body.get("adapters") or {}).values())
        tag = self._assembled(name, files + adapters, body, base)
        tag = replace(tag, template=tag.template or detected)
        for layer in (tag.template, tag.system, tag.parameters):
            if layer:
                digest = hashlib.sha256(str(layer).encode()).hexdigest()
                yield {"status": f"creating new layer sha256:{digest}"}
        yield {"status": "writing manifest"}
        replaced = self.tags.get(full_name(name))
        self.tags[full_name(name)] = tag
        if replaced is not None:
            self._prune(replaced)
        yield {"status": "success"}

    def _detected(self, files: tuple[tuple[str, str], ...]) -> str:
        with GgufFile(self.blobs.path(files[0][1])) as gguf:
            return autodetected(str(gguf.get("tokenizer.chat_template", "")))

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
        # Jinja is taken as it is, by every version.
        if body.get("template") and "{%" not in body["template"]:
            parse(body["template"])

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
            name=shown_name(name),
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

    def _load(self, tag: Tag, keep_alive: float | None, options: dict[str, Any] | None = None) -> Runner:
        """One runner a file of weights: another adapter on it, or another num_ctx, is a reload. Without a keep_alive
        one that runs keeps its own."""
        with self._loading:
            self._expire()
            wanted = {**tag.parameters, **(options or {})}
            num_ctx = int(wanted.get("num_ctx") or CONTEXT)
            runner = self.runners.get(tag.model_blob)
            started = time.monotonic()
            if runner is not None and (runner.tag.adapter_blob != tag.adapter_blob or runner.num_ctx != num_ctx):
                self._unload(runner.tag)
                runner = None
            if runner is None:
                self._check_adapter(tag)
                time.sleep(self.load_seconds)
                runner = Runner(tag, self._listed(tag), num_ctx, self._start(tag))
                self.runners[tag.model_blob] = runner
                self.loads += 1
            runner.keep = runner.keep if keep_alive is None else keep_alive
            runner.seconds = time.monotonic() - started
            runner.until = time.monotonic() + (runner.keep if runner.keep >= 0 else 1e9)
            return runner

    def _leave(self, tag: Tag) -> None:
        """It is gone from the list a moment later."""
        with self._loading:
            runner = self.runners.get(tag.model_blob)
            if runner is not None:
                runner.until = min(runner.until, time.monotonic() + self.leave_seconds)

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
        body = self._body(request)
        tag = self.asked_for(body)
        keep = None if body.get("keep_alive") is None else seconds(body["keep_alive"])
        done = {"model": body["model"], "created_at": now(), "done": True}
        empty: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
        if not body.get("messages" if chat else "prompt"):
            if keep == 0:
                self._leave(tag)
            else:
                self._load(tag, keep, body.get("options"))
            return request.send(200, {**done, **empty, "done_reason": "unload" if keep == 0 else "load"})
        talk = self._checked(tag, body, chat)
        runner = self._load(tag, keep, body.get("options"))
        if body.get("_debug_render_only") and self.numbers >= (0, 11, 5):
            rendered = {"rendered_template": talk.prompt(runner.llama), "image_count": 0}
            return request.send(200, {"model": body["model"], "created_at": now(), "_debug_info": rendered})
        lines = answer(talk, runner, self.script)
        if body.get("stream", True):
            return request.ndjson(lines)
        return request.send(200, joined(list(lines), chat))

    def _checked(self, tag: Tag, body: dict[str, Any], chat: bool) -> Talk:
        """The request, unless the model cannot do what it asks for."""
        abilities = describe(tag, self.blobs, self.numbers, False)["capabilities"]
        images = body.get("images") or [one for m in body.get("messages") or [] for one in m.get("images") or []]
        wanted = {
            "tools": body.get("tools"),
            "thinking": body.get("think"),
            "vision": images,
            "insert": body.get("suffix"),
        }
        for ability, asked in wanted.items():
            if asked and ability not in abilities:
                raise Refusal(400, f'"{body["model"]}" does not support {ability}')
        if body.get("raw") and (body.get("template") or body.get("system") or body.get("context")):
            raise Refusal(400, "raw mode does not support template, system, or context")
        if not 0 <= int(body.get("top_logprobs") or 0) <= 20:
            raise Refusal(400, "top_logprobs must be between 0 and 20")
        with GgufFile(self.blobs.path(tag.model_blob)) as gguf:
            jinja = str(gguf.get("tokenizer.chat_template", ""))
        return Talk(tag, body, chat, "thinking" in abilities, jinja, self.numbers)

    # -- OpenAI's side of it -----------------------------------------------------------------------

    def _openai_models(self, request: Request) -> None:
        cards = [{"id": tag.name, "object": "model", "created": 0, "owned_by": "library"} for tag in self.tags.values()]
        request.send(200, {"object": "list", "data": cards})

    def _openai_chat(self, request: Request) -> None:
        body = self._body(request)
        options = {"temperature": body.get("temperature", 1.0), "num_predict": body.get("max_tokens") or -1}
        tag = self.asked_for(body)
        talk = self._checked(tag, {**body, "options": options}, chat=True)
        lines = list(answer(talk, self._load(tag, None), self.script))
        stamp = {"id": "chatcmpl-1", "created": 0, "model": body["model"], "system_fingerprint": "fp_ollama"}
        reason = lines[-1]["done_reason"]
        if body.get("stream"):
            return request.events(
                {**stamp, "object": "chat.completion.chunk",
                 "choices": [{"index": 0, "delta": line["message"], "finish_reason": reason if line["done"] else None}]}
                for line in lines
            )  # fmt: skip
        choice = {"index": 0, "message": joined(lines, True)["message"], "finish_reason": reason}
        asked, said = lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]
        usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        return request.send(200, {**stamp, "object": "chat.completion", "choices": [choice], "usage": usage})
