"""Where on this computer an Aeon may lie. Standard library only (see bootstrap.py)."""

from __future__ import annotations

import os
import string
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.install.aeon_folder import read_folder

_DEPTH = 3
"""Folders below a place: D:/Dev/Aeon/Aeon is three below the drive."""
SECONDS = 20.0
_NEVER_IN = {
    "Windows", "Program Files", "Program Files (x86)", "ProgramData", "AppData", "Library", "node_modules",
    "site-packages", "__pycache__", "venv", "env", "proc", "sys", "dev",
}  # fmt: skip
_PERSONAL = ("Desktop", "Área de Trabalho", "Documents", "Documentos", "Downloads")


def find_aeons(places: Iterable[Path], but: Path | None = None, seconds: float = SECONDS) -> list[Path]:
    """Every Aeon in these places, the likely ones first, but for what lies in `but` (the plugin's own folder has one in
    its tests). A slow disk is given up after so many seconds."""
    deadline, aeons = time.monotonic() + seconds, list[Path]()
    seen = set[Path]() if but is None else {but.resolve()}
    for place in places:
        for folder in _below(place, _DEPTH, seen):
            if time.monotonic() > deadline:
                return aeons
            if _is_file(folder / "main.py") and _is_file(folder / "core" / "brain.py") and _is_aeon(folder):
                aeons.append(folder)
    return aeons


def likely_places(source: Path | None = None) -> list[Path]:
    """Here, beside the plugin, the person's own folders, and on Windows each drive."""
    home, here = Path.home(), Path.cwd()
    places = [here, here.parent, *([source.parent] if source is not None else [])]
    for base in (home, home / "OneDrive"):
        places += [base / name for name in _PERSONAL]
    places.append(home)
    if sys.platform == "win32":
        places += [Path(f"{letter}:\\") for letter in string.ascii_uppercase]
    return list(dict.fromkeys(places))


def _below(place: Path, depth: int, seen: set[Path]) -> Iterator[Path]:
    """A folder and those below it, breadth first, each once however many places lead to it."""
    level = [place]
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            real = _real(folder)
            if real is None or real in seen:
                continue
            seen.add(real)
            yield folder
            below += _folders_in(folder)
        level = below


def _real(folder: Path) -> Path | None:
    try:
        return folder.resolve() if folder.is_dir() else None
    except OSError:
        return None


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith((".", "$"))]
    except OSError:  # not ours to read, or a drive without a disk in it
        return []
    return [folder / name for name in sorted(names) if name not in _NEVER_IN]


def _is_file(path: Path) -> bool:
    # Not Path.is_file, which raises where the folder may not be entered (another user's home) before Python 3.14.
    return os.path.isfile(path)  # noqa: PTH113


def _is_aeon(folder: Path) -> bool:
    try:
        read_folder(folder)
    except (InstallError, OSError):
        return False
    return True
