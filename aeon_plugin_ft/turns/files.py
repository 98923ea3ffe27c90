"""Log files and who may write them.

Each writing process holds one *slot*, a number of its own, and is the only one that appends to that
slot's files `<slot>-<sequence>.jsonl`: an append can be torn only by its own process's death, on any
operating system (Windows has no atomic append between processes). The first free slot is taken, so one
process after the other goes on with the same file, and two at once have two.

Two lock files belong to a slot. `<slot>.owner.lock` is held for as long as the writer lives and is
released by the system when it dies. `<slot>.gate.lock` is held for the microseconds of one write; it
also carries the lowest sequence number that may still be appended to, so that a rewrite in any process
can seal the files below it while the writer goes on in a new one.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import time
from pathlib import Path

from aeon_plugin_ft.errors import LogError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private

_say = Speaker("errors/turns")

SLOTS = 100
SUFFIX = ".jsonl"
_NAME = re.compile(r"(\d{2})-(\d{6,})\.jsonl")
_MINIMUM = struct.Struct("<Q")
# Binary, or Windows would write two bytes for a newline; not inherited, or a child would keep the file, and the lock on
# it, open after this process.
_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_CLOEXEC", 0)
PRIVATE = 0o600
"""Conversations are for their owner's eyes only."""


def log_files(folder: Path) -> list[Path]:
    """Every log file in the folder, each slot's in the order it was written."""
    # By name: slot and sequence are numbers with leading zeros.
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())


def slot_of(path: Path) -> str:
    """The slot a file belongs to; a copy under another name is a slot by itself."""
    named = _NAME.fullmatch(path.name)
    return named.group(1) if named else path.name


def sequence_of(path: Path) -> int | None:
    """A file's number within its slot; None for a copy under another name."""
    named = _NAME.fullmatch(path.name)
    return int(named.group(2)) if named else None


def open_to_append(path: Path, *, new: bool) -> int:
    """A descriptor whose every write lands at the end; FileExistsError when `new` is not."""
    # O_EXCL: a name that is there already belongs to somebody's turns, whoever made it.
    made = os.O_CREAT | os.O_EXCL if new else 0
    return os.open(path, os.O_WRONLY | os.O_APPEND | made | _FLAGS, PRIVATE)


def sync_folder(folder: Path) -> None:
    """Make new names in the folder survive a power cut; Windows has no such call and does it by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | _FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileLock:
    """An exclusive lock between processes (and between two locks of one process) on a file of its own.

    The operating system releases it when its process dies.
    """

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, PRIVATE)
        self._held = False

    def acquire(self, seconds: float | None = None) -> bool:
        """Wait at most `seconds` (None: for ever) for the lock; False when it was not to be had."""
        # Without a limit the system itself can wait, and wakes this thread at once.
        if seconds is None and _wait_for_lock(self.descriptor):
            self._held = True
            return True
        deadline = None if seconds is None else time.monotonic() + seconds
        while not _try_lock(self.descriptor):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            # A write holds the gate for microseconds, so a longer sleep would be most of the wait.
            time.sleep(0.0005)
        self._held = True
        return True

    def release(self) -> None:
        """Let the next one have it."""
        self._held = False
        _unlock(self.descriptor)

    def close(self) -> None:
        """Releases the lock first: Windows takes its time over the locks of a file that was closed."""
        if self._held:
            self.release()
        os.close(self.descriptor)


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30
    """The byte that is locked: far behind the content, since a locked byte cannot be read on Windows."""

    def _wait_for_lock(descriptor: int) -> bool:
        return False  # msvcrt's own wait looks once a second

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _wait_for_lock(descriptor: int) -> bool:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class Gate:
    """A slot's gate: held around each write, and by a rewrite while it seals the slot's files."""

    def __init__(self, folder: Path, slot: str) -> None:
        self.folder = folder
        self.slot = slot
        self._lock = FileLock(folder / f"{slot}.gate.lock")

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def minimum(self) -> int:
        """The lowest sequence number that may be appended to; call it while the gate is held."""
        os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
        read = os.read(self._lock.descriptor, _MINIMUM.size)
        # An empty file is a new one; numbers begin at 1.
        return int(_MINIMUM.unpack(read)[0]) if len(read) == _MINIMUM.size else 1

    def seal(self) -> None:
        """From now on nothing is appended to any file that the slot has."""
        with self:
            # One beyond every file that is there: whoever writes next begins a new one.
            least = _MINIMUM.pack(max(self.minimum(), last_sequence(self.folder, self.slot) + 1))
            os.lseek(self._lock.descriptor, 0, os.SEEK_SET)
            os.write(self._lock.descriptor, least)

    def close(self) -> None:
        """Close the lock's file; the gate cannot be used again."""
        self._lock.close()


class Slot:
    """The right to write one slot's files, held until `close()` or the death of the process."""

    def __init__(self, folder: Path) -> None:
        """Take the first free slot. LogError when there is none, OSError when the folder will not do."""
        self.folder = folder
        private.make_folder(folder)
        self._owner, self.name = _claim(folder)
        self.gate = Gate(folder, self.name)

    def path(self, sequence: int) -> Path:
        """The slot's file of this number, whether or not it is there."""
        return self.folder / f"{self.name}-{sequence:06d}{SUFFIX}"

    def close(self) -> None:
        """Let another process have the slot."""
        self.gate.close()
        self._owner.close()


def last_sequence(folder: Path, slot: str) -> int:
    """The highest sequence number that the slot has a file of, 0 when it has none."""
    return max((sequence_of(path) or 0 for path in folder.glob(f"{slot}-*{SUFFIX}")), default=0)


def _claim(folder: Path) -> tuple[FileLock, str]:
    for number in range(SLOTS):
        name = f"{number:02d}"
        owner = FileLock(folder / f"{name}.owner.lock")
        # No waiting: a slot that is taken is taken for as long as its process lives.
        if owner.acquire(seconds=0):
            return owner, name
        owner.close()
    raise LogError(*_say.error("log.too_many", programs=SLOTS, folder=folder))
