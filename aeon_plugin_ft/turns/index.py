"""The index of the log in the store: one row a turn, the texts stay in the log.

The log is the truth and the index follows it. For each file the store keeps how far it has been read,
with a hash of its first line (the file's own name) and of what stands just before that point. If both
still fit, the file has only grown and reading goes on from there; otherwise it was truncated, replaced
or rewritten, and its rows are made anew. Rows and position change in one transaction, so a turn is
neither skipped nor counted twice whenever the reader dies, and two readers may run at once.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns.files import log_files
from aeon_plugin_ft.turns.lines import Header, Outline, Parts, SystemText, TurnRecord, outline, parse
from aeon_plugin_ft.turns.marks import bytes_at, head_of, tail_of
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from aeon_plugin_ft.turns.reading import CHUNK, Line, resolve, whole_lines

log = logging.getLogger("aeon_ft.turns")

PAGE = 500
"""Turns read at a time by `turns()`."""
PROMPTS_KEPT = 256
"""System texts kept in memory; a host that makes them up must not fill it."""

Signature = tuple[int, int, int]
"""A file's size, modification time in ns, and number; the same three mean the same content."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file has been read: `offset` in bytes, hashes of its first line and of what precedes `offset`."""

    head: str
    offset: int
    tail: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A chunk of lines was indexed, with this many new turns in it, to the byte `end` of its file."""

    turns: int
    end: int


class TurnIndex:
    """Turns of one log folder, indexed in the store. Safe from any thread."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self._lock = threading.Lock()
        self._unchanged: dict[str, Signature] = {}
        self._dropped: set[str] = set()
        self._news = 0
        self._prompts: dict[str, Parts] = {}

    # -- following the log ---------------------------------------------------------------------

    def ingest(self) -> int:
        """Read what the log has that the index has not; how many turns were new.

        Costs what the new lines cost, however long the log is.
        """
        with self._lock:
            self._catch_up()
            count, self._news = self._news, 0
            return count

    def remove(self, ids: Collection[str]) -> None:
        """Forget these turns' rows, and follow the log to where `rewrite_without` has moved the others."""
        with self.store.transaction() as connection:
            connection.executemany("DELETE FROM turns WHERE id = ?", [(id,) for id in ids])
        with self._lock:
            self._catch_up()

    def _catch_up(self) -> None:
        """What is new is counted in `_news` until the next `ingest` tells of it."""
        if not self.folder.is_dir():
            return
        files = log_files(self.folder)
        self._drop_missing({path.name for path in files})
        # All are checked before any is followed: a turn that moved from one file to another must lose its old row
        # first.
        for step in (self._check, self._follow):
            for path in files:
                with suppress(FileNotFoundError):  # a rewrite may take a file away; the next look drops its rows
                    step(path)

    def _drop_missing(self, names: set[str]) -> None:
        for row in self.store.rows("SELECT path FROM log_files"):
            if row["path"] not in names:
                with self.store.transaction() as connection:
                    self._drop(connection, row["path"])

    def _check(self, path: Path) -> None:
        """Index a file anew that is not the one it was."""
        # Nearly always: three numbers from one stat, in place of two reads and hashes.
        if self._unchanged.get(path.name) == _signature(path):
            return
        with path.open("rb") as file:
            mark = _mark(self.store.connection(), path.name)
            if mark is None or _fits(file, mark):
                return
            log.info("%s was replaced, rewritten or cut; it is read again", path)
            self._anew(path.name, file)

    def _anew(self, name: str, file: BinaryIO) -> None:
        """In one transaction, so that nobody sees the file's turns gone in between."""
        news = 0
        with self.store.transaction() as connection:
            self._drop(connection, name)
            size = os.fstat(file.fileno()).st_size
            taken: Taken | None = Taken(0, 0)
            while taken is not None and taken.end < size:
                taken = self._take(connection, name, file)
                news += taken.turns if taken else 0
        self._news += news

    def _drop(self, connection: sqlite3.Connection, name: str) -> None:
        """Rows and position of a file go; copies of it are read again, since a turn that both held has
        its one row in either. The ids are remembered, so that reading them again is not news."""
        rows = connection.execute("SELECT id FROM turns WHERE file = ?", (name,)).fetchall()
        mark = _mark(connection, name)
        copies = connection.execute("SELECT path FROM log_files WHERE head = ?", (mark.head if mark else "",))
        for gone in {name, *(row["path"] for row in copies.fetchall())}:
            connection.execute("DELETE FROM log_files WHERE path = ?", (gone,))
            self._unchanged.pop(gone, None)
        connection.execute("DELETE FROM turns WHERE file = ?", (name,))
        connection.execute("DELETE FROM log_systems WHERE file = ?", (name,))
        self._dropped.update(row["id"] for row in rows)

    def _follow(self, path: Path) -> None:
        """Index the whole lines behind the file's mark, a transaction for each chunk of them."""
        signature = _signature(path)
        if self._unchanged.get(path.name) == signature:
            return
        with path.open("rb") as file:
            taken: Taken | None = Taken(0, 0)
            while taken is not None and taken.end < signature[0]:  # what is added meanwhile waits for the next look
                with self.store.transaction() as connection:
                    taken = self._take(connection, path.name, file)
                self._news += taken.turns if taken else 0
        self._unchanged[path.name] = signature

    def _take(self, connection: sqlite3.Connection, name: str, file: BinaryIO) -> Taken | None:
        """Index one chunk of lines; None when there is no whole line more, or when another reader has
        moved on to a file that has replaced this one."""
        mark = _mark(connection, name) or Mark(head_of(file), 0, "")
        # The header holds the file's own name, new with each rewrite.
        if mark.head != head_of(file):
            return None
        lines = whole_lines(file, mark.offset, CHUNK)
        if not lines:
            return None
        taken = Taken(self._add(connection, name, lines), lines[-1].end)
        _save_mark(connection, name, _mark_after(file, mark, lines[-1]))
        return taken

    def _add(self, connection: sqlite3.Connection, name: str, lines: list[Line]) -> int:
        keys = {row["key"] for row in connection.execute("SELECT key FROM log_systems WHERE file = ?", (name,))}
        systems, rows, damaged = [], [], 0
        for line in lines:
            read = outline(line.data)
            # A turn whose system text is missing cannot be read back exactly: it counts as damaged.
            if isinstance(read, Outline) and keys.issuperset(read.keys):
                rows.append((*read[:-1], name, line.offset, len(line.data)))
            elif isinstance(read, SystemText):
                keys.add(read.key)
                systems.append((name, read.key, line.offset, len(line.data)))
            elif not isinstance(read, Header):
                damaged += 1
        rows.sort()  # ids are random, and neighbours in the table's index cost one page write instead of many
        if damaged:
            log.warning("%s: %d damaged lines were skipped", name, damaged)
        connection.executemany("INSERT OR IGNORE INTO log_systems VALUES (?, ?, ?, ?)", systems)
        # Not `total_changes`, which counts what triggers write too.
        added = connection.executemany(f"INSERT OR IGNORE INTO turns ({_COLUMNS}) VALUES ({_HOLES})", rows).rowcount
        again = self._dropped.intersection(row[0] for row in rows)
        self._dropped -= again
        return max(0, added) - len(again)

    # -- asking --------------------------------------------------------------------------------

    def has(self, ids: Sequence[str]) -> bool:
        """Whether every one of these turns is in the index."""
        marks = ", ".join("?" * len(ids))
        row = self.store.row(f"SELECT count(*) AS n FROM turns WHERE id IN ({marks})", *ids)
        return row is not None and row["n"] == len(set(ids))

    def count(self, kind: TurnKind | None = TurnKind.CHAT, since: float = 0) -> int:
        """Turns of a kind (None: of any) that began at `since` or later, in seconds since the epoch."""
        where, values = _where(kind)
        row = self.store.row(f"SELECT count(*) AS n FROM turns WHERE at >= ? {where}", since, *values)
        return int(row["n"]) if row else 0

    def get(self, id: str) -> LoggedTurn | None:
        """One turn with its exact messages; None when the log does not have it."""
        # Twice: where the row does not fit any more, the log was rewritten under it, and is read again.
        for _ in range(2):
            row = self.store.row("SELECT * FROM turns WHERE id = ?", id)
            if row is None:
                return None
            turns = self._read([row])
            if turns:
                return turns[0]
            self._read_again(row["file"])
        return None

    def latest(self, limit: int, kind: TurnKind | None = None) -> list[LoggedTurn]:
        """The turns that were spoken last, newest first; a clock that was set changes nothing."""
        where, values = _where(kind)
        sql = f"SELECT * FROM turns WHERE 1 {where} ORDER BY spoken DESC, id DESC LIMIT ?"
        return self._read_surely(partial(self.store.rows, sql, *values, limit))

    def turns(self, kind: TurnKind | None = None) -> Iterator[LoggedTurn]:
        """Every turn in the order in which it was spoken; memory stays the same however many there are."""
        where, values = _where(kind)
        sql = f"SELECT * FROM turns WHERE (spoken, id) > (?, ?) {where} ORDER BY spoken, id LIMIT {PAGE}"
        after: tuple[float, str] = (float("-inf"), "")
        while page := self._read_surely(partial(self.store.rows, sql, *after, *values)):
            yield from page
            # By key and not by OFFSET, which would count through all earlier rows, and skip one where a row goes
            # meanwhile.
            after = (page[-1].spoken, page[-1].id)

    def _read_surely(self, ask: Callable[[], list[sqlite3.Row]]) -> list[LoggedTurn]:
        """Read the rows' turns; if one is not where its row says, the log was rewritten: follow it first."""
        rows = ask()
        turns = self._read(rows)
        if len(turns) < len(rows):
            for name in {row["file"] for row in rows}:
                self._read_again(name)
            turns = self._read(ask())
        return turns

    def _read_again(self, name: str) -> None:
        with self._lock, suppress(FileNotFoundError), (self.folder / name).open("rb") as file:
            self._anew(name, file)
        with self._lock:
            self._catch_up()

    def _read(self, rows: list[sqlite3.Row]) -> list[LoggedTurn]:
        """The turns of those rows that stand where their row says; another turn that stands there is not taken."""
        by_id: dict[str, LoggedTurn] = {}
        for name in {row["file"] for row in rows}:
            try:
                with (self.folder / name).open("rb") as file:
                    for row in rows:
                        if row["file"] == name and (turn := self._read_one(file, row)) is not None:
                            by_id[turn.id] = turn
            except FileNotFoundError:
                continue
        return [by_id[row["id"]] for row in rows if row["id"] in by_id]

    def _read_one(self, file: BinaryIO, row: sqlite3.Row) -> LoggedTurn | None:
        record = parse(bytes_at(file, row["offset"], row["length"]))
        if not isinstance(record, TurnRecord):
            return None
        if len(self._prompts) > PROMPTS_KEPT:
            self._prompts.clear()
        for key in record.keys - self._prompts.keys():
            self._learn_prompt(file, row["file"], key)
        return resolve(record, self._prompts)

    def _learn_prompt(self, file: BinaryIO, name: str, key: str) -> None:
        """A key is the hash of its text, so what was read once holds for every file."""
        row = self.store.row("SELECT offset, length FROM log_systems WHERE file = ? AND key = ?", name, key)
        read = parse(bytes_at(file, row["offset"], row["length"])) if row else None
        if isinstance(read, SystemText) and read.key == key:
            self._prompts[key] = read.parts


_COLUMNS = "id, at, session, kind, caller, provider, model, version, seconds, reply_chars, spoken, file, offset, length"
_HOLES = ", ".join("?" * len(_COLUMNS.split(",")))


def _where(kind: TurnKind | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if kind is None else ("AND kind = ?", (kind.value,))


def _signature(path: Path) -> Signature:
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino


def _mark(connection: sqlite3.Connection, name: str) -> Mark | None:
    row = connection.execute("SELECT head, offset, tail FROM log_files WHERE path = ?", (name,)).fetchone()
    return None if row is None else Mark(row["head"], row["offset"], row["tail"])


def _save_mark(connection: sqlite3.Connection, name: str, mark: Mark) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO log_files (path, head, offset, tail) VALUES (?, ?, ?, ?)",
        (name, mark.head, mark.offset, mark.tail),
    )


def _mark_after(file: BinaryIO, mark: Mark, last: Line) -> Mark:
    return Mark(mark.head, last.end, tail_of(file, last.end))


def _fits(file: BinaryIO, mark: Mark) -> bool:
    """A file that is shorter than the mark has another tail as well: there are fewer bytes to hash."""
    return head_of(file) == mark.head and tail_of(file, mark.offset) == mark.tail


def count_turns(store: Store, where: str, *values: object) -> int:
    """How many turns of the index an SQL condition over its columns holds for; `values` fill its question marks."""
    row = store.row(f"SELECT count(*) AS n FROM turns WHERE {where}", *values)
    return 0 if row is None else int(row["n"])


def ids_where(store: Store, where: str, *values: object) -> list[str]:
    """The ids of those turns."""
    return [row["id"] for row in store.rows(f"SELECT id FROM turns WHERE {where}", *values)]


def newest_spoken(store: Store) -> int:
    """The place of the turn that was spoken last, 0 where there is none."""
    row = store.row("SELECT max(spoken) AS spoken FROM turns WHERE caller NOT LIKE 'import:%'")
    return (row["spoken"] if row is not None else None) or 0
