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

from aeon_plugin_ft.base.ollama import is_absolute

DEFAULT_TEMPLATE = "{{ .Prompt }}"
"""What a Modelfile prints where a model has no template of its own; sent back it would switch the chat format off."""
_COMMANDS = "FROM|ADAPTER|DRAFT|TEMPLATE|SYSTEM|RENDERER|PARSER|PARAMETER|LICENSE|MESSAGE|REQUIRES|CAPABILITY"
_LINE = re.compile(rf"({_COMMANDS})\s+", re.IGNORECASE)


def parse_modelfile(text: str) -> list[tuple[str, str]]:
    """(COMMAND, argument) in order. Arguments may be quoted with " or \"\"\" over several lines; FROM never is."""
    commands: list[tuple[str, str]] = []
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
            # MESSAGE has a role before its argument, which may be quoted by itself.
            prefix, _, _ = text[start:end].partition(" ")
            start += len(prefix) + 1
        argument, at = _argument(text, start, end, quoted=command != "FROM")
        commands.append((command, f"{prefix} {argument}".strip() if prefix else argument))
    return commands


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
    # Ollama on Windows ends lines with CR LF.
    return text[start:end].rstrip("\r"), end + 1


def weights_path(show: Mapping[str, Any]) -> Path | None:
    """Where Ollama keeps the weights, from its machine's point of view: the first FROM. None for a model
    whose weights are no single GGUF."""
    argument = next((arg for command, arg in parse_modelfile(str(show.get("modelfile", ""))) if command == "FROM"), "")
    return Path(argument) if is_absolute(argument) else None


def blob_digest(show: Mapping[str, Any]) -> str | None:
    """ "sha256:<64 hex>" of the weights' blob, from its file name."""
    path = weights_path(show)
    blob = re.search(r"sha256-([0-9a-f]{64})$", str(path)) if path else None
    return f"sha256:{blob[1]}" if blob else None


def files_of(show: Mapping[str, Any]) -> tuple[str, str] | None:
    """The weights' file and the adapter's ("" without one), by which Ollama tells its runners apart; None where it does
    not say."""
    path = weights_path(show)
    return None if path is None else (str(path), adapter_path(show))


def adapter_path(show: Mapping[str, Any]) -> str:
    """The adapter that a tag applies to its base; "" for a model without one."""
    return next((arg for command, arg in parse_modelfile(str(show.get("modelfile", ""))) if command == "ADAPTER"), "")


def parse_parameters(text: str) -> dict[str, Any]:
    """The lines "key   value" of /api/show; a key that repeats is a list, and `stop` always is one."""
    parameters: dict[str, list[Any]] = {}
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        if key:
            parameters.setdefault(key, []).append(_value(rest.strip()))
    return {key: values if key == "stop" or len(values) > 1 else values[0] for key, values in parameters.items()}


def _value(text: str) -> Any:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _unquoted(text[1:-1])
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unquoted(text: str) -> str:
    """What Go's strconv.Quote wrote: "\\x1b" is one byte, which JSON does not know. Bytes that are no UTF-8 cannot be
    sent back in JSON; they become the replacement character."""
    out = b""
    at = 0
    for escape in _ESCAPE.finditer(text):
        out += text[at : escape.start()].encode()
        out += _unescaped(escape)
        at = escape.end()
    return (out + text[at:].encode()).decode("utf-8", "replace")


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_NAMED = {"a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v"}


def _unescaped(escape: re.Match[str]) -> bytes:
    byte, short, long, octal, named = escape.groups()
    if byte or octal:
        return bytes([int(byte, 16) if byte else int(octal, 8) & 0xFF])
    if short or long:
        return chr(int(short or long, 16)).encode("utf-8", "replace")
    return _NAMED.get(named, named.encode())


def template_of(show: Mapping[str, Any]) -> str | None:
    """The base's own template, Go's or Jinja; None when it has none. Never `show["template"]`, which may be the one in
    the GGUF, and a template that is sent goes before that one."""
    lines = parse_modelfile(str(show.get("modelfile", "")))
    template = next((arg for command, arg in lines if command == "TEMPLATE"), DEFAULT_TEMPLATE)
    return None if template.strip() in (DEFAULT_TEMPLATE, "") else template


def carried(show: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a create's body that is taken over from the base."""
    body: dict[str, Any] = {"template": template_of(show), "system": show.get("system")}
    body["parameters"] = parse_parameters(str(show.get("parameters") or ""))
    body["license"] = [show["license"]] if show.get("license") else None
    body["messages"] = show.get("messages")
    for key in ("renderer", "parser", "requires"):
        body[key] = show.get(key)
    return {key: value for key, value in body.items() if value}
