from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aeon_plugin_ft.errors import LogError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog, read_turns, rewrite, rewrite_without, turns_quoting
from aeon_plugin_ft.turns.files import FileLock, log_files
from hooks import Message, Turn

if TYPE_CHECKING:
    from tests.turns.conftest import LogOpener, TurnMaker

WRITER = Path(__file__).with_name("writer_child.py")


def log_some(log: TurnLog, make_turn: TurnMaker, count: int) -> list[Turn]:
    turns = [make_turn(f"dita {number}", f"resposta {number}") for number in range(count)]
    for turn in turns:
        assert log.append(turn, TurnKind.CHAT)
    return turns


def lines(folder: Path) -> list[bytes]:
    """Every line of the log but the headers."""
    every = [line for path in log_files(folder) for line in path.read_bytes().splitlines()]
    return [line for line in every if not line.startswith(b'{"log"')]


def test_the_turns_go_and_every_other_line_stays_byte_for_byte(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    turns = log_some(open_log(rotate_bytes=4000), make_turn, 30)
    before = lines(data.log)
    gone = {turns[number].id for number in (0, 7, 8, 29)}
    assert rewrite_without(data.log, {*gone, "nobody"}) == 4
    expected = [line for line in before if not any(id.encode() in line for id in gone)]
    assert lines(data.log) == expected
    assert [turn.id for turn in read_turns(data.log)] == [turn.id for turn in turns if turn.id not in gone]
    assert rewrite_without(data.log, gone) == 0


def test_files_without_such_a_turn_are_not_touched(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    turns = log_some(open_log(rotate_bytes=4000), make_turn, 30)
    before = {path.name: path.stat().st_ino for path in log_files(data.log)}
    rewrite_without(data.log, {turns[0].id})
    after = {path.name: path.stat().st_ino for path in log_files(data.log)}
    assert {name for name in before if before[name] != after[name]} == {"00-000001.jsonl"}


def test_nothing_of_it_is_left_in_the_folder(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    log = open_log()
    secret = make_turn(
        "abacaxi roxo", "ametista", messages=(Message("system", "sobre citrino"), Message("user", "abacaxi roxo"))
    )
    log_some(log, make_turn, 2)
    log.append(secret, TurnKind.CHAT)
    log_some(log, make_turn, 2)
    assert rewrite_without(data.log, {secret.id}) == 1
    left = log_bytes()
    assert b"abacaxi" not in left and b"ametista" not in left
    assert b"citrino" not in left, "its system text was nobody else's"
    assert b"IDENTIDADE" in left


def test_a_torn_last_line_goes_as_well(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 3)
    log.close()
    (path,) = log_files(data.log)
    path.write_bytes(path.read_bytes() + b'{"turn":"f00","reply":"abacaxi')
    assert rewrite_without(data.log, {turns[0].id}) == 1
    assert b"abacaxi" not in log_bytes()


def test_a_file_with_nothing_left_is_removed(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 3)
    assert rewrite_without(data.log, {turn.id for turn in turns}) == 3
    assert log_files(data.log) == []
    turn = make_turn("de novo")
    assert log.append(turn, TurnKind.CHAT)
    assert [found.messages for found in read_turns(data.log)] == [turn.messages]


def test_a_writer_beside_a_later_file_is_sealed_off_too(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    """Somebody put a copy with a higher number there: the writer's file is not the slot's last."""
    log = open_log()
    turns = log_some(log, make_turn, 3)
    (data.log / "00-000009.jsonl").write_bytes((data.log / "00-000001.jsonl").read_bytes())
    rewrite_without(data.log, {turns[0].id})
    log.append(make_turn(), TurnKind.CHAT)
    assert [path.name for path in log_files(data.log)][-1] == "00-000010.jsonl"
    assert len(list(read_turns(data.log))) == 3


def test_copies_are_rewritten_too(data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    turns = log_some(open_log(), make_turn, 3)
    (path,) = log_files(data.log)
    (data.log / "copy.jsonl").write_bytes(path.read_bytes())
    assert rewrite_without(data.log, {turns[1].id}) == 1
    assert turns[1].id.encode() not in (data.log / "copy.jsonl").read_bytes()


def test_a_line_that_another_tool_wrote_with_spaces_is_found(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 3)
    log.close()
    (path,) = log_files(data.log)
    path.write_bytes(path.read_bytes().replace(b'{"turn":"', b'{ "turn": "'))
    assert rewrite_without(data.log, {turns[1].id}) == 1
    assert [turn.id for turn in read_turns(data.log)] == [turns[0].id, turns[2].id]


def test_no_folder_and_no_turns_are_nothing_to_do(data: DataFolder, tmp_path: Path) -> None:
    assert rewrite_without(tmp_path / "nowhere", {"x"}) == 0
    assert rewrite_without(data.log, set()) == 0
    assert rewrite_without(data.log, {"x"}) == 0


def test_the_index_stays_right(store: Store, data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    index = TurnIndex(store, data.log)
    log = open_log(rotate_bytes=4000)
    turns = log_some(log, make_turn, 30)
    assert index.ingest() == 30
    gone = {turns[number].id for number in (1, 15, 28)}
    rewrite_without(data.log, gone)
    kept = [turn for turn in turns if turn.id not in gone]
    for turn in kept:  # before the index was told
        found = index.get(turn.id)
        assert found is not None and found.messages == turn.messages
    index.remove(gone)
    assert index.ingest() == 0, "what is read again is not news"
    assert [turn.messages for turn in index.turns()] == [turn.messages for turn in kept]
    more = log_some(log, make_turn, 2)
    assert index.ingest() == 2
    assert [turn.id for turn in index.turns()] == [turn.id for turn in [*kept, *more]]


def test_removing_from_the_index_first_is_right_too(
    store: Store, data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    index = TurnIndex(store, data.log)
    turns = log_some(open_log(), make_turn, 5)
    index.ingest()
    index.remove({turns[2].id})
    rewrite_without(data.log, {turns[2].id})
    assert index.ingest() == 0
    assert [turn.id for turn in index.turns()] == [turn.id for turn in turns if turn is not turns[2]]


def test_other_threads_go_on_writing(store: Store, data: DataFolder, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log, index = open_log(), TurnIndex(store, data.log)
    old = log_some(log, make_turn, 40)
    written: list[Turn] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            turn = make_turn()
            assert log.append(turn, TurnKind.CHAT)
            written.append(turn)
            stop.wait(
                0.001
            )  # unpaced, it would outrun the reader, and each round would have more to read than the last

    writer = threading.Thread(target=write)
    writer.start()
    told = 0
    for turn in old[:10]:
        assert rewrite_without(data.log, {turn.id}) == 1
        index.remove({turn.id})
        told += index.ingest()
    stop.set()
    writer.join()
    told += index.ingest()
    expected = [turn.id for turn in [*old[10:], *written]]
    assert sorted(turn.id for turn in read_turns(data.log)) == sorted(expected)
    assert sorted(turn.id for turn in index.turns()) == sorted(expected)


def test_a_turn_that_is_written_during_a_rewrite_is_kept(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 3)
    late = make_turn("no meio")
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        assert log.append(late, TurnKind.CHAT)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert rewrite_without(data.log, {turns[0].id}) == 1
    assert [turn.id for turn in read_turns(data.log)] == [turns[1].id, turns[2].id, late.id]


@pytest.mark.slow
def test_another_process_goes_on_writing(data: DataFolder) -> None:
    command = [sys.executable, str(WRITER), str(data.log), "4", "250", "10000000", "w"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    named, gone = [], set()
    for number, line in enumerate(writer.stdout):
        named.append(line.decode().strip())
        if number in (50, 200, 400, 600):
            gone |= set(named[-20::4])
            assert rewrite_without(data.log, set(named[-20::4])) == 5
    writer.stdout.close()
    assert writer.wait() == 0
    assert sorted(turn.id for turn in read_turns(data.log)) == sorted(set(named) - gone)
    assert len(named) == 1000


@pytest.mark.slow
def test_a_rewrite_that_is_killed_leaves_the_old_or_the_new(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    turns = log_some(open_log(rotate_bytes=8000), make_turn, 300)
    gone = {turn.id for turn in turns[::7]}
    code = (
        "import sys, pathlib; from aeon_plugin_ft.turns import rewrite_without; print('go', flush=True);"
        "rewrite_without(pathlib.Path(sys.argv[1]), set(sys.argv[2:]))"
    )
    for wait in (0.005, 0.02, 0.04):
        child = subprocess.Popen([sys.executable, "-c", code, str(data.log), *gone], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait)
        child.kill()
        child.stdout.close()
        child.wait()
        found = {turn.id for turn in read_turns(data.log)}
        assert {turn.id for turn in turns} - gone <= found
    rewrite_without(data.log, gone)
    assert {turn.id for turn in read_turns(data.log)} == {turn.id for turn in turns} - gone
    assert not list(data.log.glob("*.part"))


def test_what_a_killed_rewrite_left_behind_is_cleared(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, log_bytes: Callable[[], bytes]
) -> None:
    turns = log_some(open_log(), make_turn, 2)
    (data.log / "00-000001.jsonl.part").write_text("abacaxi", encoding="utf-8")
    rewrite_without(data.log, {turns[0].id})
    assert b"abacaxi" not in log_bytes()


def test_an_idle_writer_lets_go_of_the_old_file(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open descriptor would keep the forgotten text on the disk."""
    monkeypatch.setattr("aeon_plugin_ft.turns.syncing.IDLE_SECONDS", 0.02)
    log = open_log()
    turns = log_some(log, make_turn, 2)
    rewrite_without(data.log, {turns[0].id})
    deadline = time.monotonic() + 60
    while log._file is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log._file is None
    assert log.append(make_turn(), TurnKind.CHAT)
    assert len(list(read_turns(data.log))) == 2


def test_two_rewrites_do_not_meet(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = log_some(open_log(), make_turn, 2)
    monkeypatch.setattr(rewrite, "WAIT_SECONDS", 0.05)
    other = FileLock(data.log / "rewrite.lock")
    assert other.acquire(seconds=0)
    with pytest.raises(LogError, match="being rewritten already"):
        rewrite_without(data.log, {turns[0].id})
    other.close()
    assert rewrite_without(data.log, {turns[0].id}) == 1


def test_a_file_that_a_program_keeps_open_is_waited_for(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = log_some(open_log(), make_turn, 2)
    real, refusals = Path.replace, iter([True, True, False])

    def replace(self: Path, target: Path) -> Path:
        if next(refusals, False):  # on Windows somebody may have it open in truth besides
            raise PermissionError(13, "in use")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr("aeon_plugin_ft.store.files._may_pass", lambda _: True)
    assert rewrite_without(data.log, {turns[0].id}) == 1


def test_a_file_that_stays_open_is_a_sentence_and_loses_nothing(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = log_some(open_log(), make_turn, 2)

    def replace(self: Path, target: Path) -> Path:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(rewrite, "WAIT_SECONDS", 0.05)
    with pytest.raises(LogError, match=r"in use.*Close programs"):
        rewrite_without(data.log, {turns[0].id})
    assert len(list(read_turns(data.log))) == 2


def test_later_turns_that_repeat_a_forgotten_one_are_named(
    data: DataFolder, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log = open_log()
    first = make_turn("moro na rua das acácias", "anotado, rua das acácias")
    history = make_turn(
        "e aí?", messages=(*first.messages, Message("assistant", first.reply or ""), Message("user", "e aí?"))
    )
    memory = make_turn(
        "onde?", messages=(Message("system", f"[MEMÓRIAS RELEVANTES]\n{first.prompt}"), Message("user", "onde?"))
    )
    apart = make_turn("outra coisa")
    short = make_turn("sim", "ok")
    for turn in (first, history, memory, apart, short, make_turn("sim", "ok")):
        log.append(turn, TurnKind.CHAT)
    assert turns_quoting(data.log, {first.id}) == {history.id, memory.id}
    assert turns_quoting(data.log, {short.id}) == set()
