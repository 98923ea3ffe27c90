from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns import TurnKind, TurnLog, files, read_turns
from aeon_plugin_ft.turns.files import log_files
from aeon_plugin_ft.turns.log import Limits
from hooks import Message, Turn

if TYPE_CHECKING:
    from tests.turns.conftest import LogOpener, TurnMaker

SECRET = "a senha do cofre"


def read(data: DataFolder) -> list[str]:
    return [turn.user for turn in read_turns(data.log)]


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def test_a_turn_is_in_the_file_when_append_returns(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    for number in range(5):
        turn = make_turn(f"olá {number}")
        assert log.append(turn, TurnKind.CHAT) is True
        last = list(read_turns(data.log))[-1]
        assert (last.id, last.messages, last.reply) == (turn.id, turn.messages, turn.reply)
        assert (last.kind, last.provider, last.model, last.source) == (TurnKind.CHAT, "groq", "llama", "live")


def test_one_turn_is_one_write_of_whole_lines(
    open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, written, real = open_log(), [], os.write
    monkeypatch.setattr(os, "write", lambda fd, block: written.append(block) or real(fd, block))
    for _ in range(3):
        log.append(make_turn(), TurnKind.CHAT)
    assert [block.count(b"\n") for block in written] == [1, 2, 1, 1]  # the header; a turn and its system text
    assert all(block.endswith(b"\n") for block in written)


def test_a_private_turn_leaves_no_trace(
    open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    log = open_log()
    log.append(make_turn(), TurnKind.CHAT)
    before = log_bytes()
    turn = make_turn(SECRET, SECRET, private=True, messages=(Message("system", SECRET), Message("user", SECRET)))
    assert log.append(turn, TurnKind.CHAT) is False
    assert log_bytes() == before


def test_redaction_comes_before_the_disk(
    open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    log = open_log(redact=lambda text: text.replace(SECRET, "[X]"))
    log.append(make_turn(SECRET, f"certo: {SECRET}"), TurnKind.CHAT)
    assert SECRET.encode() not in log_bytes()
    assert b"certo: [X]" in log_bytes()


def test_a_redactor_that_fails_lets_nothing_through(
    open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    def broken(text: str) -> str:
        raise ValueError(text)

    told: list[str] = []
    log = open_log(redact=broken, on_failure=told.append)
    assert log.append(make_turn(SECRET), TurnKind.CHAT) is False
    assert SECRET.encode() not in log_bytes()
    assert len(told) == 1 and "ValueError" in told[0] and SECRET not in told[0]


def test_the_system_prompt_is_stored_once_and_not_once_a_turn_or_a_start(
    open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    for _ in range(3):
        log = open_log()
        for _ in range(10):
            log.append(make_turn(), TurnKind.CHAT)
        log.close()
    assert log_bytes().count(b"[IDENTIDADE]") == 20  # twenty times in the one text, of thirty turns


def test_each_file_can_be_read_by_itself(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log(rotate_bytes=4000)
    turns = [make_turn() for _ in range(60)]
    for turn in turns:
        log.append(turn, TurnKind.CHAT)
    written = log_files(data.log)
    assert len(written) > 5
    assert all(path.stat().st_size <= 4000 + 2000 for path in written)
    for path in written:
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        assert "log" in lines[0] and "system" in lines[1]
    assert [turn.messages for turn in read_turns(data.log)] == [turn.messages for turn in turns]
    written[0].unlink()
    kept = list(read_turns(data.log))
    assert [turn.messages for turn in kept] == [turn.messages for turn in turns[-len(kept) :]]


def test_a_turn_longer_than_a_file_still_has_one(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log(rotate_bytes=1000)
    for said in ("x" * 5000, "curto", "y" * 5000):
        assert log.append(make_turn(said), TurnKind.CHAT)
    assert [len(said) for said in read(data)] == [5000, 5, 5000]


def test_the_next_start_goes_on_in_the_same_file(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    for number in range(3):
        log = open_log()
        log.append(make_turn(f"vez {number}"), TurnKind.CHAT)
        log.close()
    assert len(log_files(data.log)) == 1
    assert read(data) == ["vez 0", "vez 1", "vez 2"]


@pytest.mark.parametrize("cut", [1, 40, 300])
def test_a_torn_last_line_is_mended(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, cut: int) -> None:
    log = open_log()
    for number in range(3):
        log.append(make_turn(f"dita {number} " + "z" * 400), TurnKind.CHAT)
    log.close()
    (path,) = log_files(data.log)
    os.truncate(path, path.stat().st_size - cut)
    assert [said[:6] for said in read(data)] == ["dita 0", "dita 1"]
    open_log().append(make_turn("depois"), TurnKind.CHAT)
    assert [said[:6] for said in read(data)] == ["dita 0", "dita 1", "depois"]
    assert all(json.loads(line) for line in path.read_bytes().splitlines())


@pytest.mark.parametrize("content", [b"", b"\x00" * 500, b"\x00" * 500 + b"\n", b'{"log":1,"fi'])
def test_a_file_whose_beginning_is_lost_is_left_behind(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, content: bytes
) -> None:
    (data.log / "00-000001.jsonl").write_bytes(content)
    open_log().append(make_turn("novo"), TurnKind.CHAT)
    assert read(data) == ["novo"]
    assert (data.log / "00-000002.jsonl").exists()


def test_threads_do_not_tear_each_others_lines(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log(rotate_bytes=30_000)
    turns = [make_turn() for _ in range(400)]

    def write(mine: list[Turn]) -> None:
        for turn in mine:
            assert log.append(turn, TurnKind.CHAT)

    threads = [threading.Thread(target=write, args=(turns[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turn.id for turn in read_turns(data.log)) == sorted(turn.id for turn in turns)


def test_two_writers_have_a_file_each_and_are_read_in_the_order_of_time(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    one, other = open_log(), open_log()
    for number in range(10):
        (one, other)[number % 2].append(make_turn(f"{number}"), TurnKind.CHAT)
    assert [path.name for path in log_files(data.log)] == ["00-000001.jsonl", "01-000001.jsonl"]
    assert read(data) == [str(number) for number in range(10)]


def test_no_turn_is_written_while_the_gate_is_held(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    log.append(make_turn("antes"), TurnKind.CHAT)
    gate = files.Gate(data.log, "00")
    with gate:
        writer = threading.Thread(target=log.append, args=(make_turn("depois"), TurnKind.CHAT))
        writer.start()
        writer.join(0.1)
        assert writer.is_alive()
        assert read(data) == ["antes"]
    writer.join(60)
    assert read(data) == ["antes", "depois"]
    gate.close()


def test_a_full_disk_is_told_once_and_so_is_the_recovery(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    back: list[int] = []
    log = open_log(on_failure=told.append, on_recovery=back.append)
    log.append(make_turn("antes"), TurnKind.CHAT)
    with monkeypatch.context() as full:
        full.setattr(os, "write", _no_space)
        assert [log.append(make_turn(), TurnKind.CHAT) for _ in range(3)] == [False] * 3
    assert len(told) == 1 and "No space left" in told[0] and "Free some space" in told[0]
    assert log.append(make_turn("depois"), TurnKind.CHAT) is True
    assert (len(told), back) == (1, [3])
    assert read(data) == ["antes", "depois"]


def _no_space(descriptor: int, block: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("truncate_works", [True, False])
def test_a_line_that_the_disk_took_half_of_is_taken_back(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch, truncate_works: bool
) -> None:
    told: list[str] = []
    log = open_log(on_failure=told.append)
    log.append(make_turn("antes"), TurnKind.CHAT)
    real = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, block: real(fd, block[: len(block) // 2]))
        if not truncate_works:
            full.setattr(os, "ftruncate", _no_space)
        assert log.append(make_turn("meia"), TurnKind.CHAT) is False
    assert len(told) == 1
    assert log.append(make_turn("depois"), TurnKind.CHAT) is True
    assert read(data) == ["antes", "depois"]
    assert len(log_files(data.log)) == (1 if truncate_works else 2)


def test_a_folder_that_cannot_be_made_is_told_at_the_start_and_tried_again(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    told: list[str] = []
    back: list[int] = []
    folder = data.root / "in the way" / "log"
    folder.parent.write_text("a file", encoding="utf-8")
    log = open_log(folder, on_failure=told.append, on_recovery=back.append)
    assert len(told) == 1 and "Make the folder writable" in told[0]
    assert log.append(make_turn(), TurnKind.CHAT) is False
    folder.parent.unlink()
    assert log.append(make_turn("depois"), TurnKind.CHAT) is True
    assert (len(told), back) == (1, [1])
    assert [turn.user for turn in read_turns(folder)] == ["depois"]


def test_a_listener_that_fails_hurts_nobody(open_log: LogOpener, make_turn: TurnMaker) -> None:
    def listener(value: object) -> None:
        raise RuntimeError("no")

    broken = {"text": True}

    def redact(text: str) -> str:
        if broken["text"]:
            raise ValueError
        return text

    log = open_log(redact=redact, on_failure=listener, on_recovery=listener)
    assert log.append(make_turn(), TurnKind.CHAT) is False
    broken["text"] = False
    assert log.append(make_turn(), TurnKind.CHAT) is True


HARMS = ["file emptied", "file grown by an editor"]
if sys.platform != "win32":  # where an open file cannot be removed
    HARMS += ["file removed", "folder removed"]


@pytest.mark.parametrize("harm", HARMS)
def test_whatever_others_do_to_the_files_the_next_turn_is_kept(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, harm: str
) -> None:
    log = open_log()
    log.append(make_turn("antes"), TurnKind.CHAT)
    (path,) = log_files(data.log)
    if harm == "file removed":
        path.unlink()
    elif harm == "folder removed":
        for left in data.log.iterdir():
            left.unlink()
        data.log.rmdir()
    elif harm == "file emptied":
        os.truncate(path, 0)
    else:
        with path.open("ab") as file:
            file.write(b"half a li")
    turn = make_turn("depois")
    assert log.append(turn, TurnKind.CHAT) is True
    last = list(read_turns(data.log))[-1]
    assert last.messages == turn.messages


def test_a_closed_log_refuses(open_log: LogOpener, make_turn: TurnMaker) -> None:
    told: list[str] = []
    log = open_log(on_failure=told.append)
    log.close()
    log.close()
    assert log.append(make_turn(), TurnKind.CHAT) is False
    assert "closed" in told[0]


def test_only_the_owner_may_read_the_log(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    open_log().append(make_turn(), TurnKind.CHAT)
    if sys.platform != "win32":
        assert {path.stat().st_mode & 0o077 for path in data.log.iterdir()} == {0}


def test_more_programs_than_there_are_slots(
    open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SLOTS", 1)
    told: list[str] = []
    one, other = open_log(), open_log(on_failure=told.append)
    assert other.append(make_turn(), TurnKind.CHAT) is False
    assert len(told) == 1 and "1 programs are writing" in told[0] and "Close some" in told[0]
    one.close()
    assert other.append(make_turn(), TurnKind.CHAT) is True


def test_rotation_closes_what_it_leaves(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log(rotate_bytes=2000, fsync_seconds=0.01)
    for _ in range(100):
        log.append(make_turn(), TurnKind.CHAT)
    assert wait_for(lambda: not log._syncer._retired)
    log.close()
    if sys.platform == "linux":
        held = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not [name for name in held if str(data.log) in name]


def test_importing_the_log_costs_the_host_nothing_heavy() -> None:
    code = "import sys; from aeon_plugin_ft.turns import *; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "httpx", "watchdog", "numpy", "torch", "apscheduler", "rich", "typer"}
    assert not heavy & set(run.stdout.split())


def test_changed_limits_count_from_the_next_turn_on(
    data: DataFolder, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[log] rotate_mb and fsync_ms of a running host."""
    limits = [Limits(10**6, 3600)]
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    log = TurnLog(data.log, redact=str, limits=lambda: limits[0], on_failure=pytest.fail)
    try:
        log.append(make_turn("um"), TurnKind.CHAT)
        assert (len(list(data.log.glob("*.jsonl"))), synced) == (1, [])
        limits[0] = Limits(10, 0)
        log.append(make_turn("dois"), TurnKind.CHAT)
        assert len(list(data.log.glob("*.jsonl"))) == 2 and synced
    finally:
        limits[0] = Limits(10, 0)
        log.close()


def test_appending_imports_nothing_heavy_either(tmp_path: Any) -> None:
    code = f"""
import sys
from pathlib import Path
from aeon_plugin_ft.turns import TurnLog
from aeon_plugin_ft.turns.log import Limits
TurnLog(Path({str(tmp_path)!r}), redact=str, limits=lambda: Limits(10**6, 1), on_failure=print).close()
print(*sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "httpx", "watchdog", "numpy"} & set(run.stdout.split())
