"""Digests of model files, remembered so that a file of gigabytes is read once and not at every start."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

_BLOB = re.compile(r"sha256-([0-9a-f]{64})")
_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """ "sha256:<64 hex>" of a file's bytes."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return "sha256:" + state.hexdigest()


def remembered_sha256(path: Path, cache: Path) -> str:
    """`sha256`, kept in <cache>/digests.json under the file's path, size and time of change.

    A file that Ollama named after its digest is taken at its word: Ollama checks it when it writes it.
    """
    blob = _BLOB.fullmatch(path.name)
    if blob:
        return f"sha256:{blob[1]}"
    state = path.stat()
    key = f"{path.absolute()}|{state.st_size}|{state.st_mtime_ns}"
    known = _read(cache / "digests.json")
    if key not in known:
        kept = {name: value for name, value in known.items() if not name.startswith(f"{path.absolute()}|")}
        known = {**kept, key: sha256(path)}
        _write(cache / "digests.json", known)
    return known[key]


def folder_sha256(files: Iterable[Path], cache: Path) -> str:
    """One digest of several files: of the list of their names and digests, in order of name."""
    lines = [f"{path.name} {remembered_sha256(path, cache)}\n" for path in sorted(files)]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, known: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    part.write_text(json.dumps(known), encoding="utf-8")
    part.replace(path)
