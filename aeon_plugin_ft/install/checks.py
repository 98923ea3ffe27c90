"""What works and what does not in an Aeon that has the plugin, each with the one command that mends it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.extras import origin
from aeon_plugin_ft.install.aeon_folder import find_python, probe, read_folder
from aeon_plugin_ft.install.files import is_current, read_manifest
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import DataFolder
from hooks.door import REPORT

_found = Speaker("cli/doctor")
_REPAIRS = {"window", "typed", "private"}
"""Those of hooks/repairs.py."""
_AEON_PACKAGES = ("groq", "ollama", "chromadb")
"""Aeon imports these at its very start; without chromadb, which its requirements.txt forgets, no module loads."""


@dataclass(frozen=True, slots=True)
class InstallCheck:
    """`detail` is a sentence. `mend` is the command that mends it, "" when all is well."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


def check(aeon_root: Path, python: Path | None = None) -> list[InstallCheck]:
    """Every finding about the Aeon at `aeon_root`; never raises."""
    root = aeon_root.expanduser().absolute()
    try:
        aeon = read_folder(root)
    except InstallError as error:
        return [InstallCheck("folder", False, str(error), _found("aeon.look"))]
    name = _found("aeon.known", version=aeon.version) if aeon.version else _found("aeon.unknown")
    return [
        InstallCheck("folder", True, name),
        *_module(root),
        *_python(root, python),
        *_key(root),
        *_door(root),
    ]


def _module(root: Path) -> Iterator[InstallCheck]:
    again = f'aeon-ft install "{root}"'
    if read_manifest(root) is None:
        yield InstallCheck("module", False, _found("aeon.no_module"), again)
    elif not is_current(root):
        yield InstallCheck("module", False, _found("aeon.other_module"), again)
    else:
        yield InstallCheck("module", True, _found("aeon.module"))


def _python(root: Path, python: Path | None) -> Iterator[InstallCheck]:
    try:
        executable = python or find_python(root)
        seen = probe(executable, root, _AEON_PACKAGES)
    except InstallError as error:
        yield InstallCheck("python", False, str(error), f'aeon-ft install "{root}"')
        return
    pip = f'"{executable}" -m pip install'
    if seen.package is None:
        detail = _found("aeon.no_import", python=executable, error=seen.error)
        yield InstallCheck("python", False, detail, f"{pip} {origin()}")
    else:
        yield InstallCheck("python", True, _found("aeon.imports", version=seen.python, package=seen.package))
    for name in _AEON_PACKAGES:
        if not seen.found.get(name, False):
            yield InstallCheck(name, False, _found("aeon.needs", package=name, python=executable), f"{pip} {name}")


def _key(root: Path) -> Iterator[InstallCheck]:
    """Aeon's `.env` loses its first key to a byte-order mark, which Notepad writes."""
    try:
        raw = (root / ".env").read_bytes()
    except OSError:
        return
    if raw.startswith(b"\xef\xbb\xbf"):
        editor = "notepad" if os.name == "nt" else "nano"
        yield InstallCheck("key", False, _found("aeon.mark"), f'{editor} "{root / ".env"}"')


def _door(root: Path) -> Iterator[InstallCheck]:
    note = read_note(root)
    if note is None:
        yield InstallCheck("door", False, _found("aeon.not_started"), f'python "{root / "main.py"}"')
        return
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(note.get("opened_at", 0))))
    yield InstallCheck("door", True, _found("aeon.started", when=when, python=note.get("python")))
    if not note.get("messages_seen", True):
        yield InstallCheck("brain", False, _found("aeon.wrapped"), f'python "{root / "main.py"}"')
    for name, what in dict(note.get("repairs", {})).items():
        said = _found(f"repair.{name}") if name in _REPAIRS else what
        yield InstallCheck(f"repair {name}", True, _found("aeon.mended", what=said))


def read_note(root: Path) -> dict[str, Any] | None:
    """What the door left when Aeon last started; None when it never did."""
    try:
        note = json.loads((DataFolder.find(aeon_root=root).root / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None
