"""What a wheel holds: one package, `aeon_plugin_ft`, with all the rest inside it.

The repository keeps `hooks/` and `core/` beside it. In a Python that many programs share, two such names stand in
somebody's way: an Aeon has a `core` of its own. So hatchling asks this file whenever it makes a wheel:

    aeon_plugin_ft/         as it is, but for the imports of the two
    aeon_plugin_ft/hooks/   instead of hooks.py, which in the repository gives it that name
    aeon_plugin_ft/core/
    aeon_plugin_ft/samples/conversation.log             what `aeon-ft demo` learns from
    aeon_plugin_ft/install/constraints.txt              the PyTorch that the tests ran with

An editable installation is this folder itself, and nothing is done for it.
"""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "aeon_plugin_ft"
INSIDE = ("hooks", "core")
"""Folders of the repository that become packages inside of ours."""
ONLY_HERE = ("hooks.py",)
"""Modules of the package that a wheel has otherwise."""
BESIDE = {
    "constraints.txt": "install/constraints.txt",
    "samples/conversation.log": "samples/conversation.log",
    "samples/README.md": "samples/README.md",
}
"""Other files of the repository, and where they lie inside the package."""
NO_FILE_OF_OURS = ("__pycache__", ".")
"""How the names begin of what Python and others leave in a folder."""

Edit = tuple[int, int, int, bytes]
"""Line (from 0), first byte, first byte after it, and what stands there then."""


class NestingHook(BuildHookInterface[Any]):
    """Hatchling's door: the tree is made in a folder of its own, and handed over whole."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a wheel is made; `version` is "standard" or "editable"."""
        if version == "editable":
            return
        self.made = Path(tempfile.mkdtemp(prefix="aeon-ft-wheel-"))
        nest(Path(self.root), self.made)
        build_data["force_include"][str(self.made / PACKAGE)] = PACKAGE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After it was made."""
        if version != "editable":
            shutil.rmtree(self.made)


def nest(repository: Path, target: Path) -> None:
    """Write the wheel's one package below `target`. Raises ValueError for an import that cannot be nested."""
    for folder in (PACKAGE, *INSIDE):
        inside = target / PACKAGE if folder == PACKAGE else target / PACKAGE / folder
        for path in _files(repository / folder):
            name = path.relative_to(repository / folder).as_posix()
            if folder == PACKAGE and name in ONLY_HERE:
                continue
            content = path.read_bytes()
            _write(inside / name, renamed(content, str(path)) if path.suffix == ".py" else content)
    for name, where in BESIDE.items():
        _write(target / PACKAGE / where, (repository / name).read_bytes())


def renamed(source: bytes, where: str) -> bytes:
    """A module whose imports of INSIDE have the names that those have in a wheel; not a byte else is changed."""
    lines = source.splitlines(keepends=True)
    # From the last to the first, so that none moves another.
    for line, begin, end, text in sorted(_edits(source, lines, where), reverse=True):
        lines[line] = lines[line][:begin] + text + lines[line][end:]
    return b"".join(lines)


def _edits(source: bytes, lines: list[bytes], where: str) -> Iterator[Edit]:
    for node in ast.walk(ast.parse(source, where)):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_inside(node.module or ""):
            begin = re.compile(rb"from[ \t]+(?=\w)").match(lines[node.lineno - 1], node.col_offset)
            if begin is None:
                raise ValueError(f"{where}:{node.lineno}: the name is to stand in one line with its `from`")
            yield node.lineno - 1, begin.end(), begin.end(), f"{PACKAGE}.".encode()
        elif isinstance(node, ast.Import):
            yield from (_alias(alias, where) for alias in node.names if _is_inside(alias.name))


def _alias(alias: ast.alias, where: str) -> Edit:
    if alias.asname is None and "." in alias.name:
        raise ValueError(f"{where}:{alias.lineno}: `import {alias.name}` gives a name that a wheel cannot; use `from`")
    name = f"{PACKAGE}.{alias.name}"
    text = name if alias.asname is not None else f"{name} as {alias.name}"
    return alias.lineno - 1, alias.col_offset, alias.col_offset + len(alias.name.encode()), text.encode()


def _is_inside(module: str) -> bool:
    return module.partition(".")[0] in INSIDE


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(NO_FILE_OF_OURS) for part in parts):
            yield path


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
