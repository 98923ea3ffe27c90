"""convert: exactly one question and reply a line, and an account of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.export.converting import convert
from aeon_plugin_ft.errors import InputFileError

Log = Callable[..., Path]


def test_each_line_is_one_question_and_one_reply(log: Log, tmp_path: Path) -> None:
    out = tmp_path / "data.jsonl"
    report = convert(
        log(
            "VOCÊ: ação?",
            "AEON: Já é, cara.",
            "AEON_SPEAK: Já é, cara.",
            "VOCÊ: hm",
            "AEON: Pode ser mais claro?",
            "VOCÊ: abre",
            "AEON: Abrindo calculadora...",
            "VOCÊ: some",
            "AEON: ",
            "VOCÊ: ação?",
            "AEON: Já é, cara.",
            "VOCÊ: pensa",
            "AEON: <think>hmm",
            "</think>Pensei, cara.",
            "VOCÊ: sem resposta",
        ),
        out,
    )
    assert out.read_bytes().decode("utf-8").splitlines() == [
        '{"messages": [{"role": "user", "content": "ação?"}, {"role": "assistant", "content": "Já é, cara."}]}',
        '{"messages": [{"role": "user", "content": "pensa"}, {"role": "assistant", "content": "Pensei, cara."}]}',
    ]
    assert (report.kept, report.format, report.target) == (2, "aeon", out)
    assert report.dropped == {
        "one of Aeon's fixed sentences": 1,
        "a module's fixed reply": 1,
        "an empty reply": 1,
        "the same question and reply as before": 1,
        "no reply before the next question or start of Aeon": 1,
    }


def test_a_cp1252_log_is_converted_and_announced(log: Log, tmp_path: Path) -> None:
    report = convert(log("VOCÊ: ação?", "AEON: Já é, irmão.", encoding="cp1252"), tmp_path / "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["messages"][1]["content"] == "Já é, irmão."
    assert "read as cp1252" in report.notes[0]


def test_a_failed_conversion_leaves_the_old_file(log: Log, tmp_path: Path) -> None:
    out = tmp_path / "data.jsonl"
    out.write_text("old")
    with pytest.raises(InputFileError):
        convert(tmp_path / "none.log", out)
    assert out.read_text() == "old"
    assert list(tmp_path.glob("*.part")) == []


def test_a_target_that_cannot_be_written_is_named(log: Log, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be written"):
        convert(log("VOCÊ: oi", "AEON: Fala, cara."), tmp_path / "no" / "such" / "folder.jsonl")


def test_text_that_is_no_unicode_is_replaced_and_not_fatal(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(
        '{"messages": [{"role": "user", "content": "oi \\ud800"}, {"role": "assistant", "content": "Fala, cara."}]}\n'
    )
    assert convert(source, tmp_path / "out.jsonl").kept == 1
    assert "oi ?" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")
