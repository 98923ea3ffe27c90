"""What a power cut can lose: when the log is synced, and what is said when it cannot be."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns import TurnKind, read_turns, syncing

if TYPE_CHECKING:
    from tests.turns.conftest import LogOpener, TurnMaker


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moments of every fsync of a file."""
    moments: list[float] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        moments.append(time.monotonic())

    monkeypatch.setattr(os, "fsync", fsync)
    return moments


def test_every_turn_is_synced_within_the_time_given(
    open_log: LogOpener, make_turn: TurnMaker, synced: list[float]
) -> None:
    log = open_log(fsync_seconds=0.1)
    wait_for(lambda: bool(synced), 0.5)
    for _ in range(3):
        synced.clear()
        written = time.monotonic()
        log.append(make_turn(), TurnKind.CHAT)
        assert not synced, "no reply waits for the disk"
        assert wait_for(lambda: bool(synced))
        assert synced[-1] - written < 0.1 + 1.0  # the second is for a loaded machine
        time.sleep(0.02)


def test_the_name_of_a_new_file_is_synced_too(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose name a power cut takes away is lost however well its content was synced."""
    folders: list[Path] = []
    monkeypatch.setattr(syncing, "sync_folder", folders.append)
    log = open_log(rotate_bytes=3000, fsync_seconds=0)
    log.append(make_turn(), TurnKind.CHAT)
    assert folders == [data.log]
    log.append(make_turn(), TurnKind.CHAT)
    assert folders == [data.log]
    log.append(make_turn("x" * 3000), TurnKind.CHAT)
    assert folders == [data.log, data.log]


def test_a_burst_shares_its_syncs(open_log: LogOpener, make_turn: TurnMaker, synced: list[float]) -> None:
    log = open_log(fsync_seconds=0.3)
    log.append(make_turn(), TurnKind.CHAT)
    assert wait_for(lambda: bool(synced))
    time.sleep(0.05)
    synced.clear()
    began = time.monotonic()
    for _ in range(200):
        log.append(make_turn(), TurnKind.CHAT)
    time.sleep(0.4)
    assert 1 <= len(synced) <= 1 + (time.monotonic() - began) / 0.3


def test_zero_seconds_sync_before_append_returns(
    open_log: LogOpener, make_turn: TurnMaker, synced: list[float]
) -> None:
    log = open_log(fsync_seconds=0)
    for _ in range(3):
        called = time.monotonic()
        log.append(make_turn(), TurnKind.CHAT)
        assert synced and synced[-1] >= called


def _broken_disk(descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_sync_that_fails_is_told_once_and_tried_again(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    log = open_log(fsync_seconds=0, on_failure=told.append)
    log.append(make_turn(), TurnKind.CHAT)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _broken_disk)
        for _ in range(3):
            assert log.append(make_turn(), TurnKind.CHAT) is True, "the turn is with the operating system"
    assert len(told) == 1 and "power cut" in told[0]
    log.append(make_turn(), TurnKind.CHAT)
    assert log._syncs._failing is False
    assert len(list(read_turns(data.log))) == 5


def test_the_syncing_thread_outlives_whatever_happens_to_it(
    open_log: LogOpener, make_turn: TurnMaker, synced: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(fsync_seconds=0.01)
    real, failures = log._syncer.sync, iter([RuntimeError("unexpected")])

    def sync() -> None:
        for failure in failures:
            raise failure
        real()

    monkeypatch.setattr(log._syncer, "sync", sync)
    log.append(make_turn(), TurnKind.CHAT)
    time.sleep(0.1)
    synced.clear()
    log.append(make_turn(), TurnKind.CHAT)
    assert wait_for(lambda: bool(synced))
