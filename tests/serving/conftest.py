"""A host on backends of files, and a process that is not this one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from aeon_plugin_ft.store import DataFolder, Store
from tests.serving.world import World


@pytest.fixture
def world(data: DataFolder, store: Store) -> World:
    return World(data, store)


@pytest.fixture
def another_process() -> Iterator[int]:
    """The id of a process that lives, and is not this one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")
