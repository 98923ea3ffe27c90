"""What lies in the data folder is its owner's alone, whatever the umask is and whoever made the folder."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aeon_plugin_ft.cli.doctor import _some_of
from aeon_plugin_ft.processes.children import start
from aeon_plugin_ft.store import DataFolder, Store, private
from aeon_plugin_ft.store.files import whole_file, whole_folder, write_whole
from aeon_plugin_ft.store.folder import ENV_CACHE
from aeon_plugin_ft.store.logfile import BYTES, LogFile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists: tests/store/test_acl.py")


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """Everything that says nothing else is open to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in private.everything_in(folder) if private.is_open(path)]


def test_a_new_folder_and_its_parts_are_closed_and_what_it_stands_in_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENV_CACHE, raising=False)
    data = DataFolder(tmp_path / "bagagem" / "finetuning").create()
    assert len(list(private.everything_in(data.root))) == 8 and open_in(data.root) == []
    assert private.is_open(tmp_path / "bagagem"), "that is Aeon's"


def test_files_are_closed_from_their_first_byte(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "a" / "b")
    private.write_file(tmp_path / "a/b/text", "não\n")
    with whole_file(tmp_path / "a/whole") as part:
        assert not private.is_open(part)
        part.write_text("x")
    with whole_folder(tmp_path / "a/folder") as part:
        assert not private.is_open(part)
        private.write_file(part / "one", b"1")
    private.copy_folder(tmp_path / "a/b", tmp_path / "a/copy")
    assert open_in(tmp_path / "a") == [] and (tmp_path / "a/copy/text").read_text(encoding="utf-8") == "não\n"
    write_whole(tmp_path / "for all", "x", shared=True)
    assert (tmp_path / "for all").stat().st_mode & 0o777 == 0o666


def test_writing_over_an_open_file_closes_it(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_text("old")
    write_whole(tmp_path / "plugin.toml", "new")
    assert not private.is_open(tmp_path / "plugin.toml")


def test_the_database_with_its_write_ahead_log_is_closed(tmp_path: Path) -> None:
    store = Store(tmp_path / "data" / "db.sqlite3")
    store.set_fact("a", 1)
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert names == {"db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"} and open_in(tmp_path / "data") == []
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a lock until its own handle is closed")
def test_reserving_a_file_that_is_there_leaves_the_locks_on_it(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "a"
    private.reserve(path)
    trying = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with path.open("r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        private.reserve(path)
        assert subprocess.run([sys.executable, "-c", trying, str(path)], capture_output=True).returncode
    assert not subprocess.run([sys.executable, "-c", trying, str(path)], capture_output=True).returncode


def test_a_file_that_may_not_be_written_cannot_be_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"kept")
    private.reserve(path)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    with pytest.raises(PermissionError):
        private.reserve(path)
    assert path.read_bytes() == b"kept"


def test_a_link_is_reserved_where_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    private.reserve(link)
    assert (tmp_path / "real").stat().st_mode & 0o777 == private.FILE


def test_the_own_log_and_the_next_one_are_closed(tmp_path: Path) -> None:
    handler = LogFile(tmp_path / "aeon-ft.log", str).open()
    log = logging.getLogger("aeon_ft.test")
    for _ in range(4):
        log.warning("a" * (BYTES // 3))
    handler.close()
    assert sorted(path.name for path in tmp_path.glob("*.log*")) == ["aeon-ft.log", "aeon-ft.log.1"]
    assert not any(private.is_open(path) for path in tmp_path.glob("*.log*"))


def test_what_a_child_makes_is_closed(tmp_path: Path) -> None:
    code = f"import pathlib; p = pathlib.Path({str(tmp_path)!r}); (p / 'made').mkdir(); (p / 'made/x').write_text('x')"
    child = start([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child.communicate()
    assert open_in(tmp_path / "made") == [] and (tmp_path / "made/x").exists()


@pytest.fixture
def older(tmp_path: Path) -> DataFolder:
    """A data folder as an older version left it."""
    root = tmp_path / "older"
    for name in ("log/a.jsonl", "runs/r1/adapter/weights", "versions/v0001/manifest.json", "aeon-ft.sqlite3-wal"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return DataFolder(root)


def test_a_folder_of_an_older_version_is_closed_at_start(older: DataFolder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aeon_ft")
    (older.root / "log/a.jsonl").chmod(0o755)
    assert len(open_in(older.root)) == 11
    older.create()
    assert open_in(older.root) == [] and "were open to others" in caplog.text
    assert (older.root / "log/a.jsonl").stat().st_mode & 0o777 == 0o700
    caplog.clear()
    older.create()
    assert caplog.text == ""


def test_a_folder_with_other_things_in_it_is_not_closed_itself(older: DataFolder) -> None:
    """Whoever names their home, or /tmp, as the data folder must not find it closed to everybody else."""
    (older.root / "fotos").mkdir()
    (older.root / "fotos/praia.jpg").write_text("x")
    older.create()
    assert open_in(older.root) == [".", "fotos", "fotos/praia.jpg"]


@pytest.mark.parametrize("again", [False, True])
def test_what_others_keep_there_under_a_name_of_ours_stays_open(again: bool, tmp_path: Path) -> None:
    """Somebody else's runs and datasets, and a .gitignore of theirs."""
    for name in ("runs/theirs", "datasets/theirs", ".gitignore", "thesis.tex"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    there = open_in(tmp_path)
    data = DataFolder(tmp_path).create()
    Store(data.database).close()
    if again:
        data = DataFolder(tmp_path).create()
    data.close_to_others()
    assert open_in(tmp_path) == there and data.closing == private.Closing()
    (data.log / "a.jsonl").write_text("ours")
    assert data.close_to_others().closed == (data.log / "a.jsonl",)


def test_a_part_that_is_a_link_lends_its_rights_to_nothing(older: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (older.root / "fotos").touch()
    (older.root / "cache").symlink_to(tmp_path / "disk")
    older.create()
    assert private.is_open(tmp_path / "disk") and older.closing.open == ()


def test_a_data_folder_that_is_a_link_is_closed_where_it_leads(older: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(older.root)
    data = DataFolder(tmp_path / "link").create()
    assert open_in(older.root) == [] and data.closing.open == ()
    assert "log, " in _some_of(data.closing.closed[1:], data.root)
    assert DataFolder(tmp_path / "link").create().closing == private.Closing()


def test_a_folder_that_another_user_has_closed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert list(private.everything_in(tmp_path)) == [tmp_path]


def test_links_out_of_the_folder_are_left_alone(older: DataFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (older.root / "runs/elsewhere").symlink_to(outside)
    older.create()
    assert open_in(outside) == [".", "file"]


def test_a_file_system_without_rights_is_said_once_and_does_no_harm(
    older: DataFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FAT as Linux shows it: a change of the mode is refused or does nothing, and new files are like the old ones."""
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    monkeypatch.setattr(private, "FILE", 0o644)
    older.create()
    assert older.closing.open == (older.root,) and caplog.text == ""
    older.warn_if_open()
    assert caplog.text.count("its file system keeps no rights") == 1
    refuse = PermissionError(1, "Operation not permitted")
    monkeypatch.setattr(Path, "chmod", lambda *_: (_ for _ in ()).throw(refuse))
    assert DataFolder(older.root).create().closing.open == (older.root,)


def test_what_cannot_be_closed_behind_a_closed_door_is_nobodys_to_read(
    older: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An Aeon that was once run as root left runs of root's there."""
    chmod = Path.chmod

    def refuse(path: Path, mode: int) -> None:
        if path.name in refused:
            raise PermissionError(1, "Operation not permitted")
        chmod(path, mode)

    refused = {"runs", "r1"}
    monkeypatch.setattr(Path, "chmod", refuse)
    assert older.create().closing.open == () and (older.root / "runs") in private.everything_in(older.root)
    assert private.is_open(older.root / "runs") and older.close_to_others().open != (), "doctor names it"
    refused.add(older.root.name)
    chmod(older.root, 0o755)
    assert older.create().closing.open == (older.root,)


def test_a_closed_folder_warns_of_nothing(data: DataFolder, caplog: pytest.LogCaptureFixture) -> None:
    data.warn_if_open()
    assert data.closing.open == () and caplog.text == ""


def test_what_vanishes_meanwhile_is_no_error(tmp_path: Path) -> None:
    listed = iter([tmp_path / "gone", tmp_path])
    assert private.close_to_others(listed).open == ()
    walk = private.everything_in(tmp_path)
    next(walk)
    shutil.rmtree(tmp_path)
    assert list(walk) == []


def test_a_folder_on_a_drive_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows says of a missing drive, too, that there is no such folder."""

    def no_drive(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise FileNotFoundError(2, "No such file or directory", str(self))

    monkeypatch.setattr(Path, "mkdir", no_drive)
    with pytest.raises(FileNotFoundError):
        private.make_folder(tmp_path / "a" / "b")
