from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from aeon_plugin_ft.turns import files


class FakeMsvcrt(ModuleType):
    """Windows' byte locks as its documentation has them: exclusive, and of the byte at the position."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.locked: dict[int, int] = {}

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert os.lseek(descriptor, 0, os.SEEK_CUR) > 1 << 20, "the content must stay readable for others"
        assert count == 1
        file = os.fstat(descriptor).st_ino
        if mode == self.LK_UNLCK:
            assert self.locked.pop(file) == descriptor
        elif file in self.locked:
            raise OSError(36, "Resource deadlock avoided")
        else:
            self.locked[file] = descriptor


@pytest.fixture(params=["this system's locks", "Windows' locks"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is here, and as it would be on Windows."""
    if request.param == "this system's locks":
        return files
    monkeypatch.setitem(sys.modules, "msvcrt", FakeMsvcrt())
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("files_on_windows", files.__file__)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_lock_has_one_holder(locks: ModuleType, tmp_path: Path) -> None:
    one, other = locks.FileLock(tmp_path / "l"), locks.FileLock(tmp_path / "l")
    assert one.acquire(seconds=0) is True
    assert other.acquire(seconds=0) is False
    began = time.monotonic()
    assert other.acquire(seconds=0.05) is False
    assert time.monotonic() - began >= 0.05
    one.release()
    assert other.acquire(seconds=0) is True
    other.close()
    assert one.acquire(seconds=0) is True, "closing lets go"
    one.close()


def test_waiting_for_a_lock_ends_when_it_is_free(locks: ModuleType, tmp_path: Path) -> None:
    one, other = locks.FileLock(tmp_path / "l"), locks.FileLock(tmp_path / "l")
    one.acquire()
    got = threading.Event()

    def wait() -> None:
        other.acquire()
        got.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert not got.wait(0.05)
    one.release()
    assert got.wait(60)
    waiter.join()
    one.close()
    other.close()


def test_a_gate_remembers_what_was_sealed(locks: ModuleType, tmp_path: Path) -> None:
    gate, other = locks.Gate(tmp_path, "00"), locks.Gate(tmp_path, "00")
    with gate:
        assert gate.minimum() == 1
    (tmp_path / "00-000007.jsonl").touch()
    (tmp_path / "01-000009.jsonl").touch()
    gate.seal()
    with other:
        assert other.minimum() == 8
    (tmp_path / "00-000007.jsonl").unlink()
    other.seal()
    with gate:
        assert gate.minimum() == 8, "a sealed number is never used again"
    gate.close()
    other.close()


def test_each_writer_takes_the_first_free_slot(locks: ModuleType, tmp_path: Path) -> None:
    slots = [locks.Slot(tmp_path / "log") for _ in range(3)]
    assert [slot.name for slot in slots] == ["00", "01", "02"]
    slots[1].close()
    again = locks.Slot(tmp_path / "log")
    assert again.name == "01"
    for slot in (slots[0], slots[2], again):
        slot.close()


def test_files_are_listed_by_slot_and_sequence_and_others_are_slots_by_themselves(tmp_path: Path) -> None:
    names = ["00-000002.jsonl", "00-000010.jsonl", "01-000001.jsonl", "copy.jsonl"]
    for name in [*reversed(names), "00.gate.lock", "00-000002.jsonl.part"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.jsonl").mkdir()
    found = files.log_files(tmp_path)
    assert [path.name for path in found] == names
    assert [files.slot_of(path) for path in found] == ["00", "00", "01", "copy.jsonl"]
    assert [files.sequence_of(path) for path in found] == [2, 10, 1, None]
    assert files.last_sequence(tmp_path, "00") == 10
    assert files.last_sequence(tmp_path, "05") == 0


def test_new_names_are_synced_where_the_system_has_a_call_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    files.sync_folder(tmp_path)
    assert synced == ([] if sys.platform == "win32" else [tmp_path.stat().st_ino])
    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="win32"))
    files.sync_folder(tmp_path)
    assert len(synced) == (0 if sys.platform == "win32" else 1)
