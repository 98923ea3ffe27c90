"""Taking turns out of the log for good, while it is being written.

The files that hold such a turn are sealed first (their writers, in whatever process, go on in a new
file), then each is replaced by a copy without them: written whole, synced, renamed. A crash leaves
either the old file or the new one, and doing it again finishes the job.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from aeon_plugin_ft.errors import LogError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store.files import patiently, whole_file
from aeon_plugin_ft.turns.files import FileLock, Gate, log_files, sequence_of, slot_of, sync_folder
from aeon_plugin_ft.turns.lines import TURN_START, SystemText, TurnRecord, header_line, parse
from aeon_plugin_ft.turns.reading import Line, lines_of, read_turns

_say = Speaker("errors/turns")

WAIT_SECONDS = 10.0
"""How long to wait for another rewrite."""


def rewrite_without(folder: Path, ids: Collection[str]) -> int:
    """Remove these turns from every log file; how many there were.

    Every other turn's line stays as it is, byte for byte. System texts that no turn needs any more go
    too, and so does a torn last line, which could hold anything. Raises LogError when a file cannot be
    replaced; nothing is lost then, and it may be tried again.
    """
    gone = frozenset(ids)
    if not gone or not folder.is_dir():
        return 0
    try:
        with _alone(folder):
            touched = [path for path in log_files(folder) if _holds(path, gone)]
            for path in touched:
                # All are sealed before the first is rewritten: nothing can be appended to one that was read already.
                _seal(path)
            removed: set[str] = set()
            for path in touched:
                removed |= _rewrite(path, gone)
            # After the last rename: a power cut must not bring forgotten turns back.
            sync_folder(folder)
    except OSError as error:
        raise LogError(*_say.error("rewrite.failed", folder=folder, reason=refusal(error))) from error
    return len(removed)


def turns_quoting(folder: Path, ids: Collection[str]) -> set[str]:
    """The later turns that repeat what the owner said or heard in these: a conversation's history and the
    memories block carry earlier sentences along, so whoever forgets a turn asks for these as well.

    Sentences shorter than 12 characters ("sim", "tudo bem?") are too common to tell.
    """
    forgotten = frozenset(ids)
    sentences = {text for turn in read_turns(folder) if turn.id in forgotten for text in (turn.user, turn.reply)}
    needles = [text for text in sentences if len(text.strip()) >= 12]
    quoting = set()
    for turn in read_turns(folder):
        texts = [message.content for message in turn.messages]
        if turn.id not in forgotten and any(needle in text for needle in needles for text in texts):
            quoting.add(turn.id)
    return quoting


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other rewrite at the same time; what one that was killed left behind is cleared."""
    lock = FileLock(folder / "rewrite.lock")
    try:
        if not lock.acquire(seconds=WAIT_SECONDS):
            raise LogError(*_say.error("rewrite.under_way", folder=folder))
        for left in folder.glob("*.part"):
            # Alone here, so a part that lies about is of a rewrite that was killed; it holds conversations.
            patiently(left.unlink)
        yield
    finally:
        lock.close()


def _seal(path: Path) -> None:
    """End the appending to a file. Only numbered files can have a writer; those below their slot's
    minimum have none any more."""
    slot, sequence = slot_of(path), sequence_of(path)
    if sequence is None:
        return
    gate = Gate(path.parent, slot)
    try:
        with gate:
            # The writer went on long ago: raising the minimum again would make it begin another file for nothing.
            sealed = sequence < gate.minimum()
        if not sealed:
            # Sealing takes the gate again, so it is done outside; what seals in between only raises the minimum.
            gate.seal()
    finally:
        gate.close()


def _turn_id(data: bytes) -> str | None:
    """A turn line's id without parsing all of it, where it is written as we write it."""
    if data.startswith(TURN_START):
        return data[len(TURN_START) : data.index(b'"', len(TURN_START))].decode("utf-8", "replace")
    read = parse(data)
    return read.turn.id if isinstance(read, TurnRecord) else None


def _holds(path: Path, gone: frozenset[str]) -> bool:
    return any(_turn_id(line.data) in gone for line in lines_of(path))


def _rewrite(path: Path, gone: frozenset[str]) -> set[str]:
    """Replace one sealed file by what stays of it; the ids that were taken out."""
    # Two passes: a system text stands before its turns, and whether it stays depends on those.
    removed, needed = _survey(path, gone)
    if not needed.turns:
        # Nothing stays, so no file does; patiently, since on Windows a reader may have it open for a moment.
        patiently(path.unlink)
        return removed
    with whole_file(path, durable=True) as part, part.open("wb") as target:
        # A new name in the header tells every reader that positions in this file have changed.
        target.write(header_line(uuid.uuid4().hex))
        for line in lines_of(path):
            if _stays(line, gone, needed.keys):
                target.write(line.data + b"\n")
    return removed


class _Needed:
    """What the turns that stay need: their number, and the keys of their system texts."""

    def __init__(self) -> None:
        self.turns = 0
        self.keys: set[str] = set()


def _survey(path: Path, gone: frozenset[str]) -> tuple[set[str], _Needed]:
    removed, needed = set(), _Needed()
    for line in lines_of(path):
        read = parse(line.data)
        if not isinstance(read, TurnRecord):
            continue
        if read.turn.id in gone:
            removed.add(read.turn.id)
        else:
            needed.turns += 1
            needed.keys |= read.keys
    return removed, needed


def _stays(line: Line, gone: frozenset[str], keys: set[str]) -> bool:
    """A damaged line goes: nobody can read it, and it could hold anything."""
    read = parse(line.data)
    if isinstance(read, SystemText):
        return read.key in keys
    return isinstance(read, TurnRecord) and read.turn.id not in gone
