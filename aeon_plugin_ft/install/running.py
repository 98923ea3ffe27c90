"""Programs that the installer runs. Standard library only (see bootstrap.py)."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aeon_plugin_ft.install.spoken import Problem, SetupError
from aeon_plugin_ft.messages import refusal
from aeon_plugin_ft.processes.children import ask


def run_python(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """What a Python prints, once it has ended. Raises OSError, subprocess.TimeoutExpired, and SetupError where no
    temporary file can be made.

    It stands in a new, empty folder: Python looks for modules where it stands, and would take an Aeon's `core`, or in
    the folder of temporary files a json.py that another user has put there.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="aeon-ft-", ignore_cleanup_errors=True)
    except OSError as error:
        raise SetupError(Problem.NO_TEMPORARY, reason=refusal(error)) from error
    with folder as name:
        return ask(command, seconds=seconds, folder=Path(name))


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said last, of its errors if there are any; else its exit code."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
