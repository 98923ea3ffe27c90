"""Starting other programs: without a window of their own, and never longer alive than this process.

A child of ours ends by itself when its stdin does (see parent.py). On Windows it is in a job object besides, which the
system ends together with this process: a child that hangs in native code hears of nothing.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal, overload

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/processes")

log = logging.getLogger("aeon_ft.processes")

_BESIDE = (
    "python.exe", "python/python.exe", ".venv/Scripts/python.exe", "venv/Scripts/python.exe", "env/Scripts/python.exe",
    "python3", ".venv/bin/python", "venv/bin/python", "env/bin/python",
)  # fmt: skip
"""Where a Python may lie beside a frozen program."""

_NO_WINDOW = 0x08000000
_NEW_PROCESS_GROUP = 0x00000200
"""CREATE_NO_WINDOW and CREATE_NEW_PROCESS_GROUP; Python names them on Windows only. Under pythonw.exe, which has no
console for its children to share, Windows would open one in front of the owner for each."""
_QUIET: dict[str, Any] = {"creationflags": _NO_WINDOW} if sys.platform == "win32" else {}
_APART: dict[str, Any] = (
    {"creationflags": _NO_WINDOW | _NEW_PROCESS_GROUP}
    if sys.platform == "win32"
    else {"start_new_session": True, "umask": 0o077}
)
"""Files that libraries make in a child (checkpoints, shards) are the owner's alone by its umask (store/private.py)."""


def interpreter() -> Path:
    """The Python that runs our children: the one that runs this or, in a frozen Aeon, the one that lies beside it.

    A program that PyInstaller made names itself as `sys.executable`: a child would be another Aeon. Raises
    InstallError where there is no Python.
    """
    own = Path(sys.executable or "")
    if not getattr(sys, "frozen", False) and sys.executable:
        return own
    for name in _BESIDE:
        if (own.parent / name).is_file():
            return own.parent / name
    name = own.name or _say("program.this_aeon")
    raise InstallError(*_say.error("program.no_python", name=name, folder=own.parent))


@overload
def start(
    command: Sequence[str], *, stdout: int | IO[Any], stderr: int | IO[Any], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]: ...


@overload
def start(
    command: Sequence[str],
    *,
    stdout: int | IO[Any],
    stderr: int | IO[Any],
    env: Mapping[str, str] | None = None,
    encoding: Literal["utf-8"],
) -> subprocess.Popen[str]: ...


def start(
    command: Sequence[str],
    *,
    stdout: int | IO[Any],
    stderr: int | IO[Any],
    env: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> subprocess.Popen[Any]:
    """A child whose stdin is a pipe that only this process holds, and that ends with this process.

    It stands in a group of its own: Ctrl-C in the terminal is for this process, which tells the child. With
    `encoding` its pipes are text. Raises OSError.
    """
    child = subprocess.Popen(
        list(command), stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, env=env, encoding=encoding, **_APART
    )
    _tie(child)
    return child


def ask(
    command: Sequence[str],
    *,
    seconds: float,
    folder: Path | None = None,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """What a helper program prints, once it has ended; it gets no input, and this process's environment unless
    another is given. Raises OSError, subprocess.TimeoutExpired after so many seconds (it is ended then), and with
    `check` CalledProcessError."""
    return subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
        cwd=folder,
        check=check,
        env=None if environment is None else dict(environment),
        **_QUIET,
    )


def leave_running(command: Sequence[str]) -> None:
    """Start a program that outlives this process: neither tied to it nor in its group, and without input and output.
    Raises OSError."""
    none = subprocess.DEVNULL
    subprocess.Popen(list(command), stdin=none, stdout=none, stderr=none, **_APART)


def hand_over(command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Let another program have this terminal until it ends; returns its exit code. It gets this process's environment
    with `environment` over it. Ctrl-C is its own, which a terminal sends to both. Raises OSError."""
    with subprocess.Popen(list(command), env={**os.environ, **(environment or {})}) as child:
        _tie(child)
        try:
            while True:
                with suppress(KeyboardInterrupt):
                    return child.wait()
        except BaseException:
            child.kill()
            raise


def _tie(child: subprocess.Popen[Any]) -> None:
    """A child that cannot be tied still has its pipe, by which it notices the end of this process."""
    if sys.platform == "win32":
        from aeon_plugin_ft.processes.windows import end_with_this_process

        try:
            end_with_this_process(int(getattr(child, "_handle")))  # noqa: B009 - only there on Windows
        except OSError as error:
            if child.poll() is None:  # one that has just ended cannot be put anywhere
                log.warning("child %d is in no job object and may outlive this process (%s)", child.pid, error)
