"""The demo's own helpers: its folder is its own, a stopped training is gone on with, long replies are marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.cli.demo import MARKER, SHOWN_CHARS, prepare_folder, shown, unfinished_run
from aeon_plugin_ft.errors import InstallError


def test_a_fresh_folder_is_made_and_marked(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "demo")
    assert (folder / MARKER).exists()


def test_a_foreign_folder_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="ascii")
    with pytest.raises(InstallError, match="not the demo's"):
        prepare_folder(tmp_path)
    assert (tmp_path / "mine.txt").exists()


def test_a_finished_demo_starts_anew(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "demo")
    (folder / "old.txt").write_text("x", encoding="ascii")
    assert not (prepare_folder(folder) / "old.txt").exists()


def test_a_demo_that_was_stopped_while_it_trained_goes_on(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "demo")
    shared = Context(folder, None, False)
    shared.store.execute(
        "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES ('r', 1, 'd', 'b', 'paused', 1)"
    )
    assert unfinished_run(shared) == "r"
    shared.close()
    (folder / "old.txt").write_text("x", encoding="ascii")
    assert (prepare_folder(folder) / "old.txt").exists()


def test_a_long_reply_is_cut_where_it_says_so() -> None:
    assert shown("curta e\nboa") == "curta e boa"
    assert shown("x" * 500) == "x" * SHOWN_CHARS + " [...]"
    assert shown(None) == "(no answer)"
