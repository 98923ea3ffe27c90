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
import subprocess
from collections.abc import Callable

from aeon_plugin_ft.processes.children import start

PROGRAM = "systemd-inhibit"
_LOCKS = ("sleep:idle", "idle")
ANSWER_SECONDS = 10.0
"""How long it may take: at the lowest priority, on a busy machine."""
_LEAVE_SECONDS = 5.0


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
        if _holds(child):
            return lambda child=child: _let_go(child)  # type: ignore[misc]
        _let_go(child)
    raise PermissionError(errno.EACCES, f"{PROGRAM} is refused the lock")


def _holds(child: subprocess.Popen[bytes]) -> bool:
    """Whether `cat` runs, and so the lock is held: it gives back what it is given."""
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already, and so does its output
        os.write(child.stdin.fileno(), b"\n")
    ready, _, _ = select.select([child.stdout], [], [], ANSWER_SECONDS)
    return bool(ready and os.read(child.stdout.fileno(), 1))


def _let_go(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None and child.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    try:
        child.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
