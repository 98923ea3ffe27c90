"""From what Ollama says of a base model to the body of /api/create for a merged one.

An import starts from nothing: what the base carries besides its weights (template, stops and other
parameters, system prompt, licences, renderer, parser) must be sent again, or the model answers in another
format than the one it was trained in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import ServingError

DEFAULT_TEMPLATE = "{{ .Prompt }}"
"""What a Modelfile prints where a model has no template of its own; sent back it would switch the chat format off."""
_COMMANDS = "FROM|ADAPTER|DRAFT|TEMPLATE|SYSTEM|RENDERER|PARSER|PARAMETER|LICENSE|MESSAGE|REQUIRES|CAPABILITY"
_LINE = re.compile(rf"({_COMMANDS})\s+", re.IGNORECASE)

TRAINABLE: tuple[tuple[str, str, float, str], ...] = (
    ("deepseek-r1", "llama", 8.03, "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"),
    ("deepseek-r1", "llama", 70.55, "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"),
    ("deepseek-r1", "qwen3", 8.19, "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B"),
    ("deepseek-r1", "qwen2", 1.78, "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
    ("deepseek-r1", "qwen2", 7.62, "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"),
    ("deepseek-r1", "qwen2", 14.77, "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"),
    ("deepseek-r1", "qwen2", 32.76, "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"),
    ("llama3.2", "llama", 1.24, "meta-llama/Llama-3.2-1B-Instruct"),
    ("llama3.2", "llama", 3.21, "meta-llama/Llama-3.2-3B-Instruct"),
    ("llama3.1", "llama", 8.03, "meta-llama/Llama-3.1-8B-Instruct"),
    ("qwen3", "qwen3", 0.6, "Qwen/Qwen3-0.6B"),
    ("qwen3", "qwen3", 0.752, "Qwen/Qwen3-0.6B"),  # the GGUF holds the shared embedding twice
    ("qwen3", "qwen3", 1.72, "Qwen/Qwen3-1.7B"),
    ("qwen3", "qwen3", 2.03, "Qwen/Qwen3-1.7B"),
    ("qwen3", "qwen3", 4.02, "Qwen/Qwen3-4B"),
    ("qwen3", "qwen3", 8.19, "Qwen/Qwen3-8B"),
    ("qwen2.5", "qwen2", 0.494, "Qwen/Qwen2.5-0.5B-Instruct"),
    ("qwen2.5", "qwen2", 1.54, "Qwen/Qwen2.5-1.5B-Instruct"),
    ("qwen2.5", "qwen2", 3.09, "Qwen/Qwen2.5-3B-Instruct"),
    ("qwen2.5", "qwen2", 7.62, "Qwen/Qwen2.5-7B-Instruct"),
    ("gemma3", "gemma3", 0.268, "google/gemma-3-270m-it"),
    ("gemma3", "gemma3", 1.0, "google/gemma-3-1b-it"),
)
"""(Ollama's model, architecture of the weights, billions of weights, the Hugging Face model that they are).
The architecture decides: deepseek-r1:8b is a llama on pulls before the middle of 2025, a qwen3 on later ones."""

_SIZE_TOLERANCE = 0.05


def parse_modelfile(text: str) -> list[tuple[str, str]]:
    """(COMMAND, argument) in order. Arguments may be quoted with " or \"\"\" over several lines; FROM never is."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        match = _LINE.match(text, at, end)
        if match is None:
            at = end + 1
            continue
        command, start = match[1].upper(), match.end()
        prefix = ""
        if command == "MESSAGE":
            prefix, _, _ = text[start:end].partition(" ")
            start += len(prefix) + 1
        argument, at = _argument(text, start, end, quoted=command != "FROM")
        found.append((command, f"{prefix} {argument}".strip() if prefix else argument))
    return found


def _argument(text: str, start: int, end: int, quoted: bool) -> tuple[str, int]:
    """The argument that begins at `start`, and where the next line begins."""
    for quote in ('"""', '"') if quoted else ():
        if text.startswith(quote, start):
            close = text.find(quote, start + len(quote))
            # A template may itself hold the quote in a line: the closing one stands before a line's end.
            while close >= 0 and text[close + len(quote) : close + len(quote) + 1] not in ("\n", ""):
                close = text.find(quote, close + 1)
            if close >= 0:
                return text[start + len(quote) : close], close + len(quote) + 1
    return text[start:end].rstrip("\r"), end + 1


def weights_path(show: Mapping[str, Any]) -> Path | None:
    """Where Ollama keeps the weights, from its machine's point of view: the first FROM. None for a model
    whose weights are no single GGUF."""
    found = next((arg for command, arg in parse_modelfile(str(show.get("modelfile", ""))) if command == "FROM"), "")
    absolute = found.startswith("/") or re.match(r"[A-Za-z]:[\\/]", found)
    return Path(found) if absolute else None


def blob_digest(show: Mapping[str, Any]) -> str | None:
    """ "sha256:<64 hex>" of the weights' blob, from its file name."""
    path = weights_path(show)
    found = re.search(r"sha256-([0-9a-f]{64})$", str(path)) if path else None
    return f"sha256:{found[1]}" if found else None


def parse_parameters(text: str) -> dict[str, Any]:
    """The lines "key   value" of /api/show; a key that repeats is a list, and `stop` always is one."""
    found: dict[str, list[Any]] = {}
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        if key:
            found.setdefault(key, []).append(_value(rest.strip()))
    return {key: values if key == "stop" or len(values) > 1 else values[0] for key, values in found.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip('"')


def template_of(show: Mapping[str, Any]) -> str | None:
    """The base's own Go template; None when it has none. Never `show["template"]`, which may be the GGUF's
    Jinja template: as a Go template that is refused, or worse."""
    lines = parse_modelfile(str(show.get("modelfile", "")))
    template = next((arg for command, arg in lines if command == "TEMPLATE"), DEFAULT_TEMPLATE)
    if template.strip() in (DEFAULT_TEMPLATE, "") or "{%" in template:
        return None
    return template


def carried(show: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a create's body that is taken over from the base."""
    body: dict[str, Any] = {"template": template_of(show), "system": show.get("system")}
    body["parameters"] = parse_parameters(str(show.get("parameters") or ""))
    body["license"] = [show["license"]] if show.get("license") else None
    body["messages"] = show.get("messages")
    for key in ("renderer", "parser", "requires"):
        body[key] = show.get(key)
    return {key: value for key, value in body.items() if value}


def trainable_for(tag: str, show: Mapping[str, Any]) -> str:
    """The Hugging Face id of the weights that `tag` is, to train on them.

    Decided by the architecture and the number of weights that Ollama reports, not by the tag's own size.
    Raises ServingError, naming the options, for a model that is not in the checked list.
    """
    info = show.get("model_info") or {}
    architecture = str(info.get("general.architecture", "unknown"))
    billions = int(info.get("general.parameter_count") or 0) / 1e9
    family = tag.rsplit("/", 1)[-1].split(":")[0].lower()
    rows = [row for row in TRAINABLE if row[0] == family]
    for _, of_kind, size, hub in rows:
        if of_kind == architecture and abs(billions - size) <= _SIZE_TOLERANCE * size:
            return hub
    near = [hub for _, of_kind, _, hub in rows if of_kind == architecture] or [hub for _, _, _, hub in rows]
    known = ", ".join(dict.fromkeys(near))
    raise ServingError(
        f"{tag} is a {architecture} of {billions:.1f} billion weights, and its trainable weights are not known",
        f"Set [base] model to ollama:{tag} to train on its own file"
        + (f", or to the one of these that it is: {known}" if known else ", or to a Hugging Face model"),
    )
