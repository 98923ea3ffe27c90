"""Digests of model files, remembered so that a file of gigabytes is read once and not at every start."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable
from pathlib import Path

from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_whole

_BLOB = re.compile(r"sha256-([0-9a-f]{64})")
_BLOCK = 1 << 20
_ONE_AT_A_TIME = threading.Lock()
"""The threads of a host that resolve the same base at once (the follower, a training) must not read its gigabytes
twice, nor write digests.json over one another."""


def sha256(*paths: Path) -> str:
    """ "sha256:<64 hex>" of a file's bytes, or of several files' bytes one after the other. Raises OSError."""
    return f"sha256:{sha256_hex(*paths)}"


def sha256_hex(*paths: Path) -> str:
    """The same without its prefix, as older manifests have it."""
    state = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                state.update(block)
    return state.hexdigest()


def remembered_sha256(path: Path, cache: Path) -> str:
    """`sha256`, kept in <cache>/digests.json under the file's path, size and time of change.

    A file that Ollama named after its digest is taken at its word: Ollama checks it when it writes it.
    """
    blob = _BLOB.fullmatch(path.name)
    if blob:
        return f"sha256:{blob[1]}"
    state = path.stat()
    key = f"{path.absolute()}|{state.st_size}|{state.st_mtime_ns}"
    with _ONE_AT_A_TIME:
        digests = _read(cache / "digests.json")
        if key not in digests:
            # An earlier state of the same file is never asked for again.
            others = {name: value for name, value in digests.items() if not name.startswith(f"{path.absolute()}|")}
            digests = {**others, key: sha256(path)}
            private.make_folder(cache)
            write_whole(cache / "digests.json", json.dumps(digests))
        return digests[key]


def folder_sha256(files: Iterable[Path], cache: Path) -> str:
    """One digest of several files: of the list of their names and digests, in order of name."""
    lines = [f"{path.name} {remembered_sha256(path, cache)}\n" for path in sorted(files)]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(path: Path) -> dict[str, str]:
    """Empty when there is none or it cannot be read: it is only a saving of time."""
    try:
        digests = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return digests if isinstance(digests, dict) else {}
