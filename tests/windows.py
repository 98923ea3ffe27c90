"""Windows' ways: put on where the tests run, or asked about."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.store import files

PRIVILEGE_NOT_HELD = 1314
"""ERROR_PRIVILEGE_NOT_HELD: without the developer mode only an administrator makes links."""


def link_folder(link: Path, folder: Path) -> None:
    """A symbolic link; skips the test where this user may make none, and where Wine says that it has made one."""
    try:
        link.symlink_to(folder, target_is_directory=True)
    except OSError as error:
        if getattr(error, "winerror", None) != PRIVILEGE_NOT_HELD:
            raise
    if not link.is_symlink():
        pytest.skip("no symbolic link can be made here")


def refuse_deletes(monkeypatch: pytest.MonkeyPatch, times: int = 2) -> list[Path]:
    """The first deletions of a folder fail as on Windows while somebody has a file in it open; returns all tried."""
    tried: list[Path] = []
    rmtree = shutil.rmtree

    def refused(path: Path, *args: Any, **options: Any) -> None:
        tried.append(Path(path))
        if len(tried) <= times:
            error = PermissionError(13, "The process cannot access the file")
            error.winerror = 32
            raise error
        rmtree(path, *args, **options)

    monkeypatch.setattr(shutil, "rmtree", refused)
    monkeypatch.setattr(files.sys, "platform", "win32")
    return tried
