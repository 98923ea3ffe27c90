"""Linux: an inhibitor lock of systemd-logind, by systemd-inhibit, which is there wherever logind is.

It holds the lock for as long as a program runs that it is given: `cat`, which ends when this process closes the pipe
or dies. D-Bus itself would need a library, and a connection that stays open.

"idle" keeps logind from sleeping on its own; desktops that send the machine to sleep themselves (GNOME, KDE) ask
logind, which refuses them under "sleep". So does it refuse the owner's menu, who then sees who holds it; the lid counts
(LidSwitchIgnoreInhibited). Where "sleep" may not be blocked (a session over SSH), "idle" alone still may.
https://systemd.io/INHIBITOR_LOCKS/
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

from aeon_plugin_ft.processes.children import start

assert sys.platform != "win32"

PROGRAM = "systemd-inhibit"
_LOCKS = ("sleep:idle", "idle")
ANSWER_SECONDS = 10.0
"""How long it may take: at the lowest priority, on a busy machine."""
_LEAVE_SECONDS = 5.0
_LINE = b"\n"


def hold() -> Callable[[], None]:
    """Take the lock; gives what lets it go. Raises OSError where there is no logind or it refuses."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise FileNotFoundError(errno.ENOENT, f"there is no {PROGRAM}")
    for lock in _LOCKS:
        child = start(
            [program, f"--what={lock}", "--mode=block", "--who=Aeon", "--why=learning from conversations", "cat"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        answer = _answer(child)
        if answer == _LINE:
            return lambda child=child: _let_go(child, _LEAVE_SECONDS)  # type: ignore[misc]
        _let_go(child, 0.0)
        if answer is None:  # logind hangs, and would for the next lock
            raise TimeoutError(errno.ETIMEDOUT, f"{PROGRAM} does not answer")
    raise PermissionError(errno.EACCES, f"{PROGRAM} is refused the lock")


def _answer(child: subprocess.Popen[bytes]) -> bytes | None:
    """What `cat` gives back once it runs and the lock is held, empty where it never will; None when nothing comes."""
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already, and so does its output
        os.write(child.stdin.fileno(), _LINE)
    # Not select.select, which takes no descriptor above 1023: this may be a host with many files open.
    output = select.poll()
    output.register(child.stdout, select.POLLIN)
    return os.read(child.stdout.fileno(), 1) if output.poll(ANSWER_SECONDS * 1000) else None


def _let_go(child: subprocess.Popen[bytes], seconds: float) -> None:
    """What has not left by then is ended, with all that it has started (it leads a group of its own)."""
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    child.stdout.close()
