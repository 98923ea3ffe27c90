"""The tests of `--windows --quick`: what Windows does otherwise than Linux, in a few minutes."""

from __future__ import annotations

CHOSEN = (
    "tests/processes",
    "tests/store",
    "tests/install",
    "tests/turns/test_files.py",
    "tests/turns/test_log.py",
    "tests/core/test_console.py",
    "tests/training/worker/test_stopping.py",
    "tests/serving/embedded/test_child.py",
)
