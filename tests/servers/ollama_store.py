"""The fake Ollama's models folder: blobs and tags, and what /api/show says of them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aeon_plugin_ft.weights.gguf_file import GgufFile

MODEL, ADAPTER = "application/vnd.ollama.image.model", "application/vnd.ollama.image.adapter"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `files` are the weights' layers as (media type, digest); the rest is what its other layers and
    its config hold."""

    name: str
    files: tuple[tuple[str, str], ...]
    template: str = ""
    system: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    license: tuple[str, ...] = ()
    messages: tuple[dict[str, str], ...] = ()
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote: bool = False
    modified_at: str = "2026-11-20T10:00:00.000000000Z"

    @property
    def digest(self) -> str:
        """Of the manifest: 64 hex digits, and never of the name."""
        text = json.dumps([self.files, self.template, self.system, self.parameters, self.license, self.messages,
                           self.renderer, self.parser, self.requires], sort_keys=True)  # fmt: skip
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def model_blob(self) -> str:
        return next(digest for media, digest in self.files if media == MODEL)

    @property
    def adapter_blob(self) -> str | None:
        return next((digest for media, digest in self.files if media == ADAPTER), None)


class Blobs:
    """blobs/sha256-<64 hex>, as Ollama lays them out."""

    def __init__(self, models: Path) -> None:
        self.folder = models / "blobs"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")

    def has(self, digest: str) -> bool:
        return self.path(digest).exists()

    def add_file(self, source: Path) -> str:
        digest = "sha256:" + file_hash(source)
        if not self.has(digest):
            shutil.copyfile(source, self.path(digest))
        return digest

    def add_bytes(self, content: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.path(digest).write_bytes(content)
        return digest

    def rewrite(self, digest: str) -> str:
        """What `llama-quantize COPY` does to an import: the same model, other bytes."""
        return self.add_bytes(self.path(digest).read_bytes() + bytes(64))

    def names(self) -> set[str]:
        return {file.name.replace("-", ":", 1) for file in self.folder.glob("sha256-*") if file.suffix == ""}


def file_hash(path: Path) -> str:
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def tiny_gguf(architecture: str, **texts: str) -> bytes:
    """A GGUF with no tensors: enough for everything but answering."""
    values = {"general.architecture": architecture, "general.type": "model", **texts}
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
    for key, value in values.items():
        for number, part in enumerate((key.encode(), value.encode())):
            out += (struct.pack("<I", 8) if number else b"") + struct.pack("<Q", len(part)) + part
    return out


_PART = re.compile(r"[a-z0-9_][\w.\-]{0,79}", re.IGNORECASE)
_HOST_PART = re.compile(r"[a-z0-9_][\w.:\-]{0,349}", re.IGNORECASE)


def name_parts(name: str) -> tuple[str, str, str, str]:
    """(host, namespace, model, tag), with the defaults where they are left out."""
    tag = "latest"
    if name.rfind(":") > name.rfind("/"):
        name, _, tag = name.rpartition(":")
    name, _, model = name.rpartition("/")
    host, _, namespace = name.rpartition("/")
    return host or "registry.ollama.ai", namespace or "library", model, tag


def is_valid(name: str) -> bool:
    host, *others = name_parts(name)
    return bool(_HOST_PART.fullmatch(host)) and all(_PART.fullmatch(part) for part in others)


def shown_name(name: str) -> str:
    """As lists show it: the shortest form, in the case in which it was made."""
    host, namespace, model, tag = name_parts(name)
    if host.lower() != "registry.ollama.ai":
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace.lower() == "library" else f"{namespace}/{model}:{tag}"


def full_name(name: str) -> str:
    """What names are compared by."""
    return shown_name(name).lower()


def describe(tag: Tag, blobs: Blobs, version: tuple[int, ...], verbose: bool) -> dict[str, Any]:
    """The body of /api/show."""
    path = blobs.path(tag.model_blob)
    with GgufFile(path) as gguf:
        info = {key: _shown(gguf, key, verbose) for key in gguf.entries
                if key not in ("general.name", "tokenizer.chat_template")}  # fmt: skip
        jinja = str(gguf.get("tokenizer.chat_template", ""))
        family = gguf.architecture
        info["general.parameter_count"] = gguf.parameters
    jinja_used = jinja if version >= (0, 30) else ""
    body: dict[str, Any] = {
        "license": "\n".join(tag.license),
        "modelfile": modelfile(tag, blobs),
        "parameters": parameters_text(tag.parameters),
        "template": tag.template or jinja_used or "{{ .Prompt }}",
        "system": tag.system,
        "details": details(tag, family),
        "model_info": info,
        "modified_at": tag.modified_at,
        "capabilities": capabilities(tag, jinja_used),
    }
    if tag.messages:
        body["messages"] = list(tag.messages)
    for key in ("renderer", "parser", "requires"):
        if getattr(tag, key) and version >= (0, 12):
            body[key] = getattr(tag, key)
    return {key: value for key, value in body.items() if value not in ("", None)}


def _shown(gguf: GgufFile, key: str, verbose: bool) -> Any:
    value = gguf.get(key)
    if not isinstance(value, str) and hasattr(value, "__len__") and len(value) > 5 and not verbose:
        return None
    return value.tolist() if hasattr(value, "tolist") else value


def details(tag: Tag, family: str) -> dict[str, Any]:
    return {"parent_model": "", "format": "gguf", "family": family, "families": [family],
            "parameter_size": "134.52M", "quantization_level": "Q4_1"}  # fmt: skip


CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
"""What Ollama puts beside an import whose Jinja template looks like ChatML: without the file's default system text."""


def autodetected(jinja: str) -> str:
    """The Go template that an import gets by itself, "" where none looks alike."""
    return CHATML if "<|im_start|>" in jinja else ""


def capabilities(tag: Tag, jinja: str) -> list[str]:
    found = ["completion"]
    template = tag.template or jinja
    if ".Tools" in template or "tools" in jinja:
        found.append("tools")
    if ".Thinking" in template or ("<think>" in jinja and "</think>" in jinja) or tag.parser:
        found.append("thinking")
    return found


def parameters_text(parameters: dict[str, Any]) -> str:
    """One line a value, Go's fmt("%-30s %#v"); a list repeats its key."""
    lines = []
    for key, value in parameters.items():
        for item in value if isinstance(value, list) else [value]:
            shown = go_quoted(item) if isinstance(item, str) else json.dumps(item)
            lines.append(f"{key:<30} {shown}")
    return "\n".join(lines)


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
            "\\": "\\\\", '"': '\\"'}  # fmt: skip


def go_quoted(text: str) -> str:
    """A string as Go's %#v writes it (strconv.Quote): "\\x1b" where JSON has "\\u001b"."""

    def one(sign: str) -> str:
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign.isprintable():
            return sign
        return f"\\x{ord(sign):02x}" if ord(sign) < 0x80 else f"\\u{ord(sign):04x}"

    return '"' + "".join(map(one, text)) + '"'


def modelfile(tag: Tag, blobs: Blobs) -> str:
    source = tag.name if tag.remote else blobs.path(tag.model_blob)
    lines = ['# Modelfile generated by "ollama show"', "# To build a new Modelfile based on this, replace FROM with:",
             f"# FROM {tag.name}", "", f"FROM {source}"]  # fmt: skip
    if tag.adapter_blob:
        lines.append(f"ADAPTER {blobs.path(tag.adapter_blob)}")
    lines.append(f"TEMPLATE {quoted(tag.template or '{{ .Prompt }}')}")
    if tag.system:
        lines.append(f"SYSTEM {quoted(tag.system)}")
    for key in ("renderer", "parser"):
        if getattr(tag, key):
            lines.append(f"{key.upper()} {getattr(tag, key)}")
    for key, value in tag.parameters.items():
        lines += [f"PARAMETER {key} {quoted(str(v))}" for v in (value if isinstance(value, list) else [value])]
    lines += [f"LICENSE {quoted(text)}" for text in tag.license]
    lines += [f"MESSAGE {m['role']} {quoted(m['content'])}" for m in tag.messages]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Quoted only where it must be, as Ollama's parser.Modelfile does."""
    if "\n" in text or text != text.strip(" "):
        return f'"""{text}"""' if '"' in text else f'"{text}"'
    return text


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}Z"
