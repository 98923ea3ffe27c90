"""The store: migrations, leases, transactions, facts and events."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.errors import LeaseHeldError, StoreError
from aeon_plugin_ft.events import EventBus, RunStarted
from aeon_plugin_ft.store import Store, private
from aeon_plugin_ft.store.migrations import MIGRATIONS
from tests.conftest import REPOSITORY

WHY_PAUSED = {
    "the owner is back": "owner_back",
    "mains power is gone": "no_mains",
    "other programs need the machine": "machine_busy",
    "memory is short": "low_memory",
    "training by itself was switched off": "switched_off",
}
"""What the schedule noted when it paused a training, before causes were kept."""


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
    assert not [file for file in psutil.Process().open_files() if Path(file.path).name == path.name]
    path.rename(tmp_path / "moved.sqlite3")


FOREIGN = "import sys, pathlib; from aeon_plugin_ft.store import Store; store = Store(pathlib.Path(sys.argv[1]))"


def in_another_process(path: Path, does: str) -> str:
    """What a process prints that opens the database, does this with `store`, and closes it."""
    code = f"{FOREIGN}; {does}; store.close()"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_a_second_store_of_one_process_costs_the_first_neither_its_locks_nor_its_log(tmp_path: Path) -> None:
    """A process that closes the database as the last one folds the write-ahead log into it and deletes it."""
    path = tmp_path / "a.sqlite3"
    store = Store(path)
    second = Store(path)
    store.set_fact("a", 1)
    assert in_another_process(path, "print(store.fact('a'))") == "1"
    assert path.with_name("a.sqlite3-wal").exists(), "deleted under the process that writes into it"
    store.set_fact("a", 2)
    # A thread's first connection finds the log by its name.
    values: list[int] = []
    reading = threading.Thread(target=lambda: values.append(store.fact("a")))
    reading.start()
    reading.join()
    assert values == [2]
    assert in_another_process(path, "print(store.fact('a'))") == "2"
    second.close()
    store.close()


def test_connections_that_come_and_go_in_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    store = Store(path)
    failures: list[BaseException] = []
    ended = threading.Event()

    def surely(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    def write() -> None:  # the follower
        while not ended.is_set():
            store.set_fact("written", store.fact("written", 0) + 1)

    def look() -> None:  # a turn, in a thread of its own
        store.fact("written")
        another = Store(path)  # a heartbeat
        another.fact("written")
        another.close()

    writer = threading.Thread(target=surely, args=(write,))
    writer.start()
    for _ in range(3):
        looking = [threading.Thread(target=surely, args=(look,)) for _ in range(20)]
        for thread in looking:
            thread.start()
        assert int(in_another_process(path, "print(store.fact('written'))")) >= 0
        for thread in looking:
            thread.join()
    ended.set()
    writer.join()
    names = [getattr(error, "sqlite_errorname", repr(error)) for error in failures]
    assert not failures, names
    written = store.fact("written")
    store.close()
    assert in_another_process(path, "print(store.fact('written'))") == str(written) != "0"
    assert in_another_process(path, "print(store.row('PRAGMA integrity_check')[0])") == "ok"


def test_only_the_store_opens_the_database() -> None:
    """Whoever else has its path hands it to a `Store` or to store/rebuild.py, which opens it in another way only where
    nobody has a `Store` any more; or asks what it is called and whether it is there."""
    uses = re.compile(r"(?P<before>[\w.(]*)(?<!store)\.database\b(?P<behind>[\w.()]*)")
    seen = 0
    for file in sorted((REPOSITORY / "aeon_plugin_ft").rglob("*.py")):
        for use in uses.finditer(file.read_text(encoding="utf-8")):
            seen += 1
            named = use["behind"] in {".name", ".exists()", ".absolute()", ".absolute())"}
            given = use["before"].startswith(("Store(", "open_whole(", "set_aside("))
            assert given or named, (file.name, use.group())
    assert seen >= 3


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
        # In the place of what a trigger may have put there for a row of an earlier table.
        old.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(values))})", values)
    old.close()
    store = Store(path)
    for table in tables:
        rows = store.rows(f"SELECT * FROM {table}")
        assert len(rows) == 1, table
        # 1,000,000: the place of a turn of before, its time in microseconds.
        assert {"review", 1, 0, None, "", 1_000_000} >= set(rows[0]), table
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


CAUSES = {
    "promotions": {
        "it was measured to be better": "better",
        "it did worse with the owner: 45% of the replies were faulty, at most 18% before": "worse",
        "its backend failed: 90% of the calls failed, at most 12% before": "backend_failed",
        "v0002 could not be served: no memory": "unserved",
        "what was in use before could not be served": "unserved",
        "undone by the owner": "undone",
        "rolled back by the owner": "undone",
        "chosen by the owner": "owner",
        "accepted": "owner",
        "a sentence of nobody": None,
    },
    "runs": {
        **WHY_PAUSED,
        "paused by the owner": "owner_paused",
        "cancelled by the owner": "owner_cancelled",
        "stopped by the user": "owner_interrupted",
        "Aeon is closing": "host_closing",
        "the supervising process ended": "host_gone",
        "asked to end (SIGTERM)": "terminated",
        "another run took over (training is already under way (r2))": "overtaken",
        "there was not enough memory; goes on with 512 tokens at once": "out_of_memory",
        "the training process was killed (kill -9, or the system was out of memory) after step 7": "died",
        "trained on something that was forgotten since": "forgotten",
        "what it learnt from is gone": "gone",
        "a newer run has learnt more": "superseded",
        "given up: ValueError: wrong shape": "given_up",
        "a sentence of nobody": None,
    },
    "decisions": {**WHY_PAUSED, "": None},
}
"""By table, the sentences of the releases before causes were kept, as they stood in the database."""


def test_the_sentences_of_old_rows_become_causes_once(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, at REAL NOT NULL)")
    for name, script in MIGRATIONS[: [name for name, _ in MIGRATIONS].index("0006_causes")]:
        old.executescript(script)
        old.execute("INSERT INTO migrations VALUES (?, 1)", (name,))
    for reason in CAUSES["promotions"]:
        old.execute("INSERT INTO promotions (at, version, previous, reason) VALUES (1, 'v0001', 'base', ?)", (reason,))
    for number, reason in enumerate(CAUSES["runs"]):
        old.execute(
            "INSERT INTO runs (id, created, dataset, base, state, reason, updated) VALUES (?, 1, 'd', 'b', ?, ?, 1)",
            (str(number), "paused", reason),
        )
    for state, reason in (("failed", "ValueError: wrong shape"), ("failed", "x has 1.0 GB free and 2.0 GB are needed")):
        old.execute(
            "INSERT INTO runs (id, created, dataset, base, state, reason, updated) VALUES (?, 1, 'd', 'b', ?, ?, 1)",
            (reason, state, reason),
        )
    for reason in CAUSES["decisions"]:
        old.execute(
            "INSERT INTO decisions (at, act, missing, reason, seen) VALUES (1, 'pause', '[]', ?, '{}')", (reason,)
        )
    old.close()
    store = Store(path)
    for table, causes in CAUSES.items():
        rows = store.rows(f"SELECT reason, cause FROM {table} ORDER BY rowid LIMIT {len(causes)}")
        assert {row["reason"]: row["cause"] for row in rows} == causes, table
    ended = store.rows("SELECT cause FROM runs WHERE state = 'failed' ORDER BY rowid")
    assert [row["cause"] for row in ended] == ["broke", "no_space"]
    store.close()


@pytest.mark.parametrize(("number", "advice"), [(errno.EROFS, "can write to"), (errno.EIO, "Move it away")])
def test_a_place_that_may_not_be_written_is_told_from_a_file_that_will_not_do(
    number: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(private, "reserve", refuse)
    with pytest.raises(StoreError, match=advice):
        Store(tmp_path / "aeon-ft.sqlite3")


def test_what_was_recognised_by_older_rules_is_recognised_anew(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, at REAL NOT NULL)")
    for name, script in MIGRATIONS[: [name for name, _ in MIGRATIONS].index("0012_opinions_anew")]:
        old.executescript(script)
        old.execute("INSERT INTO migrations VALUES (?, 1)", (name,))
    insert = "INSERT INTO feedback (turn, kind, at, source, correction) VALUES (?, 'correction', 1, ?, 'problema')"
    old.executemany(insert, [("a", "recognised"), ("b", "recognised"), ("b", "command"), ("c", "review")])
    old.commit()
    old.close()
    store = Store(path)
    rows = store.rows("SELECT turn, source FROM feedback ORDER BY turn, source")
    store.close()
    kept = [("b", "command"), ("b", "recognised"), ("c", "review")]
    assert [(row["turn"], row["source"]) for row in rows] == kept
