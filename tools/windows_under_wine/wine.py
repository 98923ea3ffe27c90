"""Programs of Wine's, each run in a namespace of its own (inside.py)."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from tools.windows_under_wine.inside import Order
from tools.windows_under_wine.place import REPOSITORY, TREE, NotHere, Place

assert sys.platform == "linux"

LIBRARY = "/usr/lib/wine"
PYTHON = "C:\\Python313\\python.exe"
C = "/wine/drive_c"
NAMESPACE = (
    "setpriv", "--pdeathsig", "KILL", "--",
    "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--",
)  # fmt: skip
"""In front of a command: its mounts are nobody else's, and all that it starts ends with it, and it with this process,
in whatever way that ends."""
_PASSED_ON = ("AEON_FT_", "OPENBLAS_", "OMP_", "PYTEST_", "PYTHON", "CI")
"""How the variables begin that Windows' programs get of ours; the others are of this system and mean nothing there."""
ENVIRONMENT = {
    "PATH": "/usr/bin",
    "HOME": "/tmp",
    "USER": "aeon",
    "XDG_RUNTIME_DIR": "/tmp",
    "LANG": "C.UTF-8",  # of the file names outside; Windows' own code page stays 1252
    "DISPLAY": "",
    "WINEPREFIX": "/wine",
    "WINEARCH": "win64",
    "WINEDEBUG": "-all",
    "WINELOADER": f"{LIBRARY}/wine64",
    "WINESERVER": f"{LIBRARY}/wineserver64",
    # Microsoft's own C++ library (see steps.py); neither .NET nor a browser, no menu entries.
    "WINEDLLOVERRIDES": "msvcp140=n,b;mscoree,mshtml=;winemenubuilder.exe=d",
    "AEON_FT_CACHE": f"C:\\{TREE}\\.cache",
}


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a program of Wine's gets, given our own variables."""
    return {name: value for name, value in ours.items() if name.startswith(_PASSED_ON)} | ENVIRONMENT


@contextmanager
def alone(place: Place) -> Iterator[None]:
    """Nobody else makes or uses the same Windows meanwhile: its registry has one server. Raises NotHere."""
    place.folder.mkdir(parents=True, exist_ok=True)
    with place.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotHere(f"Another call is using the Windows in {place.folder}; wait until it has ended.") from None
        yield


def run_wine(place: Place, *commands: Sequence[str], folder: str = "/", output: IO[str] | None = None) -> int:
    """Run Wine's loader or server to its end, one call after the other; returns the first exit code that is not 0, or
    0. Nothing that it starts is left, and no mount, however this process ends.
    `output`: for what it prints, else that of this process."""
    mounts = (("/dev", "/dev"), (str(REPOSITORY), f"{C}/{TREE}"))
    order = Order(str(place.debian), mounts, tuple(map(tuple, commands)), folder, environment(os.environ))
    inside = [sys.executable, "-I", str(Path(__file__).with_name("inside.py")), json.dumps(asdict(order))]
    return subprocess.run(
        [*NAMESPACE, *inside], stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
    ).returncode


def run_python(place: Place, arguments: Sequence[str], *, output: IO[str] | None = None) -> int:
    """Run Windows' Python in the repository's folder."""
    return run_wine(place, [f"{LIBRARY}/wine64", PYTHON, *arguments], folder=f"{C}/{TREE}", output=output)
