"""Files that are cut, replaced, copied, renamed or gone: the index ends with what the log holds."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog, read_turns, rewrite_without
from aeon_plugin_ft.turns.files import log_files
from aeon_plugin_ft.turns.marks import MARK_BYTES
from hooks import Turn

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


def test_a_torn_last_line_waits_until_it_is_whole(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    log_some(log, make_turn, 3)
    log.close()
    (path,) = log_files(index.folder)
    whole = path.read_bytes()
    for cut in (1, 10, 200):
        path.write_bytes(whole[:-cut])
        again(index).ingest()
        assert index.count() == 2
    path.write_bytes(whole)
    assert index.ingest() == 1
    assert again(index).ingest() == 0


def test_a_shortened_log_loses_its_turns_and_what_follows_is_found(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 5)
    index.ingest()
    log.close()
    (path,) = log_files(index.folder)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]))  # header, system text, two turns
    assert index.ingest() == 0
    assert ids(index) == [turn.id for turn in turns[:2]]
    more = log_some(open_log(), make_turn, 4)
    assert again(index).ingest() == 4
    assert ids(index) == [turn.id for turn in [*turns[:2], *more]]


def test_a_log_that_was_cut_and_grew_past_the_old_place_is_read_again(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    """Same first line, and turns of exactly the same length: only the bytes before the place differ."""
    log = open_log()
    turns = log_some(log, make_turn, 5)
    index.ingest()
    log.close()
    (path,) = log_files(index.folder)
    lines = path.read_bytes().splitlines(keepends=True)
    size = path.stat().st_size
    path.write_bytes(b"".join(lines[:4]))
    more = log_some(open_log(), make_turn, 4)
    assert path.stat().st_size > size
    assert index.ingest() == 4
    assert ids(index) == [turn.id for turn in [*turns[:2], *more]]


def test_another_log_in_the_place_of_the_first(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, tmp_path: Path
) -> None:
    log_some(open_log(), make_turn, 2)
    index.ingest()
    turns = log_some(open_log(tmp_path / "other"), make_turn, 6)
    shutil.copy(tmp_path / "other" / "00-000001.jsonl", index.folder / "00-000001.jsonl")
    assert index.ingest() == 6
    assert ids(index) == [turn.id for turn in turns]


def test_another_log_with_the_same_end(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    """Another first line tells, when the last 4 kB do not: a rewrite took a turn out and a later one grew."""
    log = open_log()
    turns = log_some(log, make_turn, 30)
    index.ingest()
    log.close()
    (path,) = log_files(index.folder)
    lines = path.read_bytes().splitlines(keepends=True)
    assert sum(map(len, lines[4:])) > MARK_BYTES
    lines[0] = lines[0].replace(lines[0][-10:], b'12345678"}\n'[-10:])
    lines[2] = lines[2].replace(turns[0].id.encode(), b"f" * 32)
    path.write_bytes(b"".join(lines))
    assert again(index).ingest() == 1
    assert index.get("f" * 32) is not None
    assert index.get(turns[0].id) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no file that somebody reads")
def test_a_reader_that_still_has_a_replaced_file_open_takes_nothing_from_it(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker
) -> None:
    """Another reader has followed the file that took its place; its position means nothing in this one."""
    turns = log_some(open_log(), make_turn, 6)
    (path,) = log_files(index.folder)
    with path.open("rb") as old:
        rewrite_without(index.folder, {turns[0].id})
        again(index).ingest()
        before = index.store.rows("SELECT * FROM turns ORDER BY id")
        with index.store.transaction() as connection:
            assert index._take(connection, path.name, old) is None
        assert index.store.rows("SELECT * FROM turns ORDER BY id") == before


@pytest.mark.parametrize("name", ["copy.jsonl", "00-000001 (1).jsonl", "99-000001.jsonl"])
def test_a_copy_of_a_file_repeats_nothing_even_when_the_first_goes(
    index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker, name: str
) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 4)
    index.ingest()
    log.close()
    (path,) = log_files(index.folder)
    shutil.copy(path, index.folder / name)
    assert index.ingest() == 0
    assert again(index).ingest() == 0
    assert [turn.id for turn in read_turns(index.folder)] == [turn.id for turn in turns]
    path.unlink()
    assert index.ingest() == 0, "the turns are still in the copy, and they are not news"
    assert ids(index) == [turn.id for turn in turns]
    assert index.get(turns[3].id) is not None


def test_a_renamed_file_repeats_nothing(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    turns = log_some(log, make_turn, 4)
    index.ingest()
    log.close()
    (path,) = log_files(index.folder)
    path.rename(index.folder / "77-000001.jsonl")
    assert index.ingest() == 0
    assert ids(index) == [turn.id for turn in turns]


def test_turns_whose_file_is_gone_are_gone(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    log_some(log, make_turn, 4)
    index.ingest()
    log.close()
    log_files(index.folder)[0].unlink()
    assert index.ingest() == 0
    assert index.count() == 0


def test_a_log_folder_that_is_away_changes_nothing(index: TurnIndex, open_log: LogOpener, make_turn: TurnMaker) -> None:
    log = open_log()
    log_some(log, make_turn, 4)
    index.ingest()
    log.close()
    index.folder.rename(index.folder.with_name("elsewhere"))
    assert index.ingest() == 0
    assert index.count() == 4
