"""Reading the log: whole lines by position, and every turn in order."""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from aeon_plugin_ft.turns.files import log_files, slot_of
from aeon_plugin_ft.turns.lines import Header, Parts, SystemText, TurnRecord, parse
from aeon_plugin_ft.turns.model import LoggedTurn

log = logging.getLogger("aeon_ft.turns")

CHUNK = 8 << 20
"""Bytes read at a time."""


OnDamage = Callable[[Path, int], None]
"""Is told of a line that cannot be read: the file, and the line's number from 1."""


class Line(NamedTuple):
    """A whole line without its newline, and where it begins in its file, in bytes."""

    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """Where the next line begins."""
        return self.offset + len(self.data) + 1


def whole_lines(file: BinaryIO, offset: int, limit: int = CHUNK) -> list[Line]:
    """The whole lines that begin at `offset`, about `limit` bytes of them and at least one; [] when none
    is whole. A torn last line is left for the time when it is completed."""
    file.seek(offset)
    block = file.read(limit)
    while (end := block.rfind(b"\n")) < 0:
        # Doubling, so that one enormous line is not joined together a thousand times.
        more = file.read(max(limit, len(block)))
        if not more:
            return []
        block += more
    lines = []
    for data in block[:end].split(b"\n"):
        lines.append(Line(offset, data))
        offset += len(data) + 1
    return lines


def lines_of(path: Path) -> Iterator[Line]:
    """Every whole line of a file, from the first; none when a rewrite has just taken the file away."""
    offset = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        while lines := whole_lines(file, offset):
            yield from lines
            offset = lines[-1].end


def read_turns(folder: Path, on_damage: OnDamage | None = None) -> Iterator[LoggedTurn]:
    """Every turn of the log in the order in which it was spoken, each once, with its exact messages.

    Several writers' files are merged by the turns' places in it. Whole lines that cannot be read (a power cut
    may leave zeros) are skipped with one warning a file; `on_damage` is told of each.
    """
    seen: set[str] = set()
    slots = [list(files) for _, files in itertools.groupby(log_files(folder), key=slot_of)]
    streams = [itertools.chain.from_iterable(turns_of(file, on_damage) for file in files) for files in slots]
    # Each slot's files are in order already, one writer after the other; in memory is one turn a slot.
    for turn in heapq.merge(*streams, key=lambda turn: turn.spoken):
        if turn.id not in seen:
            seen.add(turn.id)
            yield turn


def turns_of(path: Path, on_damage: OnDamage | None = None) -> Iterator[LoggedTurn]:
    """Every turn of one file, in the order it was written."""
    systems: dict[str, Parts] = {}
    damaged = 0
    for number, line in enumerate(lines_of(path), 1):
        read = parse(line.data)
        if isinstance(read, SystemText):
            systems[read.key] = read.parts
            continue
        turn = resolve(read, systems) if isinstance(read, TurnRecord) else None
        if turn is not None:
            yield turn
        elif not isinstance(read, Header):
            damaged += 1
            if on_damage is not None:
                on_damage(path, number)
    if damaged:
        log.warning("%s: %d damaged lines were skipped", path, damaged)


def resolve(record: TurnRecord, systems: dict[str, Parts]) -> LoggedTurn | None:
    """The turn, or None when a system text that it needs is missing or does not fit."""
    try:
        return record.resolve(systems)
    except (KeyError, ValueError):
        return None
