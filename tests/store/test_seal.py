"""A sealed folder: what is used later is what was there then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aeon_plugin_ft.store.seal import broken, seal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.bin").write_bytes(b"one")
    (tmp_path / "deep" / "b.bin").write_bytes(b"two")
    return tmp_path


def test_an_untouched_folder_is_whole(folder: Path) -> None:
    sealed = seal(folder)
    assert list(sealed) == ["a.bin", "deep/b.bin"] and not broken(folder, sealed)
    (folder / "more").write_bytes(b"not sealed")
    assert not broken(folder, sealed)


@pytest.mark.parametrize("read", [True, False])
def test_a_changed_and_a_missing_file_are_named(folder: Path, read: bool) -> None:
    sealed = seal(folder)
    assert not broken(folder, sealed, read=read)
    (folder / "a.bin").write_bytes(b"other")
    (folder / "deep" / "b.bin").unlink()
    assert broken(folder, sealed, read=read) == [
        "a.bin is not what was there when it was sealed", "deep/b.bin is missing",
    ]  # fmt: skip


def test_a_file_of_the_same_size_and_time_is_seen_where_it_counts(folder: Path) -> None:
    sealed, state = seal(folder), (folder / "a.bin").stat()
    assert not broken(folder, sealed, read=False)
    (folder / "a.bin").write_bytes(b"two")
    os.utime(folder / "a.bin", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert broken(folder, sealed), "a deployment reads"
