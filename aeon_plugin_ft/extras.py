"""How to install an optional part: the command names its packages, so that it works wherever the plugin came from."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path

from aeon_plugin_ft.errors import AeonFtError, NoTrainerError
from aeon_plugin_ft.processes.children import ask, interpreter

PACKAGE = "aeon-plugin-ft"
TRAINER = ("torch", "transformers", "trl", "peft")
"""What the training's own process imports."""
_MISSING = f"from importlib.util import find_spec; print(*[name for name in {TRAINER} if find_spec(name) is None])"
_ASK_SECONDS = 60.0


def require_trainer() -> None:
    """Raise NoTrainerError, with the command that installs it, where training is not possible for want of a library:
    before anything is downloaded, measured or promised."""
    missing = missing_for_training()
    if missing:
        raise NoTrainerError(missing, pip_command("train"))


def missing_for_training(python: Path | None = None) -> list[str]:
    """Which of TRAINER that Python, by default the one of our children, does not have. Nothing is imported; a Python
    that cannot be asked is taken to have them: whoever starts it hears what is wrong."""
    if python is None and not getattr(sys, "frozen", False):
        return [name for name in TRAINER if importlib.util.find_spec(name) is None]
    try:
        answer = ask([str(python or interpreter()), "-c", _MISSING], seconds=_ASK_SECONDS)
    except (AeonFtError, OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.split() if answer.returncode == 0 else []


@cache
def pip_command(*extras: str) -> str:
    """The command that installs what these extras of pyproject.toml need ("train", "4bit")."""
    try:
        declared = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder that was never installed
        declared = []
    requirements = [requirement.split(";")[0].strip() for requirement in declared if _extra(requirement) in extras]
    return " ".join(["pip install", *(f'"{one}"' for one in requirements or [f"{PACKAGE}[{','.join(extras)}]"])])


def _extra(requirement: str) -> str:
    """The extra that a requirement belongs to: `torch>=2.6; extra == "train"` gives "train"."""
    marker = requirement.partition("extra ==")[2]
    return marker.strip().strip("'\") ")
