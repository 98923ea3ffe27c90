"""Files and folders that appear whole or not at all.

They are their owner's alone (private.py), but for `shared` ones, which have the rights that this process gives a file.
What is written stands under a name of its own first, NAME.<pid>.part beside it, and is then renamed. A part whose
process is no longer there was left by a crash, and goes when the same thing is written again.

Windows refuses to rename what somebody else has open, and Defender or the search indexer open each new file for a
moment: every move here is tried again for RETRY_SECONDS before it counts as refused.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store import private

_say = Speaker("errors/store")

PART = ".part"
"""How the name of what is being written ends."""
RETRY_SECONDS = 10.0
"""How long a sharing violation is waited out. A virus scanner is done within a second or two."""
_FIRST_WAIT, _LONGEST_WAIT = 0.005, 0.25
_SHARING = {5, 32, 33}
"""ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION: all three are seen for an open file."""
_CLOCK_SLACK = 2.0
"""Seconds. FAT and some network drives keep times to two seconds."""


def move_into_place(part: Path, final: Path) -> None:
    """Rename a finished file, replacing the one that is there, or a finished folder to a name that is free.

    Raises OSError; `part` is then still there.
    """
    if part.is_dir():
        patiently(lambda: part.rename(final))
    else:
        # Not rename, which on Windows refuses a name that is taken.
        patiently(lambda: part.replace(final))


def write_whole(path: Path, content: str | bytes, *, durable: bool = False, shared: bool = False) -> None:
    """Write a file whole or not at all; text as UTF-8 with its line ends as they are. `durable`: it is on the disk,
    and survives a power cut, before this returns. Raises OSError."""
    with whole_file(path, durable=durable, shared=shared) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def write_json(path: Path, value: Mapping[str, Any] | list[Any]) -> None:
    """A JSON file, whole or not at all, on the disk before this returns. Raises OSError."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=2), durable=True)


@contextmanager
def whole_file(path: Path, *, durable: bool = False, shared: bool = False) -> Iterator[Path]:
    """An empty file to fill, which becomes `path` when the block ends well and is gone when it does not. Two writers of
    one file do not meet: each process writes to a part of its own. What a crash left of the same file goes."""
    part = _part(path)
    # Made here and not by whoever opens it: a library asks for other rights.
    if not shared:
        private.reserve(part)
    try:
        yield part
        if durable:
            _sync(part)
        move_into_place(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder to fill, which becomes `path`, with every file on the disk, when the block ends well and is
    gone when it does not.

    A folder cannot be renamed onto another one. With `replace` the old one goes just before the move, so that a crash
    in between leaves none; without it another process that was faster makes this one raise FileExistsError.
    """
    part = _part(path)
    shutil.rmtree(part, ignore_errors=True)
    private.make_folder(part)
    try:
        yield part
        for file in part.rglob("*"):
            if file.is_file():
                _sync(file)
        if replace and path.exists():
            patiently(lambda: shutil.rmtree(path))
        _move_folder(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def left_behind(folder: Path, name: str = "*") -> Iterator[Path]:
    """The parts in a folder, of what matches `name`, that nobody is writing any more."""
    for part in folder.glob(f"{name}{PART}"):
        pid = part.name.removesuffix(PART).rpartition(".")[2]
        if not pid.isdigit() or not _writes(int(pid), part):
            yield part


def remove_left_behind(folder: Path, name: str = "*") -> None:
    """Delete them, as far as that is allowed."""
    for part in left_behind(folder, name):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            with suppress(OSError):  # somebody has it open, or was faster: the next writer comes by again
                part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    # A name may hold [ or *, which glob takes for a pattern.
    remove_left_behind(path.parent, f"{glob.escape(path.name)}.*")
    return path.with_name(f"{path.name}.{os.getpid()}{PART}")


def _writes(pid: int, part: Path) -> bool:
    """Whether that process may be writing it: it is there, and was before the part (numbers of processes return)."""
    import psutil

    if pid == os.getpid():
        return True
    try:
        return bool(psutil.Process(pid).create_time() <= part.stat().st_mtime + _CLOCK_SLACK)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
    # It is there, and another user's: in doubt it is still writing.
    except psutil.AccessDenied:
        return True


def _move_folder(part: Path, path: Path) -> None:
    try:
        move_into_place(part, path)
    except OSError as error:
        # Each system has another error for a name that is taken, and Windows the same as for an open file.
        if path.exists():
            raise FileExistsError(error.errno, f"{path.name} is there already") from error
        raise


def _sync(path: Path) -> None:
    # For writing, though nothing is written: Windows syncs no file that was opened to read.
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def why_refused(error: OSError, path: Path) -> str:
    """Why a file cannot be read or written, for people. Windows says "permission denied" of a folder."""
    folder = isinstance(error, IsADirectoryError | PermissionError) and path.is_dir()
    return _say("file.folder") if folder else refusal(error)


def patiently(move: Callable[[], object], seconds: float | None = None) -> None:
    """Rename or delete something that another program may have open for a moment (see above); for RETRY_SECONDS
    where no other time is given. Raises OSError."""
    deadline, wait = time.monotonic() + (RETRY_SECONDS if seconds is None else seconds), _FIRST_WAIT
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
