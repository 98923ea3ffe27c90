"""Files appear whole or not at all, and a sharing violation of Windows is waited out."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aeon_plugin_ft.cli.compare import read_questions
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.settings.file import SettingsFile
from aeon_plugin_ft.store import files
from aeon_plugin_ft.weights.gguf_file import GgufFile
from tests.conftest import REPOSITORY


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


def part_of(path: Path, pid: int) -> Path:
    return path.with_name(f"{path.name}.{pid}.part")


def test_a_folder_appears_whole_or_not_at_all(place: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.whole_folder(place / "v1") as part:
        (part / "adapter").write_text("half")
        raise ZeroDivisionError
    assert not list(place.iterdir())
    with files.whole_folder(place / "v1") as part:
        (part / "inside").mkdir()
        (part / "inside" / "adapter").write_text("x")
        assert not (place / "v1").exists()
    assert [path.name for path in place.iterdir()] == ["v1"]
    assert (place / "v1" / "inside" / "adapter").read_text() == "x"


def test_a_folder_that_is_there_stays_unless_it_is_to_be_replaced(place: Path) -> None:
    for text in ("first", "second"):
        with files.whole_folder(place / "v1", replace=True) as part:
            (part / "adapter").write_text(text)
    with pytest.raises(FileExistsError), files.whole_folder(place / "v1") as part:
        (part / "adapter").write_text("third")
    assert (place / "v1" / "adapter").read_text() == "second"
    assert [path.name for path in place.iterdir()] == ["v1"]


def test_what_a_crash_left_goes_when_the_same_thing_is_written_again(place: Path, dead_pid: int) -> None:
    part_of(place / "a.json", dead_pid).write_text("half")
    part_of(place / "b.json", dead_pid).write_text("half")
    part_of(place / "v1", dead_pid).mkdir()
    files.write_json(place / "a.json", {})
    with files.whole_folder(place / "v1"):
        pass
    assert {path.name for path in place.iterdir()} == {"a.json", "v1", part_of(place / "b.json", dead_pid).name}


def test_the_part_of_a_writer_that_lives_stays(place: Path, dead_pid: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as writer:
        living = [part_of(place / "a", pid) for pid in (os.getpid(), writer.pid)]
        for part in living:
            part.write_text("being written")
        gone = [part_of(place / "a", dead_pid), place / "a.part"]
        for part in gone:
            part.write_text("half")
        assert set(files.left_behind(place)) == set(gone)
        files.remove_left_behind(place)
        assert set(place.iterdir()) == set(living)
        writer.communicate(b"\n")


def test_a_process_that_is_younger_than_the_part_did_not_write_it(place: Path) -> None:
    """Numbers of processes return: the part of one that died must not wait for a stranger."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        part = part_of(place / "a", stranger.pid)
        part.write_text("half")
        assert list(files.left_behind(place)) == []
        os.utime(part, (time.time() - 3600,) * 2)
        assert list(files.left_behind(place)) == [part]
        stranger.communicate(b"\n")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def dead_pid() -> int:
    return next(pid for pid in range(400_000, 4_000_000) if not psutil.pid_exists(pid))


def _moves(path: Path) -> Iterator[str]:
    """Every call in a file that renames something on the disk: one argument is a path's, two are a text's."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            name = node.func.attr
            path_replaced = name == "replace" and len(node.args) == 1 and not node.keywords
            by_library = (of, name) in {("os", "replace"), ("shutil", "move")}
            if name in {"rename", "renames"} or by_library or path_replaced:
                yield f"{path.name}:{node.lineno} {name}"


def test_everything_that_is_moved_is_moved_patiently() -> None:
    """A rename of one's own, without a second try, fails on Windows whenever a virus scanner looks at the file."""
    package = REPOSITORY / "aeon_plugin_ft"
    helpers = {package / "store" / name for name in ("files.py", "logfile.py")}
    # Sent to another machine as one file, without the package.
    alone = package / "training" / "places" / "there.py"
    assert all(list(_moves(helper)) for helper in helpers), "the test sees what it looks for"
    assert [move for path in {*package.rglob("*.py")} - {*helpers, alone} for move in _moves(path)] == []


def test_a_folder_is_named_one_where_a_file_is_expected(place: Path) -> None:
    """On Windows the refusal of a folder says "Permission denied", which sends people to look for rights."""
    denied = PermissionError(13, "Permission denied")
    assert files.why_refused(denied, place) == "it is a folder"
    assert files.why_refused(OSError(28, "No space left on device"), place) == "No space left on device"
    assert files.why_refused(denied, place / "a") == "Permission denied"


@pytest.mark.parametrize("read", [Source, GgufFile, SettingsFile.open, read_questions])
def test_whoever_reads_a_file_names_a_folder_one(
    read: Callable[[Path], object], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_on_windows(really: Callable[..., object]) -> Callable[..., object]:
        def read_it(self: Path, *args: Any, **options: Any) -> object:
            if self == place:
                raise PermissionError(13, "Permission denied")
            return really(self, *args, **options)  # the catalogue's own

        return read_it

    monkeypatch.setattr(Path, "open", as_on_windows(Path.open))
    monkeypatch.setattr(Path, "read_text", as_on_windows(Path.read_text))
    with pytest.raises(AeonFtError, match=r"is a folder"):
        read(place)
