"""Files and folders that appear whole or not at all.

Windows refuses to rename what somebody else has open, and Defender or the search indexer open each new file for a
moment: every move here is tried again for RETRY_SECONDS before it counts as refused.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RETRY_SECONDS = 10.0
"""How long a sharing violation is waited out. A virus scanner is done within a second or two."""
_FIRST_WAIT, _LONGEST_WAIT = 0.005, 0.25
_SHARING = {5, 32, 33}
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION: all three are seen for an open file."""


def move_into_place(part: Path, final: Path) -> None:
    """Rename a finished file, replacing the one that is there, or a finished folder to a name that is free.

    Raises OSError; `part` is then still there.
    """
    if part.is_dir():
        _patiently(lambda: part.rename(final))
    else:
        _patiently(lambda: part.replace(final))


def write_whole(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file whole or not at all; text as UTF-8 with its line ends as they are. `durable`: it is on the disk,
    and survives a power cut, before this returns. Raises OSError."""
    with whole_file(path, durable=durable) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def write_json(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    """A JSON file, whole or not at all, on the disk before this returns. Raises OSError."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2), durable=True)


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A place to write to, which becomes `path` when the block ends well and is gone when it does not. Two writers of
    one file do not meet: each process writes to a part of its own."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        if durable:
            _sync(part)
        move_into_place(part, path)
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _patiently(move: Callable[[], object]) -> None:
    deadline, wait = time.monotonic() + RETRY_SECONDS, _FIRST_WAIT
    while True:
        try:
            move()
            return
        except PermissionError as error:
            if not _may_pass(error) or time.monotonic() + wait > deadline:
                raise
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _may_pass(error: PermissionError) -> bool:
    """Whether it is Windows saying that somebody has the file open; elsewhere a refusal is final."""
    return sys.platform == "win32" and getattr(error, "winerror", None) in _SHARING
