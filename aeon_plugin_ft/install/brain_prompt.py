"""The system prompt of an Aeon that has not been started yet, read out of its brain without running it.

Chats that are imported first must be trained under the prompt that will be served. Aeon writes it as one f-string in
`pensar`, with the clock and the memories in it; both get the values that training gives them (dataset/system.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from aeon_plugin_ft.dataset.served import HostPrompt
from aeon_plugin_ft.dataset.system import CANONICAL_DATE, CANONICAL_TIME, canonical_system
from aeon_plugin_ft.install.remembered import remembered_aeon

_MOMENT = datetime.strptime(f"{CANONICAL_DATE} {CANONICAL_TIME}", "%d/%m/%Y %H:%M")
_BRAIN = Path("core") / "brain.py"
OWN_CORE = "this repository's core"
"""Where a prompt is from that no Aeon has; for people."""


def host_prompt(data: Path) -> HostPrompt | None:
    """What will be served: by the Aeon that the data folder `data` is in, else by the one that the plugin was installed
    into last, else by the repository's own core. None where there is none of them, or none that can be read."""
    inside = data.absolute().parent.parent
    for root in (inside if data.name == "finetuning" else None, remembered_aeon()):
        text = prompt_of(root / _BRAIN) if root is not None else None
        if text:
            return HostPrompt(text, str(root))
    try:
        from core.prompt import system_prompt
    except ImportError:  # where Aeon's own `core` is found instead, which has no module of this name
        return None
    return HostPrompt(canonical_system(system_prompt(_MOMENT)), OWN_CORE)


def prompt_of(brain: Path) -> str | None:
    """The system prompt that a brain.py sends, as training sees it; None when it is not found or is made of what only
    running it tells."""
    try:
        tree = ast.parse(brain.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == "pensar":
            texts = (_Values(function).text(content) for content in _system_contents(function))
            found = next((text for text in texts if text and text.strip()), None)
            if found is not None:
                return canonical_system(found)
    return None


def _system_contents(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """The contents of every {"role": "system", "content": ...} in a function."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Dict):
            continue
        parts = {_constant(key): value for key, value in zip(node.keys, node.values, strict=True)}
        role, content = parts.get("role"), parts.get("content")
        if content is not None and _constant(role) == "system":
            yield content


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


class _Values:
    """Texts that a function computes from nothing but constants, its defaults and the clock."""

    def __init__(self, function: ast.FunctionDef) -> None:
        arguments = function.args.args
        defaults = function.args.defaults
        self._names: dict[str, ast.expr] = {
            argument.arg: default for argument, default in zip(arguments[-len(defaults) :], defaults, strict=True)
        } if defaults else {}  # fmt: skip
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self._names.setdefault(node.targets[0].id, node.value)

    def text(self, node: ast.expr, depth: int = 0) -> str | None:
        """What an expression is; None for one that is not known before the brain runs."""
        if depth > 20:  # a name that is made of itself
            return None
        if isinstance(node, ast.Constant):
            return _constant(node)
        if isinstance(node, ast.Name):
            value = self._names.get(node.id)
            return None if value is None else self.text(value, depth + 1)
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value, depth + 1)
        if isinstance(node, ast.JoinedStr):
            return self._joined([self.text(part, depth + 1) for part in node.values])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([self.text(part, depth + 1) for part in (node.left, node.right)])
        if isinstance(node, ast.IfExp):
            condition = self.text(node.test, depth + 1)
            return None if condition is None else self.text(node.body if condition else node.orelse, depth + 1)
        return self._called(node, depth)

    def _joined(self, parts: list[str | None]) -> str | None:
        known = [part for part in parts if part is not None]
        return "".join(known) if len(known) == len(parts) else None

    def _called(self, node: ast.expr, depth: int) -> str | None:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        if node.func.attr == "strftime" and node.args:
            form = self.text(node.args[0], depth + 1)
            return None if form is None else _MOMENT.strftime(form)
        if node.func.attr == "strip" and not node.args:
            text = self.text(node.func.value, depth + 1)
            return None if text is None else text.strip()
        return None
