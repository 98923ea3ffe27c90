"""The tools that the host really has: what its `tools.json` lists, and what its modules define.

Nothing of the host is imported or run: modules are read as text. A tool's name is "Modulo.funcao", as Aeon's prompt
asks for it, where the module is told by its class or by the name that it gives itself.
"""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aeon_plugin_ft.privacy.folding import fold_accents

log = logging.getLogger(__name__)

LISTS = ("tools.json", "core/tools.json", "config/tools.json", "bagagem/tools.json")
"""Where a host may keep its list, under its folder."""
MODULES = "modules/*/*_mod.py"
_BASE = "AeonModule"


def host_tools(root: Path) -> frozenset[str]:
    """The names of the tools of the host in a folder, folded; empty where it lists none and has no modules."""
    names: set[str] = set()
    for path in (root / name for name in LISTS):
        if path.is_file():
            names.update(_listed(path))
    for path in sorted(root.glob(MODULES)):
        names.update(_defined(path))
    return frozenset(fold_accents(name) for name in names)


def _listed(path: Path) -> Iterator[str]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read (%s); its tools are not known", path, error)
        return
    yield from _names(entries)


def _names(entry: Any) -> Iterator[str]:
    """Names in any of the usual shapes: a list of names or of {"name"} or {"function": {"name"}}, or a mapping of
    modules to functions."""
    if isinstance(entry, str):
        yield from (entry,) if "." in entry else ()
    elif isinstance(entry, list):
        for one in entry:
            yield from _names(one)
    elif isinstance(entry, dict):
        named = entry.get("name") or entry.get("tool")
        if isinstance(named, str) and "." in named:
            yield named
        for key, value in entry.items():
            if "." in key:
                yield key
            elif isinstance(value, list) and all(isinstance(one, str) and "." not in one for one in value):
                yield from (f"{key}.{one}" for one in value if key[:1].isupper())
            elif isinstance(value, (dict, list)):
                yield from _names(value)


def _defined(path: Path) -> Iterator[str]:
    """The public functions of a module's class, under its class's name and its own."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, SyntaxError) as error:
        log.warning("%s cannot be read (%s); its tools are not known", path, error)
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_name_of(base) == _BASE for base in node.bases):
            owners = {node.name, node.name.removesuffix("Module"), *_own_name(node)}
            for member in node.body:
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and not member.name.startswith("_"):
                    yield from (f"{owner}.{member.name}" for owner in owners if owner)


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _own_name(node: ast.ClassDef) -> Iterator[str]:
    """What `self.name = "..."` or `name = "..."` gives it."""
    for one in ast.walk(node):
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
            for target in one.targets:
                if (isinstance(target, ast.Attribute) and target.attr == "name") or (
                    isinstance(target, ast.Name) and target.id == "name"
                ):
                    yield one.value.value
