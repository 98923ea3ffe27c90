"""How to install an optional part: the command names its packages, so that it works wherever the plugin came from."""

from __future__ import annotations

import importlib.metadata
from functools import cache

PACKAGE = "aeon-plugin-ft"


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
