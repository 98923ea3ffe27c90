"""A database that is damaged is put aside and made anew: the log is the source of truth, and is read into it again.

What no log tells (what the owner thought of replies, runs, which version was in use, the facts that they edited or
forgot) is copied from the damaged file as far as it can be read. The file stays beside the new one until something is
forgotten or the next one is put there.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import DamagedStoreError, StoreError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.database import Store, statements
from aeon_plugin_ft.store.files import move_into_place, why_refused
from aeon_plugin_ft.store.migrations import MIGRATIONS

_say = Speaker("errors/store")

log = logging.getLogger("aeon_ft.store")

ASIDE = ".damaged-"
"""In the name of a database that was put aside; then the time, in UTC."""
_BESIDE = ("", "-wal", "-shm", "-journal")
"""What belongs to an SQLite database, by the ends of their names. https://sqlite.org/tempfiles.html"""
_KEPT: Mapping[str, str] = {
    "facts": "1",
    "feedback": "1",
    "datasets": "1",
    "dataset_turns": "1",
    "runs": "1",
    "promotions": "1",
    "deployments": "1",
    "trials": "1",
    "choices": "1",
    "signals": "1",
    "decisions": "1",
    "events": "1",
    "claims": "turn IS NULL",
    "claims_forgotten": "1",
}
"""Tables that the log does not give again, with which rows of theirs are copied. Versions are on disk, with their
verdicts and with what became of them."""
_TYPES: Mapping[str, tuple[type, ...]] = {"TEXT": (str,), "REAL": (float, int), "INTEGER": (int,), "BLOB": (bytes,)}
_SHARED_BYTES, _SHARED_AT = 510, 0x40000002
"""Where SQLite locks a file that is open, for as long as it is. https://sqlite.org/fileformat2.html#the_lock_byte_page"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """`aside` is the damaged file, `reason` what was wrong with it, `rows` how many were copied from it."""

    aside: Path
    reason: str
    rows: int


def open_whole(path: Path, clock: Any = time.time, damage: str | None = None) -> tuple[Store, Rebuilt | None]:
    """The database, made anew where it is damaged, by what was found before (`damage`) or is found now. Raises
    StoreError when it can be neither opened nor replaced: it is locked, another process has the damaged one open, or
    the folder may not be written."""
    if damage is not None:
        return _anew(path, clock, damage)
    try:
        store = Store(path, clock)
    except DamagedStoreError as error:
        return _anew(path, clock, error.reason)
    reason = _lacks(store)
    if reason is None:
        return store, None
    store.close()
    return _anew(path, clock, reason)


def find_damage(store: Store) -> str | None:
    """What is wrong with any page of the database; None when nothing is. Reads all of it: seconds for one that has
    grown large. Notes it on the store. Raises sqlite3.Error."""
    try:
        row = store.row("PRAGMA quick_check(1)")
    except sqlite3.DatabaseError:
        if store.damage is None:
            raise
        return store.damage
    if row is not None and row[0] != "ok":
        store.damage = str(row[0])
    return store.damage


def set_aside(path: Path) -> Iterator[Path]:
    """The damaged databases beside this one, with their parts."""
    return path.parent.glob(f"{path.name}{ASIDE}*")


def _anew(path: Path, clock: Any, reason: str) -> tuple[Store, Rebuilt]:
    aside = _put_aside(path, clock())
    store = Store(path, clock)
    rows = _salvage(aside, store)
    log.error("the database was damaged (%s): a new one is made from the log; the old one is %s", reason, aside)
    return store, Rebuilt(aside, reason, rows)


def _put_aside(path: Path, at: float) -> Path:
    aside = path.with_name(f"{path.name}{ASIDE}{time.strftime('%Y%m%d-%H%M%S', time.gmtime(at))}")
    try:
        # Older ones tell nothing that this one does not, and each may be large.
        for older in set_aside(path):
            shutil.rmtree(older) if older.is_dir() else older.unlink()
        if not path.is_dir():
            _require_alone(path)
        for end in _BESIDE:
            part = path.with_name(path.name + end)
            if part.exists():
                move_into_place(part, aside.with_name(aside.name + end))
    except OSError as error:
        told = _say.error("database.not_put_aside", path=path, reason=why_refused(error, path))
        raise StoreError(*told) from error
    return aside


if sys.platform == "win32":

    def _require_alone(path: Path) -> None:
        """Windows renames no file that anybody has open."""

else:
    import fcntl

    def _require_alone(path: Path) -> None:
        """Raise OSError while another process has it open: when it closes the renamed file, SQLite would delete the
        write-ahead log of the new one, which has the old one's name."""
        descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_AT)
        finally:
            os.close(descriptor)


# -- what there is ---------------------------------------------------------------------------------


@cache
def _expected() -> Mapping[str, frozenset[str]]:
    """The tables with their columns, and the triggers, that the migrations make."""
    made = sqlite3.connect(":memory:")
    try:
        for _, script in MIGRATIONS:
            for statement in statements(script):
                made.execute(statement)
        return _shape(made)
    finally:
        made.close()


def _shape(connection: sqlite3.Connection) -> Mapping[str, frozenset[str]]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')").fetchall()
    return {
        name: frozenset(row[1] for row in connection.execute(f'PRAGMA table_info("{name}")'))
        for (name,) in map(tuple, names)
    }


def _lacks(store: Store) -> str | None:
    """What of the schema is not there, or cannot be read at all; None when nothing. One look at each table: whether
    every page is sound is `find_damage`'s."""
    try:
        have = _shape(store.connection())
        for name, columns in _expected().items():
            if name not in have or not columns <= have[name]:
                return _say("database.table", name=name)
            if columns:
                store.row(f'SELECT * FROM "{name}" LIMIT 1')
    except sqlite3.DatabaseError as error:
        return store.damage or str(error)
    return None


# -- copying ---------------------------------------------------------------------------------------


def _salvage(aside: Path, store: Store) -> int:
    """Copy what can be read; how many rows that were."""
    try:
        old = sqlite3.connect(aside)
    except sqlite3.Error:
        return 0
    try:
        return sum(_copy(old, store, table, where) for table, where in _KEPT.items())
    finally:
        old.close()


def _copy(old: sqlite3.Connection, store: Store, table: str, where: str) -> int:
    kinds = {row["name"]: (row["type"], bool(row["notnull"])) for row in store.rows(f"PRAGMA table_info({table})")}
    try:
        have = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
    except sqlite3.Error:
        return 0
    columns = [name for name in have if name in kinds]
    if not columns:
        return 0
    sql = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    copied = 0
    with store.transaction() as connection:
        for row in _readable(old, f"SELECT {', '.join(columns)} FROM {table} WHERE {where}"):
            if _fits(row, [kinds[name] for name in columns]):
                copied += max(0, connection.execute(sql, row).rowcount)
    return copied


def _readable(old: sqlite3.Connection, query: str) -> Iterator[Sequence[Any]]:
    """The rows up to the damage, and from the other end those behind it; some come twice."""
    for order in ("", " ORDER BY rowid DESC"):
        try:
            yield from old.execute(query + order)
        except sqlite3.Error:
            continue  # the rest of this direction; a table without a rowid has only one
        else:
            return


def _fits(row: Sequence[Any], kinds: Sequence[tuple[str, bool]]) -> bool:
    """Whether each value is of its column's type: a damaged page may give anything."""
    return all(
        not required if value is None else isinstance(value, _TYPES.get(kind, (object,)))
        for value, (kind, required) in zip(row, kinds, strict=True)
    )
