"""pip in the Python of an Aeon, and what its failures mean. Standard library only (see bootstrap.py)."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.install.running import last_line, run_python
from aeon_plugin_ft.install.spoken import Problem, SetupError, typed

_SECONDS = 4 * 3600.0
"""PyTorch with CUDA over a slow line."""
_MEANINGS: Sequence[tuple[Problem, str]] = (
    (Problem.NO_SPACE, r"No space left on device|Errno 28|There is not enough space|WinError 112"),
    (Problem.MANAGED_PYTHON, r"externally-managed-environment"),
    (Problem.OFFLINE, r"NameResolutionError|getaddrinfo failed|Temporary failure in name resolution"
     r"|Failed to establish a new connection|NewConnectionError|ConnectTimeoutError|Network is unreachable"),
    (Problem.NO_RIGHTS, r"Permission denied|Access is denied|WinError 5\b|Errno 13"),
    (Problem.NO_PACKAGE, r"No matching distribution found|is not a supported wheel on this platform"),
)  # fmt: skip
"""Without a network pip also says that there is no matching distribution: the first that fits counts."""


@dataclass(frozen=True, slots=True)
class Pip:
    """`python` is the interpreter whose packages are changed, `version` its version for people."""

    python: Path
    version: str
    venv: Path
    """Where a virtual environment for this Aeon would go."""

    def command(self, *arguments: str) -> list[str]:
        """The command line for these arguments."""
        return [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]

    def install(self, package: str, *arguments: str) -> None:
        """Raises SetupError that says why `package` could not be installed; pip's own words are in a file then."""
        try:
            done = run_python(self.command(*arguments), _SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SetupError(Problem.BROKEN_PYTHON, python=self.python, reason=error) from error
        if done.returncode:
            raise SetupError(
                meaning(done.stdout + done.stderr), python=self.python, version=self.version, package=package,
                log=_kept(done), command=typed([str(self.python), "-m", "venv", str(self.venv)]),
            )  # fmt: skip


def _kept(done: subprocess.CompletedProcess[str]) -> str:
    """The file with all that pip said; on a disk that is full, what it said last."""
    try:
        log = Path(tempfile.mkdtemp(prefix="aeon-ft-")) / "pip.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
    except OSError:
        return last_line(done)
    return str(log)


def meaning(output: str) -> Problem:
    """What pip's output says about its failure."""
    return next((problem for problem, pattern in _MEANINGS if re.search(pattern, output)), Problem.PIP_FAILED)
