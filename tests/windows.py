"""Windows' ways, put on where the tests run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.store import files


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
