"""The journal of swaps: whole lines, in order, also after a torn one."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.errors import StoreError
from aeon_plugin_ft.serving import journal as module
from aeon_plugin_ft.serving.journal import Journal, SwapRecord, SwapStep, process_lives, process_name


def entry(swap: str, step: SwapStep, **more: object) -> SwapRecord:
    values = {"version": "v0001", "previous": "base", "backend": "embedded", "base": "smollm2", "process": "1-1"}
    return SwapRecord(swap=swap, step=step, **{**values, **more})  # type: ignore[arg-type]


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "serving" / "journal.jsonl")
    written = [
        entry("a", SwapStep.BEGUN),
        entry("a", SwapStep.DEPLOYED, deployed={"digest": "sha256:1"}, reason="ação"),
    ]
    for one in written:
        journal.write(one)
    assert list(Journal(journal.path).entries()) == written


def test_a_torn_line_is_left_out_and_hurts_nothing_after_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(entry("a", SwapStep.BEGUN))
    with journal.path.open("ab") as file:
        file.write(b'{"swap": "a", "step": "bui')
    journal.write(entry("a", SwapStep.BUILT))
    assert [one.step for one in journal.entries()] == [SwapStep.BEGUN, SwapStep.BUILT]


def test_unfinished_swaps_are_those_without_an_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for swap, steps in {
        "a": [SwapStep.BEGUN, SwapStep.DONE],
        "b": [SwapStep.BEGUN, SwapStep.FAILED],
        "c": [SwapStep.UNDONE],
    }.items():
        for step in steps:
            journal.write(entry(swap, step))
    assert [entries[0].swap for entries in journal.unfinished()] == ["b"]


def test_trimming_keeps_where_the_version_in_use_was_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A move that fails again and again writes more lines than are kept; the next start must still serve."""
    monkeypatch.setattr(module, "KEEP_LINES", 10)
    journal = Journal(tmp_path / "journal.jsonl")
    for step in (SwapStep.BEGUN, SwapStep.PROMOTED, SwapStep.DONE):
        journal.write(entry("served", step))
    for number in range(10):
        for step in (SwapStep.BEGUN, SwapStep.FAILED, SwapStep.UNDONE):
            journal.write(entry(f"s{number}", step, backend="ollama"))
    journal.trim()
    last = journal.last_promoted("v0001")
    assert last is not None and (last.swap, last.backend) == ("served", "embedded")
    assert len(list(journal.entries())) == 8


def test_trimming_keeps_what_is_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_LINES", 10)
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(entry("open", SwapStep.BEGUN))
    for number in range(10):
        journal.write(entry(f"s{number}", SwapStep.BEGUN))
        journal.write(entry(f"s{number}", SwapStep.DONE))
    journal.trim()
    left = [one.swap for one in journal.entries()]
    assert left[0] == "open"
    assert left[-1] == "s9"
    assert len(left) == 6


def test_a_journal_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(StoreError, match="journal"):
        Journal(tmp_path / "journal.jsonl").write(entry("a", SwapStep.BEGUN))


def test_a_process_is_told_from_another_with_its_number() -> None:
    name = process_name()
    assert process_lives(name)
    assert not process_lives(name.split("-")[0] + "-1")
    assert not process_lives("nonsense")
