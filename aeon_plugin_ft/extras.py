"""How to install an optional part: the command names its packages, so that it works wherever the plugin came from."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
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
_ALONE = {"pipx": "pipx_metadata.json", "uv": "uv-receipt.toml"}
"""Programs that give a command an environment of its own, and what `pipx install` and `uv tool install` leave in it."""


def alone_by() -> str | None:
    """ "pipx" or "uv" where this runs in an environment that it made for `aeon-ft` alone: the Python of no Aeon."""
    return next((name for name, mark in _ALONE.items() if Path(sys.prefix, mark).is_file()), None)


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
def pip_command(*extras: str, python: Path | None = None) -> str:
    """The command that installs what these extras of pyproject.toml need ("train", "4bit"), here or into another
    Python."""
    try:
        declared = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder that was never installed
        declared = []
    requirements = [requirement.split(";")[0].strip() for requirement in declared if _extra(requirement) in extras]
    wanted = requirements or [f"{PACKAGE}[{','.join(extras)}]"]
    return " ".join([_installing(python), *(f'"{one}"' for one in wanted)])


def origin() -> str:
    """What pip is given to install this very package once more: the file or folder that it came from, where it was one
    and is still there (PEP 610), else its name."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        told = json.loads(importlib.metadata.distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except (importlib.metadata.PackageNotFoundError, OSError, ValueError):
        return PACKAGE
    address = urlsplit(str(told.get("url", "")))
    path = Path(url2pathname(address.path))
    return f'"{path}"' if address.scheme == "file" and path.exists() else PACKAGE


def _installing(python: Path | None) -> str:
    if python is not None:
        return f'"{python}" -m pip install'
    if alone_by() == "pipx":
        return f"pipx inject {PACKAGE}"
    return f'uv pip install --python "{sys.executable}"' if alone_by() == "uv" else "pip install"


def _extra(requirement: str) -> str:
    """The extra that a requirement belongs to: `torch>=2.6; extra == "train"` gives "train"."""
    marker = requirement.partition("extra ==")[2]
    return marker.strip().strip("'\") ")
