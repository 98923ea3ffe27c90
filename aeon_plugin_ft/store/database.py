"""SQLite in WAL mode behind a few methods; one connection a thread.

Everything here is derived from the log, or is state that must change in one step (leases, which
version is in use). `secure_delete` is on, so that what was forgotten does not linger in free pages.

No process that has a store may open the database, its -wal or its -shm in any other way: closing such a
file gives up SQLite's locks (see private.reserve). Several stores of one database in one process are fine.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import DamagedStoreError, LeaseHeldError, StoreError
from aeon_plugin_ft.events import Event
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.migrations import MIGRATIONS

_say = Speaker("errors/store")

BUSY_MS = 10_000
LONGEST_LEASE_SECONDS = 600.0
"""A lease that still has longer than this to go was taken before the clock was set back: its holder, where it
lives, takes it anew within seconds, and a dead one must not keep it for ever."""


_NO_SCHEMA = ("no such table", "no such column", "has no column", "already exists", "unsupported file format",
              "malformed")  # fmt: skip


class Store:
    """The plugin's database. Safe to use from any thread; `close()` ends the connections of all of them."""

    def __init__(self, path: Path, clock: Any = time.time) -> None:
        self.path = path
        self.clock = clock
        self.damage: str | None = None
        """What SQLite said when it found a damaged page; None as long as it found none."""
        self._local = threading.local()
        self._connections: dict[int, tuple[threading.Thread, sqlite3.Connection]] = {}
        self._guard = threading.Lock()
        try:
            private.make_folder(path.parent)
            # SQLite gives its -wal and -shm the rights of the database, and that the rights of the umask.
            private.reserve(path)
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            self.close()
            if is_damage(error) or path.is_dir():
                raise DamagedStoreError(path, str(error)) from error
            refused = isinstance(error, OSError) and error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}
            told = _say.error("database.refused" if refused else "database.not_opened", path=path, reason=error)
            raise StoreError(*told) from error

    # -- connections ---------------------------------------------------------------------------

    def connection(self) -> sqlite3.Connection:
        """This thread's connection: autocommit, rows by name."""
        own: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if own is not None:
            return own
        # isolation_level None: the module would otherwise begin transactions by itself. check_same_thread off, because
        # `close` ends the connections of other threads.
        made = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        made.row_factory = sqlite3.Row
        try:
            made.execute("PRAGMA journal_mode = WAL")
            # In WAL mode a power cut may cost the last commits, never the database; all of it but states can be read
            # again.
            made.execute("PRAGMA synchronous = NORMAL")
            made.execute("PRAGMA secure_delete = ON")
        except sqlite3.Error as error:  # no database: on Windows it could not be moved away while it is open
            made.close()
            self._note(error)
            raise
        self._local.connection = made
        with self._guard:
            # Here, where a thread is new: a host that starts many would otherwise hold the connections of all of them.
            self._drop_dead_threads()
            self._connections[threading.get_ident()] = (threading.current_thread(), made)
        return made

    def _drop_dead_threads(self) -> None:
        for ident, (thread, connection) in list(self._connections.items()):
            if not thread.is_alive():
                connection.close()
                del self._connections[ident]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; takes the write lock at once, so that two writers queue instead of failing."""
        connection = self.connection()
        # Inside another one of this thread: that one commits, or takes this back with it.
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            # In here: where the disk is full it is refused with the transaction still open, which would keep the write
            # lock from everybody until this thread ends.
            connection.execute("COMMIT")
        except BaseException as error:
            self._note(error)
            _take_back(connection)
            raise

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """One statement in a transaction of its own, unless one is open in this thread."""
        try:
            return self.connection().execute(sql, values)
        except sqlite3.DatabaseError as error:
            self._note(error)
            raise

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        try:
            return self.connection().execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            self._note(error)
            raise

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query; None when there is none."""
        try:
            first: sqlite3.Row | None = self.connection().execute(sql, values).fetchone()
            return first
        except sqlite3.DatabaseError as error:
            self._note(error)
            raise

    def _note(self, error: BaseException) -> None:
        if is_damage(error):
            self.damage = str(error)

    def close(self) -> None:
        """Close every connection; the store must not be used afterwards."""
        with self._guard:
            for _, connection in self._connections.values():
                connection.close()
            self._connections.clear()
        # Or this thread would go on with a connection that is closed.
        self._local = threading.local()

    def _migrate(self) -> None:
        connection = self.connection()
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at REAL NOT NULL)")
        for name, script in MIGRATIONS:
            # Each in one of its own, and asked again inside it: two processes may start on the same old database.
            with self.transaction():
                if connection.execute("SELECT 1 FROM migrations WHERE name = ?", (name,)).fetchone():
                    continue
                for statement in statements(script):
                    connection.execute(statement)
                connection.execute("INSERT INTO migrations VALUES (?, ?)", (name, self.clock()))

    # -- events --------------------------------------------------------------------------------

    def record_event(self, event: Event) -> None:
        """Keep an event; meant as an EventBus listener."""
        data = json.dumps(event.data(), ensure_ascii=False)
        self.execute("INSERT INTO events (at, name, data) VALUES (?, ?, ?)", event.at, event.name, data)

    def events(self, since_id: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Events after `since_id`, oldest first: {"id", "at", "name", "data"}."""
        rows = self.rows("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", since_id, limit)
        return [{**dict(row), "data": json.loads(row["data"])} for row in rows]

    def newest_events(self, count: int) -> list[dict[str, Any]]:
        """The newest `count` events, oldest first."""
        row = self.row("SELECT max(id) AS id FROM events")
        last = (row["id"] if row is not None else None) or 0
        return self.events(since_id=max(0, last - count))

    # -- small facts ---------------------------------------------------------------------------

    def fact(self, key: str, default: Any = None) -> Any:
        """A value kept under a name; `default` when there is none."""
        row = self.row("SELECT value FROM facts WHERE key = ?", key)
        return default if row is None else json.loads(row["value"])

    def set_fact(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold, over what was there."""
        self.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", key, json.dumps(value, ensure_ascii=False))

    # -- leases --------------------------------------------------------------------------------

    def acquire_lease(self, name: str, owner: str, seconds: float) -> None:
        """Hold `name` for `seconds` from now; raise LeaseHeldError while somebody else does.

        The same owner may call again to extend it (heartbeat).
        """
        now = self.clock()
        with self.transaction() as connection:
            row = connection.execute("SELECT * FROM leases WHERE name = ?", (name,)).fetchone()
            if row is not None and row["owner"] != owner and 0 < row["expires"] - now <= LONGEST_LEASE_SECONDS:
                raise LeaseHeldError(name, row["owner"])
            connection.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (name, owner, os.getpid(), now + seconds)
            )

    def release_lease(self, name: str, owner: str) -> None:
        """Give a lease back; nothing happens when another owner has it."""
        self.execute("DELETE FROM leases WHERE name = ? AND owner = ?", name, owner)

    def lease_holder(self, name: str) -> str | None:
        """Who holds `name` now; None when nobody does or the lease ran out."""
        now = self.clock()
        row = self.row(
            "SELECT owner FROM leases WHERE name = ? AND expires > ? AND expires <= ?",
            name, now, now + LONGEST_LEASE_SECONDS,
        )  # fmt: skip
        return None if row is None else str(row["owner"])

    def lapsed_lease(self, name: str) -> str | None:
        """Who held `name` last, where that has run out and was not given back; None otherwise."""
        row = self.row("SELECT owner FROM leases WHERE name = ? AND expires <= ?", name, self.clock())
        return None if row is None else str(row["owner"])


def _take_back(connection: sqlite3.Connection) -> None:
    # SQLite may have done it itself (a full disk): another ROLLBACK would hide the reason.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file is damaged or no database: that passes with no wait.

    These two (SQLITE_CORRUPT, SQLITE_NOTADB) are what Python makes a plain DatabaseError of; a lock, a full disk and
    the like are an OperationalError.
    """
    if type(error) is sqlite3.DatabaseError:
        return True
    # What is left of a schema: a table or column that every migration so far has made is not there.
    return isinstance(error, sqlite3.OperationalError) and any(sign in str(error) for sign in _NO_SCHEMA)


def statements(script: str) -> list[str]:
    """Split at complete statements; sqlite3.executescript would end the transaction."""
    split, current = [], ""
    for line in script.splitlines():
        current += line + "\n"
        if sqlite3.complete_statement(current):
            split.append(current.strip())
            current = ""
    return split
