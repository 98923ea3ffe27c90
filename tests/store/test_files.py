"""Files appear whole or not at all, and a sharing violation of Windows is waited out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aeon_plugin_ft.store import files


def refuse(monkeypatch: pytest.MonkeyPatch, times: int, winerror: int = 32) -> list[Path]:
    """Let the first renames fail as on Windows while somebody has the file open; returns who was renamed."""
    moved: list[Path] = []
    replace = Path.replace

    def refused(self: Path, target: Path) -> Path:
        moved.append(self)
        if len(moved) <= times:
            error = PermissionError(13, "The process cannot access the file")
            error.winerror = winerror
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(files.sys, "platform", "win32")
    return moved


def test_what_was_there_stays_when_the_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"n": 1})
    with pytest.raises(ZeroDivisionError), files.whole_file(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert json.loads(path.read_text()) == {"n": 1} and not list(tmp_path.glob("*.part"))


def test_a_file_that_is_open_elsewhere_for_a_moment_is_moved_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = refuse(monkeypatch, times=3)
    files.write_whole(tmp_path / "a", "said")
    assert len(moved) == 4 and (tmp_path / "a").read_text() == "said"


def test_one_that_stays_open_is_refused_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, times=10_000)
    monkeypatch.setattr(files, "RETRY_SECONDS", 0.05)
    with pytest.raises(PermissionError):
        files.write_whole(tmp_path / "a", "said")
    assert not list(tmp_path.glob("a*"))


def test_a_refusal_for_another_reason_is_not_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = refuse(monkeypatch, times=10_000, winerror=1)
    with pytest.raises(PermissionError):
        files.write_whole(tmp_path / "a", "said")
    assert len(moved) == 1


def test_a_folder_moves_to_a_free_name(tmp_path: Path) -> None:
    (tmp_path / "v1.part").mkdir()
    (tmp_path / "v1.part" / "adapter").write_text("x")
    files.move_into_place(tmp_path / "v1.part", tmp_path / "v1")
    assert (tmp_path / "v1" / "adapter").read_text() == "x"
