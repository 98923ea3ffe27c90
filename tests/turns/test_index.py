from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog, read_turns
from aeon_plugin_ft.turns import index as index_module
from aeon_plugin_ft.turns.files import log_files
from aeon_plugin_ft.turns.log import Limits
from hooks import Message, Turn

if TYPE_CHECKING:
    from tests.turns.conftest import LogOpener, TurnMaker


@pytest.fixture
def index(store: Store, data: DataFolder) -> TurnIndex:
    return TurnIndex(store, data.log)


def again(index: TurnIndex) -> TurnIndex:
    """The index after a restart: nothing in memory."""
    return TurnIndex(index.store, index.folder)


def ids(index: TurnIndex) -> list[str]:
    return [turn.id for turn in index.turns()]


def log_some(log: TurnLog, make_turn: TurnMaker, count: int) -> list[Turn]:
    turns = [make_turn() for _ in range(count)]
    for turn in turns:
        assert log.append(turn, TurnKind.CHAT)
    return turns


def test_new_turns_are_counted_once(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    assert index.ingest() == 0
    log_some(log, make_turn, 3)
    assert index.ingest() == 3
    assert index.ingest() == 0
    log_some(log, make_turn, 2)
    assert again(index).ingest() == 2
    assert again(index).ingest() == 0
    assert index.count() == 5


def test_a_turn_comes_back_as_it_was(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    turns = log_some(open_log(), make_turn, 3)
    index.ingest()
    for turn in turns:
        found = again(index).get(turn.id)
        assert found is not None
        assert (found.messages, found.reply, found.at) == (turn.messages, turn.reply, turn.started_at)
    assert index.get("nobody") is None


def test_a_host_that_makes_up_prompts_does_not_fill_the_memory(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "PROMPTS_KEPT", 5)
    log = open_log()
    turns = [make_turn(messages=(Message("system", f"um {n}"), Message("system", f"dois {n}"))) for n in range(20)]
    for turn in turns:
        log.append(turn, TurnKind.CHAT)
    index.ingest()
    assert [turn.messages for turn in index.turns()] == [turn.messages for turn in turns]
    assert len(index._prompts) <= 7


def test_kinds_times_and_order(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    kinds = [TurnKind.CHAT, TurnKind.CANNED, TurnKind.CHAT, TurnKind.SYNTHETIC]
    turns = [make_turn() for _ in kinds]
    for turn, kind in zip(turns, kinds, strict=True):
        log.append(turn, kind)
    index.ingest()
    assert (index.count(), index.count(TurnKind.CANNED), index.count(None)) == (2, 1, 4)
    assert index.count(since=turns[2].started_at) == 1
    assert [turn.id for turn in index.latest(2)] == [turns[3].id, turns[2].id]
    assert [turn.id for turn in index.latest(9, TurnKind.CHAT)] == [turns[2].id, turns[0].id]
    assert [turn.id for turn in index.turns(TurnKind.CHAT)] == [turns[0].id, turns[2].id]


def test_an_imported_turn_without_a_time_counts_and_names_its_source(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    open_log().append(make_turn(started_at=0.0, caller="import:aeon"), TurnKind.CHAT)
    index.ingest()
    assert index.count() == 1
    assert index.latest(1)[0].source == "aeon"


def test_turns_reads_page_by_page(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "PAGE", 3)
    log = open_log()
    same = [make_turn(started_at=5.0) for _ in range(8)]
    for turn in same:
        log.append(turn, TurnKind.CHAT)
    later = log_some(log, make_turn, 5)
    index.ingest()
    assert ids(index) == [turn.id for turn in [*same, *later]]


def test_rotation_is_followed(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log(rotate_bytes=3000)
    turns = []
    for _ in range(6):
        turns += log_some(log, make_turn, 5)
        assert index.ingest() == 5
    assert len(log_files(index.folder)) > 3
    assert ids(again(index)) == [turn.id for turn in turns]


def test_two_writers_are_followed(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    one, other = open_log(), open_log()
    for _ in range(3):
        log_some(one, make_turn, 2)
        log_some(other, make_turn, 2)
        assert index.ingest() == 4


def test_the_index_is_made_again_from_the_log(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, data: DataFolder
) -> None:
    turns = log_some(open_log(rotate_bytes=3000), make_turn, 20)
    index.ingest()
    fresh = Store(data.root / "fresh.sqlite3")
    made = TurnIndex(fresh, data.log)
    assert made.ingest() == 20
    assert ids(made) == ids(index) == [turn.id for turn in turns]
    fresh.close()


def test_dying_between_rows_and_position_changes_neither(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_some(open_log(), make_turn, 3)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(index_module, "_save_mark", die)
        with pytest.raises(KeyboardInterrupt):
            index.ingest()
    assert index.count() == 0
    assert again(index).ingest() == 3
    assert again(index).ingest() == 0


def test_two_readers_at_once_repeat_nothing(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "CHUNK", 500)
    log_some(open_log(rotate_bytes=10_000), make_turn, 200)
    readers = [again(index) for _ in range(3)]
    counts: list[int] = []
    threads = [threading.Thread(target=lambda r=reader: counts.append(r.ingest())) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 200
    assert index.count() == 200


def test_damaged_lines_are_skipped_with_a_warning(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 4)
    log.close()
    (path,) = log_files(index.folder)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b"\x00" * (len(lines[3]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    assert index.ingest() == 3
    assert ids(index) == [turn.id for turn in [turns[0], *turns[2:]]] == [t.id for t in read_turns(index.folder)]
    assert sum("1 damaged line" in record.message for record in caplog.records) == 2


def test_a_turn_without_its_system_text_is_never_made_up(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log = open_log()
    log_some(log, make_turn, 2)
    log.append(make_turn(messages=(Message("user", "sem sistema"),)), TurnKind.CHAT)
    log.close()
    (path,) = log_files(index.folder)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines[2:]]))
    assert index.ingest() == 1
    assert [turn.user for turn in index.turns()] == ["sem sistema"] == [t.user for t in read_turns(index.folder)]


def test_a_row_that_points_beside_its_turn_is_mended_on_reading(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    turns = log_some(open_log(), make_turn, 5)
    index.ingest()
    for ask in (lambda: index.get(turns[2].id), lambda: index.latest(5)[2], lambda: list(index.turns())[2]):
        index.store.execute("UPDATE turns SET offset = offset + 7")
        found = ask()
        assert found is not None and found.messages == turns[2].messages


def test_a_row_that_points_at_another_turn_is_mended_on_reading(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    turns = log_some(open_log(), make_turn, 3)
    index.ingest()
    there = index.store.row("SELECT offset, length FROM turns WHERE id = ?", turns[2].id)
    assert there is not None
    index.store.execute("UPDATE turns SET offset = ?, length = ? WHERE id = ?", *there, turns[0].id)
    found = index.get(turns[0].id)
    assert found is not None and found.messages == turns[0].messages


def test_one_more_turn_costs_the_same_however_long_the_log_is(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed, real = [], index_module.outline
    monkeypatch.setattr(index_module, "outline", lambda line: parsed.append(line) or real(line))
    log = open_log(rotate_bytes=20_000)
    costs = []
    for size in (10, 300):
        log_some(log, make_turn, size)
        index.ingest()
        parsed.clear()
        log_some(log, make_turn, 1)
        assert again(index).ingest() == 1  # even the first look after a restart
        costs.append(sum(map(len, parsed)))
    assert costs[1] <= costs[0] + 4000  # a new file brings its header and system text along


def test_removed_turns_are_gone_and_others_stay(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    turns = log_some(open_log(), make_turn, 4)
    index.ingest()
    index.remove({turns[1].id, "nobody"})
    assert ids(index) == [turn.id for turn in (turns[0], turns[2], turns[3])]


def test_news_that_another_call_found_is_told_by_the_next_ingest(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log_some(open_log(), make_turn, 3)
    index.remove(set())
    assert index.ingest() == 3


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("workshop")


STEPS = st.lists(
    st.sampled_from(["append", "append", "ingest", "restart index", "restart log", "second writer", "tear", "copy"]),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_the_index_tells_what_the_log_tells(workshop: Path, steps: list[str]) -> None:
    """A random life: the index ends with the log's turns, and its news add up to them."""
    data = DataFolder(workshop / os.urandom(6).hex()).create()
    store = Store(data.database)
    index, told, number = TurnIndex(store, data.log), 0, 0
    logs = [_open(data)]
    for step in [*steps, "ingest"]:
        if step == "append":
            number += 1
            logs[number % len(logs)].append(_turn(number), TurnKind.CHAT)
        elif step == "ingest":
            told += index.ingest()
        elif step == "restart index":
            index = TurnIndex(store, data.log)
        elif step == "second writer" and len(logs) < 3:
            logs.append(_open(data))
        elif step in ("restart log", "tear"):
            for log in logs:
                log.close()
            if step == "tear":  # the write of a process that died in it
                for path in log_files(data.log)[-1:]:
                    path.write_bytes(path.read_bytes() + b'{"turn":"half')
            logs = [_open(data)]
        elif step == "copy" and log_files(data.log):
            shutil.copy(log_files(data.log)[0], data.log / "copy.jsonl")
    for log in logs:
        log.close()
    assert [turn.id for turn in index.turns()] == [f"{n:032x}" for n in range(1, number + 1)]
    assert told == number
    assert [turn.messages for turn in index.turns()] == [_turn(n).messages for n in range(1, number + 1)]
    store.close()


def _open(data: DataFolder) -> TurnLog:
    return TurnLog(data.log, redact=str, limits=lambda: Limits(1500, 0.01), on_failure=pytest.fail)


def _turn(number: int) -> Turn:
    system = f"persona {number % 2} Data/Hora: 22/11/2026 10:{number % 60:02d}. [MEMÓRIAS RELEVANTES] {number}"
    messages = (Message("system", system), Message("user", f"olá {number}"))
    return Turn(f"{number:032x}", "s", float(number), 0.1, "chat", "auto", f"olá {number}", messages, "oi", None)


def test_the_rows_hold_no_text(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    open_log().append(make_turn("meu segredo", "seu segredo"), TurnKind.CHAT)
    index.ingest()
    rows = [
        dict(row)
        for table in ("turns", "log_files", "log_systems")
        for row in index.store.rows(f"SELECT * FROM {table}")
    ]
    assert len(rows) == 3 and "segredo" not in json.dumps(rows)


@pytest.mark.parametrize("rewritten", [False, True])
def test_a_writer_faster_than_the_reader_does_not_hold_it_up(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, monkeypatch: pytest.MonkeyPatch, rewritten: bool
) -> None:
    """Every look writes another turn, so that reading to the end would never end."""
    log, real = open_log(), index_module.whole_lines
    first = log_some(log, make_turn, 3)
    if rewritten:
        index.ingest()
        path = log_files(index.folder)[0]
        path.write_bytes(path.read_bytes().replace(b"pergunta", b"Pergunta"))
    late: list[Turn] = []

    def look(*given: Any) -> Any:
        assert len(late) < 50, "the reader ran after the writer"
        late.extend(log_some(log, make_turn, 1))
        return real(*given)

    monkeypatch.setattr(index_module, "whole_lines", look)
    index.ingest()
    monkeypatch.undo()
    index.ingest()
    assert sorted(ids(index)) == sorted(turn.id for turn in [*first, *late])
