from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import LogWatcher, TurnIndex, TurnKind
from aeon_plugin_ft.turns import watcher as watcher_module
from tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from tests.turns.conftest import LogOpener, TurnMaker


class Heard:
    """Adds up what the watcher tells."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(self, count: int) -> None:
        self.total += count

    def reaches(self, total: int, seconds: float = 10) -> bool:
        deadline = time.monotonic() + seconds
        while self.total < total and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # a repeat would come now
        return self.total == total


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def index(store: Store, data: DataFolder) -> TurnIndex:
    return TurnIndex(store, data.log)


@pytest.fixture
def watch(index: TurnIndex, heard: Heard) -> Iterator[Callable[..., LogWatcher]]:
    started: list[LogWatcher] = []

    def start(on_new: Callable[[int], None] = heard) -> LogWatcher:
        made = LogWatcher(index, on_new)
        started.append(made)
        made.start()
        return made

    yield start
    for made in started:
        made.stop()


@pytest.fixture
def slow_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look without an event within a test's time."""
    monkeypatch.setattr(watcher_module, "BEAT_SECONDS", 60.0)


def no_observer(*_: Any) -> Any:
    raise OSError("inotify watch limit reached")


@pytest.mark.usefixtures("slow_beat")
def test_new_turns_are_taken_in_as_they_are_logged(
    watch: Callable[..., LogWatcher], heard: Heard, index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log = open_log(rotate_bytes=3000)
    assert watch().observing
    for total in range(1, 6):
        log.append(make_turn(), TurnKind.CHAT)
        assert heard.reaches(total)
    for _ in range(20):
        log.append(make_turn(), TurnKind.CHAT)
    assert heard.reaches(25)
    assert index.count() == 25


def test_restarts_skip_and_repeat_nothing(
    watch: Callable[..., LogWatcher], heard: Heard, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log = open_log()
    for number in range(3):
        log.append(make_turn(), TurnKind.CHAT)  # while nobody watches
        one = watch()
        log.append(make_turn(), TurnKind.CHAT)
        assert heard.reaches(2 * number + 2)
        one.stop()


def test_our_own_reading_does_not_ring_the_bell(
    watch: Callable[..., LogWatcher],
    heard: Heard,
    index: TurnIndex,
    open_log: LogOpener,
    make_turn: TurnMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    real = index.ingest
    monkeypatch.setattr(index, "ingest", lambda: looks.append(1) or real())
    open_log().append(make_turn(), TurnKind.CHAT)
    watch()
    assert heard.reaches(1)
    time.sleep(0.5)
    assert len(looks) == 1


@pytest.mark.usefixtures("slow_beat")
def test_without_an_observer_it_polls_and_says_so(
    watch: Callable[..., LogWatcher],
    heard: Heard,
    open_log: LogOpener,
    make_turn: TurnMaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(LogWatcher, "_start_observer", no_observer)
    monkeypatch.setattr(watcher_module, "POLL_SECONDS", 0.05)
    made = watch()
    assert not made.observing
    open_log().append(make_turn(), TurnKind.CHAT)
    assert heard.reaches(1)
    assert [r.message for r in caplog.records if "cannot be observed (inotify watch limit reached)" in r.message]


def test_when_the_observer_dies_it_polls_and_says_so_once(
    watch: Callable[..., LogWatcher],
    heard: Heard,
    open_log: LogOpener,
    make_turn: TurnMaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watcher_module, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watcher_module, "BEAT_SECONDS", 0.05)
    made, log = watch(), open_log()
    made._observer.stop()
    log.append(make_turn(), TurnKind.CHAT)
    assert heard.reaches(1)
    log.append(make_turn(), TurnKind.CHAT)
    assert heard.reaches(2)
    assert not made.observing
    assert sum("has died" in record.message for record in caplog.records) == 1


def test_a_reading_that_fails_is_told_once_and_tried_again(
    watch: Callable[..., LogWatcher],
    heard: Heard,
    index: TurnIndex,
    open_log: LogOpener,
    make_turn: TurnMaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(watcher_module, "BEAT_SECONDS", 0.05)
    real, failures = index.ingest, iter(range(3))

    def locked() -> int:
        if next(failures, None) is not None:
            raise sqlite3.OperationalError("database is locked")
        return real()

    monkeypatch.setattr(index, "ingest", locked)
    watch()
    open_log().append(make_turn(), TurnKind.CHAT)
    assert heard.reaches(1)
    assert sum("could not be taken in" in record.message for record in caplog.records) == 1
    assert sum("can be taken in again" in record.message for record in caplog.records) == 1


@pytest.mark.usefixtures("slow_beat")
def test_a_listener_that_fails_does_not_end_the_watch(
    watch: Callable[..., LogWatcher], heard: Heard, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    def listener(count: int) -> None:
        heard(count)
        raise RuntimeError("no")

    watch(listener)
    log = open_log()
    for total in (1, 2):
        log.append(make_turn(), TurnKind.CHAT)
        assert heard.reaches(total)


def test_stopping_ends_every_thread_at_once(watch: Callable[..., LogWatcher]) -> None:
    before = set(threading.enumerate())
    made = watch()
    made.start()  # again: nothing happens
    assert {thread.name for thread in set(threading.enumerate()) - before} >= {"aeon-ft-log-watcher"}
    began = time.monotonic()
    made.stop()
    made.stop()
    assert time.monotonic() - began < 30
    assert set(threading.enumerate()) <= before


def test_a_log_folder_that_is_not_there_yet_is_made(data: DataFolder, store: Store, heard: Heard) -> None:
    index = TurnIndex(store, data.root / "later" / "log")
    made = LogWatcher(index, heard)
    made.start()
    assert made.observing
    made.stop()


HOST = """
import sys
from pathlib import Path
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import LogWatcher, TurnIndex
data = DataFolder(Path(sys.argv[1])).create()
watcher = LogWatcher(TurnIndex(Store(data.database), data.log), print)
watcher.start()
print(watcher.observing, flush=True)
"""


def test_a_host_that_ends_without_a_word_ends(tmp_path: Path) -> None:
    """As an Aeon does whose window was closed: what it registered for its end comes after the threads it waits for."""
    done = subprocess.run(
        [sys.executable, "-c", HOST, str(tmp_path / "data")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["True"]), done.stderr
