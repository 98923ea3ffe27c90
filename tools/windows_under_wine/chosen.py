"""The tests of `--windows --quick`: what Windows does otherwise than Linux, in a few minutes."""

from __future__ import annotations

CHOSEN = (
    # Children, job objects and the pipe from the parent; renames and locks under sharing violations; the log.
    "tests/processes",
    "tests/store",
    "tests/turns/test_files.py",
    "tests/turns/test_log.py",
    "tests/turns/test_watcher.py",
    "tests/training/worker/test_stopping.py",
    # Paths with a space and an accent, consoles and pipes in cp1252.
    "tests/install",
    "tests/core/test_console.py",
    # The embedded server; one model trained, judged and served; what a killed host leaves.
    "tests/serving/embedded/test_child.py",
    "tests/flow/test_small_cycle.py",
    "tests/flow/test_no_child_left.py",
)
