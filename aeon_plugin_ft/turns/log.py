"""The turn log: every turn is in the operating system's hands before its reply is returned.

One turn is one line and one `os.write` at the end of the file (with the system text in front of it, the
first time that this file needs it). The death of the process at any moment loses no turn whose `append`
has returned; see docs/turns.md for what a power cut can lose.
"""

from __future__ import annotations

import errno
import logging
import mmap
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aeon_plugin_ft.errors import LogError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.turns.files import Slot, last_sequence, open_to_append
from aeon_plugin_ft.turns.lines import (
    SYSTEM_START,
    EncodedTurn,
    Header,
    Redact,
    RedactTurn,
    SystemText,
    TurnEncoder,
    header_line,
    parse,
)
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.turns.places import Places
from aeon_plugin_ft.turns.syncing import Syncer
from hooks import Turn

if TYPE_CHECKING:
    from aeon_plugin_ft.settings import LogSection

_say = Speaker("errors/turns")

log = logging.getLogger("aeon_ft.turns")


@dataclass(frozen=True, slots=True)
class Limits:
    """A new file is begun at `rotate_bytes`. A power cut loses at most `fsync_seconds` of the log; 0 syncs each turn
    before `append` returns."""

    rotate_bytes: int
    fsync_seconds: float

    @classmethod
    def of(cls, settings: LogSection) -> Limits:
        """Those of [log] rotate_mb and fsync_ms."""
        return cls(settings.rotate_mb * 1_000_000, settings.fsync_ms / 1000)


class TurnLog:
    """Appends turns to the files of one slot; safe from any thread, and beside other processes.

    `redact` is applied to every text before it is written, and what `redact_turn` gives for a turn to what was said
    in it. `limits` is asked at each use, so that a changed [log] counts from the next turn on.
    `on_failure(sentence)` is called once when turns stop reaching the disk (from the thread that
    noticed), `on_recovery(lost)` once when they do again, with the number of turns that were lost.

    Each turn of this assistant gets a place in the order of what was said, larger than that of any before it: its time
    in microseconds, or one more than the last place where the clock was set back. `places` knows the last one, where
    this log goes on after another.
    """

    def __init__(
        self,
        folder: Path,
        *,
        redact: Redact,
        limits: Callable[[], Limits],
        on_failure: Callable[[str], None],
        on_recovery: Callable[[int], None] | None = None,
        redact_turn: RedactTurn | None = None,
        places: Places | None = None,
    ) -> None:
        self.folder = folder
        self._limits = limits
        self._places = places or Places()
        self._encoder = TurnEncoder(redact, redact_turn)
        self._writes = Health(
            lambda reason: _say("log.not_written", folder=folder, reason=reason), on_failure, on_recovery
        )
        self._syncs = Health(lambda reason: _say("log.not_safe", folder=folder, reason=reason), on_failure, None)
        self._lock = threading.Lock()
        self._slot: Slot | None = None
        self._file: LogFile | None = None
        self._closed = False
        self._syncer = Syncer(folder, lambda: limits().fsync_seconds, self._synced, self._leave_sealed_file)
        try:
            with self._lock:
                self._open()
        except (OSError, LogError) as error:
            self._writes.failed(error, lost=0)

    def append(self, turn: Turn, kind: TurnKind, *, cut_off: bool = False) -> bool:
        """Write one turn; True when it is in the log. Never raises, never writes a private turn. `cut_off`: what was
        said right before it is not in the log."""
        if turn.private:
            return False
        try:
            # Outside the lock: redacting takes milliseconds, writing microseconds.
            encoded = self._encoder.encode(turn, kind, self._places.next(turn), cut_off=cut_off)
            with self._lock:
                self._write_anywhere(encoded)
            if self._limits().fsync_seconds == 0:
                self._syncer.sync()
        except Exception as error:  # noqa: BLE001 - nothing that fails here may reach the owner's turn
            self._writes.failed(error, lost=1)
            return False
        self._writes.worked()
        return True

    def close(self) -> None:
        """Sync, and let go of the slot; later appends are refused."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._retire_file()
        # Outside the lock, which its thread takes when it looks around.
        self._syncer.close()
        if self._slot is not None:
            self._slot.close()

    # -- inside the lock -----------------------------------------------------------------------

    def _write_anywhere(self, encoded: EncodedTurn) -> None:
        try:
            self._write(encoded)
        except FileNotFoundError:  # somebody removed the whole folder, locks and all: begin again
            self._retire_file()
            if self._slot is not None:
                self._slot.close()
                self._slot = None
            self._write(encoded)

    def _write(self, encoded: EncodedTurn) -> None:
        if self._closed:
            raise LogError(*_say.error("log.closed"))
        slot = self._open()
        # Asked under the gate: a rewrite in another process may seal the file between the question and the write.
        with slot.gate:
            file = self._file
            if file is None or not file.may_grow(slot.gate.minimum(), len(encoded.line), self._limits().rotate_bytes):
                file = self._next_file(slot)
            file.append(encoded)
        # Outside the gate: nothing of the disk's slowness is anybody else's wait.
        self._syncer.written(file.descriptor)

    def _open(self) -> Slot:
        """The slot, with the file that its last writer left off in, mended."""
        if self._slot is None:
            self._slot = Slot(self.folder)
            with self._slot.gate:
                self._file = LogFile.resume(self._slot, self._limits().rotate_bytes)
        return self._slot

    def _next_file(self, slot: Slot) -> LogFile:
        self._retire_file()
        self._file = LogFile.create(slot)
        self._syncer.created()
        return self._file

    def _retire_file(self) -> None:
        if self._file is not None:
            self._syncer.retire(self._file.descriptor)
            self._file = None

    # -- called by the syncer's thread ---------------------------------------------------------

    def _synced(self, error: OSError | None) -> None:
        if error is None:
            self._syncs.worked()
        else:
            self._syncs.failed(error, lost=0)

    def _leave_sealed_file(self) -> None:
        """Let go of a file that was sealed or replaced while nobody spoke: an open descriptor would keep
        forgotten text on the disk, and on Windows keep the file from being replaced."""
        with self._lock:
            if self._file is None or self._slot is None:
                return
            try:
                with self._slot.gate:
                    if not self._file.may_grow(self._slot.gate.minimum(), 0, self._limits().rotate_bytes):
                        self._retire_file()
            except OSError as error:
                log.warning("the log's gate in %s cannot be read: %s", self.folder, error)


class LogFile:
    """One file while it is being written: descriptor, size in bytes, and the system texts it holds."""

    def __init__(self, path: Path, sequence: int, descriptor: int, keys: set[str]) -> None:
        self.path = path
        self.sequence = sequence
        self.descriptor = descriptor
        self.keys = keys
        self.size = os.fstat(descriptor).st_size

    @classmethod
    def create(cls, slot: Slot) -> LogFile:
        """The slot's next file; the gate is held."""
        sequence = max(slot.gate.minimum(), last_sequence(slot.folder, slot.name) + 1)
        path = slot.path(sequence)
        file = cls(path, sequence, open_to_append(path, new=True), set())
        try:
            file._put(header_line(uuid.uuid4().hex))
        except OSError:
            # Nobody owns it yet: the syncer, which closes all others, has never heard of it.
            os.close(file.descriptor)
            raise
        return file

    @classmethod
    def resume(cls, slot: Slot, rotate_bytes: int) -> LogFile | None:
        """The slot's last file with its torn last line cut off; None when a new one must be begun."""
        sequence = last_sequence(slot.folder, slot.name)
        path = slot.path(sequence)
        if sequence < max(slot.gate.minimum(), 1) or path.stat().st_size >= rotate_bytes:
            return None
        keys = mend(path)
        return None if keys is None else cls(path, sequence, open_to_append(path, new=False), keys)

    def may_grow(self, minimum: int, by: int, rotate_bytes: int) -> bool:
        """Whether `by` more bytes may go here: not sealed, not full, and nobody else removed, replaced or
        changed the file meanwhile."""
        state = os.fstat(self.descriptor)
        untouched = state.st_nlink > 0 and state.st_size == self.size
        return untouched and self.sequence >= minimum and self.size + by <= rotate_bytes

    def append(self, encoded: EncodedTurn) -> None:
        """Write a turn, and before it the system texts that this file has not. Raises OSError with the file as it
        was."""
        new = [(key, line) for key, line in encoded.systems if key not in self.keys]
        self._put(b"".join(line for _, line in new) + encoded.line)
        self.keys.update(key for key, _ in new)

    def _put(self, block: bytes) -> None:
        # One call for the whole block, system texts in front: a turn is never on the disk without what it needs.
        written = os.write(self.descriptor, block)
        if written != len(block):
            # A disk that is nearly full takes a part. Take it back; if even that fails, the size no longer
            # fits, `may_grow` says so, and the next turn starts a new file behind the torn one.
            os.ftruncate(self.descriptor, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written


class Health:
    """Tells of a failure once, and of the recovery once. `what` is what happened, given the reason."""

    def __init__(
        self,
        what: Callable[[str], str],
        on_failure: Callable[[str], None],
        on_recovery: Callable[[int], None] | None,
    ) -> None:
        self._what = what
        self._on_failure = on_failure
        self._on_recovery = on_recovery
        self._lock = threading.Lock()
        self._failing = False
        self._lost = 0

    def failed(self, error: Exception, lost: int) -> None:
        """Something did not reach the disk, and `lost` turns with it; told if it is the first time."""
        with self._lock:
            self._lost += lost
            first, self._failing = not self._failing, True
        if first:
            sentence = str(LogError(self._what(_reason(error)), _next_step(error)))
            log.error("%s", sentence)
            _call(self._on_failure, sentence)

    def worked(self) -> None:
        """Something did; told if it is the first time after a failure."""
        # Without the lock, each turn: the worst that a race does is to tell of the recovery one turn later.
        if not self._failing:
            return
        with self._lock:
            ended, self._failing = self._failing, False
            lost, self._lost = self._lost, 0
        if ended:
            log.info("the log reaches the disk again, %d turns were lost", lost)
            if self._on_recovery is not None:
                _call(self._on_recovery, lost)


def mend(path: Path) -> set[str] | None:
    """Cut off a torn last line; the keys of the system texts in the file, None when it is not to be
    continued (no line of it is whole, or the first is not ours)."""
    whole = path.stat().st_size
    if whole == 0:
        return None
    with path.open("r+b") as file:
        # Searched from its end without reading a file of many megabytes; it must be closed before the truncate, which
        # Windows refuses on a mapped file.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as read:
            whole = read.rfind(b"\n") + 1
            ours = isinstance(parse(read[: read.find(b"\n") + 1]), Header)
            keys = _system_keys(read, whole) if ours else None
        if whole < file.seek(0, os.SEEK_END):
            file.truncate(whole)
            log.warning("%s: a torn last line was cut off", path)
    return keys


def _system_keys(read: mmap.mmap, end: int) -> set[str]:
    keys: set[str] = set()
    start = read.find(b"\n" + SYSTEM_START, 0, end)
    while start >= 0:
        stop = read.find(b"\n", start + 1)
        line = parse(read[start + 1 : stop])
        if isinstance(line, SystemText):
            keys.add(line.key)
        start = read.find(b"\n" + SYSTEM_START, stop, end)
    return keys


def _reason(error: Exception) -> str:
    if isinstance(error, LogError):
        return error.what
    if isinstance(error, OSError) and error.strerror:
        return refusal(error)
    return type(error).__name__  # its message may quote what the owner said


def _next_step(error: Exception) -> str:
    if isinstance(error, LogError) and error.todo:
        return error.todo
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _say("next_step.space")
    if isinstance(error, OSError):
        return _say("next_step.rights")
    return _say("next_step.look")


def _call(listener: Callable[..., None], value: str | int) -> None:
    try:
        listener(value)
    except Exception:
        log.exception("telling of the log's state failed")
