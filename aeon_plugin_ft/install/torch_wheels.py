"""Which PyTorch suits this computer, and where it is. Standard library only (see bootstrap.py).

PyPI's wheels use CUDA on Linux (gigabytes) and the processor alone on Windows and macOS; the others are at the
project's own index (https://pytorch.org/get-started/locally/), for each CUDA version in a folder of its own.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass

from aeon_plugin_ft.processes.children import ask

INDEX = "https://download.pytorch.org/whl"
_CUDA = ((13, 0), (12, 8), (12, 6))
"""CUDA versions that wheels are made for, newest first. Not each release has all; the next is tried."""
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Card:
    """An NVIDIA card and the newest CUDA that its driver knows."""

    name: str
    cuda: tuple[int, int]


def find_card() -> Card | None:
    """The first NVIDIA card whose driver answers; None where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        overview = ask([program], seconds=_SECONDS, check=True).stdout
        names = ask([program, "--query-gpu=name", "--format=csv,noheader"], seconds=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    cuda = re.search(r"CUDA Version: *(\d+)\.(\d+)", overview)
    if cuda is None or not names.strip():
        return None
    return Card(names.strip().splitlines()[0], (int(cuda[1]), int(cuda[2])))


def indexes(card: Card | None, system: str | None = None, machine: str | None = None) -> list[str | None]:
    """Where to look for it, one after the other; None is pip's usual place."""
    system, machine = system or platform.system(), (machine or platform.machine()).lower()
    if system == "Windows" and card is not None:
        fit = [version for version in _CUDA if version <= card.cuda]
        return [*(f"{INDEX}/cu{major}{minor}" for major, minor in fit), None]
    if system == "Linux" and card is None and machine in {"x86_64", "amd64"}:
        return [f"{INDEX}/cpu", None]
    return [None]


def pinned(constraints: str) -> str | None:
    """The version of torch that the tests ran with; None where the text names none."""
    found = re.search(r"^torch==([\w.]+)", constraints, re.MULTILINE)
    return None if found is None else found[1]
