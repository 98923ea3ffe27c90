"""As much of Go's text/template as Ollama's chat templates use, so that a fake Ollama renders what it was given.

Known: text with {{- and -}}, .Messages, .Role, .Content, .System, .Prompt, .Response, .Tools, .Thinking,
.IsThinkSet, .Think, $, variables, string literals, print, len, slice, eq, ne, and, or, not, and the blocks
if / else if / else / range / end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_ACTION = re.compile(r"(\s*\{\{-|\{\{)(.*?)(-\}\}\s*|\}\})", re.DOTALL)
_WORD = re.compile(r'"(?:\\.|[^"\\])*"|\(|\)|[^\s()]+')


class TemplateError(ValueError):
    """What Go's parser says of a template that it does not take."""


@dataclass
class Node:
    """Text ("text", the text), an action ("do", its words), or a block with (condition, body) in turn."""

    kind: str
    value: str = ""
    branches: list[tuple[str, list[Node]]] = field(default_factory=list)


def parse(template: str) -> list[Node]:
    """The template as a tree; raises TemplateError as Go's parser does."""
    if template.count("{{") != len(_ACTION.findall(template)):
        raise TemplateError("template: :1: unclosed action")
    nodes, end = _block(iter(_tokens(template)))
    if end:
        raise TemplateError(f"template: :1: unexpected {{{{{end}}}}}")
    return nodes


def _tokens(template: str) -> Iterator[tuple[str, str]]:
    at = 0
    for match in _ACTION.finditer(template):
        yield "text", template[at : match.start()]
        yield "do", match[2].strip()
        at = match.end()
    yield "text", template[at:]


def _block(tokens: Iterator[tuple[str, str]]) -> tuple[list[Node], str]:
    nodes: list[Node] = []
    for kind, value in tokens:
        first = value.split(" ")[0] if kind == "do" else ""
        if kind == "text":
            nodes.append(Node("text", value))
        elif first in ("end", "else"):
            return nodes, value
        elif first in ("if", "range"):
            nodes.append(_branches(first, value[len(first) :].strip(), tokens))
        elif not value.startswith("/*"):
            nodes.append(Node("do", value))
    return nodes, ""


def _branches(kind: str, condition: str, tokens: Iterator[tuple[str, str]]) -> Node:
    node = Node(kind)
    while True:
        body, end = _block(tokens)
        node.branches.append((condition, body))
        if end == "end":
            return node
        if not end:
            raise TemplateError("template: :1: unexpected EOF")
        condition = end[4:].strip().removeprefix("if").strip() or "true"


def render(
    template: str, messages: list[dict[str, Any]], tools: list[Any] | None = None, think: bool | None = None
) -> str:
    """The prompt of a conversation, up to where the reply begins. `think`: None where nothing is said of thoughts."""
    nodes = parse(template)
    system = "\n\n".join(str(m["content"]) for m in messages if m["role"] == "system")
    world: dict[str, Any] = {"Messages": messages, "Tools": tools or [], "Response": "", "System": system}
    world |= {"IsThinkSet": think is not None, "Think": bool(think)}
    if ".Messages" in template:
        return "".join(_render(nodes, world, {"$": world}))
    # An older template is written once for each question with its reply; the last one has none yet.
    out, prompt = "", ""
    for message in [*messages, None]:
        if message is None or message["role"] == "assistant":
            text = str(message["content"]) if message else ""
            shown = "".join(_render(nodes, {**world, "Prompt": prompt, "Response": text}, {}))
            out += shown if ".Response" in template else shown + text
            prompt, world = "", {**world, "System": ""}
        elif message["role"] == "user":
            prompt = str(message["content"])
    return out


def _render(nodes: list[Node], dot: Any, names: dict[str, Any]) -> Iterator[str]:
    for node in nodes:
        if node.kind == "text":
            yield node.value
        elif node.kind == "do":
            yield _done(node.value, dot, names)
        elif node.kind == "if":
            body = next((body for condition, body in node.branches if _value(condition, dot, names)), [])
            yield from _render(body, dot, names)
        else:
            yield from _each(node, dot, names)


def _each(node: Node, dot: Any, names: dict[str, Any]) -> Iterator[str]:
    condition, body = node.branches[0]
    variables, _, what = condition.rpartition(":=")
    bound = [name.strip() for name in variables.split(",")] if variables else []
    for index, item in enumerate(_value(what.strip(), dot, names)):
        if bound:
            names.update(zip(bound, (index, item) if len(bound) == 2 else (item,), strict=True))
        yield from _render(body, item, names)


def _done(action: str, dot: Any, names: dict[str, Any]) -> str:
    assigned = re.match(r"(\$\w+)\s*:?=\s*(.*)", action, re.DOTALL)
    if assigned:
        names[assigned[1]] = _value(assigned[2], dot, names)
        return ""
    return str(_value(action, dot, names))


def _value(text: str, dot: Any, names: dict[str, Any]) -> Any:
    return _call(_WORD.findall(text), dot, names)


def _call(words: list[str], dot: Any, names: dict[str, Any]) -> Any:
    values: list[Any] = []
    at = 1 if words[0] in _FUNCTIONS else 0
    while at < len(words):
        if words[at] == "(":
            close = _closing(words, at)
            values.append(_call(words[at + 1 : close], dot, names))
            at = close + 1
        else:
            values.append(_one(words[at], dot, names))
            at += 1
    return _FUNCTIONS[words[0]](values) if words[0] in _FUNCTIONS else values[0]


def _closing(words: list[str], at: int) -> int:
    depth = 0
    for index in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[index], 0)
        if depth == 0:
            return index
    raise TemplateError("template: :1: unclosed left paren")


def _one(word: str, dot: Any, names: dict[str, Any]) -> Any:
    if word.startswith('"'):
        return json.loads(word)
    if word in ("true", "false"):
        return word == "true"
    if word.startswith("$"):
        name, _, path = word.partition(".")
        return _path(names.get(name, dot), path)
    if word.startswith("."):
        return _path(dot, word[1:])
    return int(word)


def _path(value: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        value = value.get(part, value.get(part.lower(), "")) if isinstance(value, dict) else ""
    return value


_FUNCTIONS: dict[str, Any] = {
    "print": lambda values: "".join(str(value) for value in values),
    "eq": lambda values: values[0] in values[1:],
    "ne": lambda values: values[0] != values[1],
    "and": lambda values: next((value for value in values if not value), values[-1]),
    "or": lambda values: next((value for value in values if value), values[-1]),
    "not": lambda values: not values[0],
    "json": lambda values: json.dumps(values[0]),
    "len": lambda values: len(values[0]),
    "slice": lambda values: values[0][slice(*values[1:], None)],
}
