"""The store: migrations, leases, transactions, facts and events."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import LeaseHeldError, StoreError
from aeon_plugin_ft.events import EventBus, RunStarted
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.store.migrations import MIGRATIONS


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    Store(tmp_path / "a.sqlite3").close()
    store = Store(tmp_path / "a.sqlite3")
    assert [row["name"] for row in store.rows("SELECT name FROM migrations")] == [name for name, _ in MIGRATIONS]
    store.close()


def test_a_lease_is_exclusive_until_it_expires(tmp_path: Path) -> None:
    now = [1000.0]
    store = Store(tmp_path / "a.sqlite3", clock=lambda: now[0])
    store.acquire_lease("training", "one", 10)
    with pytest.raises(LeaseHeldError, match="one"):
        store.acquire_lease("training", "two", 10)
    store.acquire_lease("training", "one", 10)
    now[0] += 11
    store.acquire_lease("training", "two", 10)
    assert store.lease_holder("training") == "two"
    store.close()


def test_a_released_lease_is_free(store: Store) -> None:
    store.acquire_lease("training", "one", 100)
    store.release_lease("training", "two")
    assert store.lease_holder("training") == "one"
    store.release_lease("training", "one")
    assert store.lease_holder("training") is None


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.set_fact("a", 1)
        raise RuntimeError
    assert store.fact("a") is None


def test_threads_share_the_database(store: Store) -> None:
    def work(number: int) -> None:
        with store.transaction():
            store.set_fact("sum", store.fact("sum", 0) + number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.fact("sum") == sum(range(20))


def test_events_come_back_in_order(store: Store) -> None:
    bus = EventBus()
    bus.subscribe(store.record_event)
    bus.publish(RunStarted(run="r1", dataset="d", estimated_seconds=1.5))
    bus.publish(RunStarted(run="r2", dataset="d", estimated_seconds=2.5))
    found = store.events()
    assert [event["data"]["run"] for event in found] == ["r1", "r2"]
    assert store.events(since_id=found[0]["id"])[0]["data"]["estimated_seconds"] == 2.5


def test_a_failing_listener_does_not_stop_the_next(store: Store) -> None:
    bus = EventBus()
    bus.subscribe(lambda event: 1 / 0)  # type: ignore[arg-type,return-value]
    bus.subscribe(store.record_event)
    bus.publish(RunStarted(run="r1", dataset="d", estimated_seconds=1.5))
    assert len(store.events()) == 1


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.sqlite3"
    path.write_bytes(b"this is not a database, it only looks like a file" * 100)
    with pytest.raises(StoreError, match=r"bad\.sqlite3"):
        Store(path)


def test_deleted_text_leaves_the_file(store: Store) -> None:
    store.set_fact("secret", "meu segredo inesquecivel")
    store.execute("DELETE FROM facts WHERE key = 'secret'")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"inesquecivel" not in store.path.read_bytes()


def test_every_migration_has_a_name_of_its_own_and_leaves_a_sound_database() -> None:
    names = [name for name, _ in MIGRATIONS]
    assert len(set(names)) == len(names), "a name that was noted as done is never run again"
    connection = sqlite3.connect(":memory:")
    for name, script in MIGRATIONS:
        before = connection.execute("SELECT group_concat(sql) FROM sqlite_master").fetchone()
        connection.executescript(script)
        assert connection.execute("SELECT group_concat(sql) FROM sqlite_master").fetchone() != before, name
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), name
    connection.close()


@pytest.mark.parametrize("done", range(1, len(MIGRATIONS)))
def test_rows_of_every_earlier_schema_are_still_there(done: int, tmp_path: Path) -> None:
    """One row in each table, of whatever its columns take."""
    path = tmp_path / "a.sqlite3"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, at REAL NOT NULL)")
    for name, script in MIGRATIONS[:done]:
        old.executescript(script)
        old.execute("INSERT INTO migrations VALUES (?, 1)", (name,))
    tables = [name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    tables = [name for name in tables if name not in {"migrations", "facts"}]
    for table in tables:
        kinds = [kind for _, _, kind, *_ in old.execute(f"PRAGMA table_info({table})")]
        values = ["review" if kind == "TEXT" else 1 for kind in kinds]
        old.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    old.close()
    store = Store(path)
    for table in tables:
        rows = store.rows(f"SELECT * FROM {table}")
        assert len(rows) == 1, table
        assert {"review", 1, None, ""} >= set(rows[0]), table
    store.close()


def test_opinions_from_before_they_knew_their_turn_are_recognised_anew_and_decisions_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, at REAL NOT NULL)")
    for name, script in MIGRATIONS:
        if name == "0004_feedback_said_in":
            break
        old.executescript(script)
        old.execute("INSERT INTO migrations VALUES (?, 1)", (name,))
    for source in ("recognised", "review", "command"):
        old.execute("INSERT INTO feedback (turn, kind, at, source) VALUES ('t', 'keep', 1, ?)", (source,))
    old.close()
    store = Store(path)
    rows = store.rows("SELECT source, said_in FROM feedback ORDER BY id")
    assert [(row["source"], row["said_in"]) for row in rows] == [("review", None), ("command", None)]
    store.close()


def test_a_clock_that_was_set_back_leaves_no_lease_for_ever(tmp_path: Path) -> None:
    now = [1e9]
    store = Store(tmp_path / "a.sqlite3", clock=lambda: now[0])
    store.acquire_lease("training", "dead", 30)
    now[0] -= 1e6
    assert store.lease_holder("training") is None
    store.acquire_lease("training", "alive", 30)
    assert store.lease_holder("training") == "alive"
    store.close()
