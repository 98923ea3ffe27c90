"""A file system of its own with few megabytes, which really is full when it is full."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """An empty folder on a tmpfs of that size. Skips the test where this user or system may mount none."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("a small file system of its own is mounted on Linux only")
    place.mkdir()
    options = f"size={megabytes}m,mode=0700"
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system may be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        # Lazily: what still has a file open there must not keep it in the list of mounts.
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Write until the disk is full; the file that fills it, whose deletion makes room again."""
    filling = disk / "filling.bin"
    # Small pieces at the end: what is left over must hold not even a page of a database.
    with filling.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1 << 8, 1):
            try:
                while file.write(b"x" * size) == size:
                    continue
            except OSError:
                continue
    return filling
