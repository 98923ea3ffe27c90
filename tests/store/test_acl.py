"""On Windows the data folder has an access list of its owner and the system, and what is made in it inherits that."""

from __future__ import annotations

import ctypes
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aeon_plugin_ft.store import DataFolder, Store, private
from aeon_plugin_ft.store.files import write_whole

if sys.platform != "win32":
    pytest.skip("access lists are Windows' own", allow_module_level=True)

from aeon_plugin_ft.store import windows_acl

EVERYBODY = "D:(A;OICI;FA;;;WD)"


def open_in(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in private.everything_in(folder) if private.is_open(path)]


def test_a_new_folder_is_its_owners_alone_whatever_stands_above(tmp_path: Path) -> None:
    windows_acl.set_access_list(tmp_path, EVERYBODY)
    data = DataFolder(tmp_path / "área de dados" / "finetuning").create()
    assert private.is_open(tmp_path) and private.is_open(data.root.parent), "the test sees what it looks for"
    assert "(A;OICI;FA;;;SY)" in windows_acl.access_list(data.root) and "WD" not in windows_acl.access_list(data.root)
    assert open_in(data.root) == [] and data.closing.open == ()
    write_whole(data.settings, "x")
    assert data.settings.read_text() == "x", "its owner reads it"


@pytest.mark.skipif(hasattr(ctypes.WinDLL("ntdll"), "wine_get_version"), reason="in Wine new files inherit nothing")
def test_what_is_made_in_it_inherits_that(data: DataFolder) -> None:
    with closing(Store(data.database)):
        (data.root / "by a library").write_text("x")
        assert open_in(data.root) == []


def test_a_folder_of_an_older_version_is_closed_at_start(tmp_path: Path) -> None:
    root = tmp_path / "older"
    for name in ("log/a.jsonl", "versions/v0001/manifest.json", "plugin.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    for path in (root / "log/a.jsonl", root / "log", root):
        windows_acl.set_access_list(path, EVERYBODY)
    data = DataFolder(root).create()
    assert open_in(root) == [] and {root, root / "log", root / "log/a.jsonl"} <= set(data.closing.closed)
    assert DataFolder(root).create().closing.closed == (), "once is enough"


def test_doctor_finds_a_file_with_a_list_of_its_own(data: DataFolder) -> None:
    file = data.root / "plugin.toml"
    file.write_text("")
    windows_acl.set_access_list(file, EVERYBODY)
    assert data.close_to_others().closed == (file,) and not private.is_open(file)


def test_a_folder_with_other_things_in_it_is_not_closed_itself(tmp_path: Path) -> None:
    (tmp_path / "fotos").mkdir()
    (tmp_path / "runs").mkdir()
    windows_acl.set_access_list(tmp_path, EVERYBODY)
    windows_acl.set_access_list(tmp_path / "runs", EVERYBODY)
    for _ in range(2):
        data = DataFolder(tmp_path).create()
        Store(data.database).close()
    data.close_to_others()
    assert private.is_open(tmp_path) and private.is_open(tmp_path / "runs"), "somebody else's"
    assert not private.is_open(tmp_path / "log") and not private.is_open(data.database)


def test_the_file_system_of_windows_keeps_rights(tmp_path: Path) -> None:
    assert windows_acl.keeps_rights(tmp_path) and private.keeps_rights(tmp_path)


def test_what_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        windows_acl.is_open(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        windows_acl.give_to_owner(tmp_path / "gone")
