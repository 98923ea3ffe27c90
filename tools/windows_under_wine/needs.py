"""What must be there before anything is made."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.windows_under_wine.place import NotHere

GIGABYTES = 5.0
"""Free space for the first set-up: 3.6 GB stay, the rest is what is unpacked on the way (measured)."""
SUMMARY = "Linux on a 64-bit Intel or AMD processor, root, Debian's packages (apt), PyPI, 5 GB and some four minutes"


def _processor() -> str | None:
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return None
    return f"this is {platform.system()} on {platform.machine()}"


def _root() -> str | None:
    if sys.platform != "linux":
        return None  # said by the one before
    return None if os.geteuid() == 0 else "this is an ordinary user (it mounts folders and changes its root)"


def _debian() -> str | None:
    return None if shutil.which("apt-get") else "there is no apt-get"


def _namespaces() -> str | None:
    # A container without the capability is root and still may not.
    allowed = (
        shutil.which("unshare")
        and not subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
        ).returncode
    )
    return None if allowed else "mounts and processes of its own (unshare) are not allowed"


ASKED: tuple[Callable[[], str | None], ...] = (_processor, _root, _debian, _namespaces)
"""Each says what is missing, in the order in which they may be asked."""


def check_needs() -> None:
    """Raises NotHere, with what is needed and the first thing that is missing."""
    for ask in ASKED:
        missing = ask()
        if missing is not None:
            raise NotHere(f"Windows under Wine needs {SUMMARY}; {missing}.")


def check_space(folder: Path) -> None:
    """Raises NotHere where the first set-up would not fit."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < GIGABYTES:
        raise NotHere(f"Windows under Wine needs {GIGABYTES:.0f} GB in {folder}; {free:.1f} GB are free.")
