"""The first process of a namespace of its own: mounts, changes root, runs programs of Wine's and ends.

`unshare --mount --pid --fork python inside.py ORDER`, with ORDER as JSON: see Order. Whatever is mounted here nobody
else sees, and Linux undoes it with the namespace; and Linux ends every process in the namespace (Wine's server and
its services, a test's children) together with this one, in whatever way it ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

INTERRUPTED = 130


@dataclass(frozen=True)
class Order:
    """What to do; every path but `root` and the sources of the mounts is one inside `root`."""

    root: str
    mounts: tuple[tuple[str, str], ...]
    """(folder outside, folder inside)"""
    commands: tuple[tuple[str, ...], ...]
    """One after the other, up to the first that fails."""
    folder: str
    environment: dict[str, str]

    @classmethod
    def read(cls, text: str) -> Order:
        order = json.loads(text)
        mounts = tuple((outside, inside) for outside, inside in order.pop("mounts"))
        commands = tuple(tuple(command) for command in order.pop("commands"))
        return cls(mounts=mounts, commands=commands, **order)


def mount(order: Order) -> None:
    """Raises subprocess.CalledProcessError; mount has said why by then."""
    subprocess.run(["mount", "-t", "proc", "proc", f"{order.root}/proc"], check=True)
    for outside, inside in order.mounts:
        subprocess.run(["mount", "--rbind", outside, order.root + inside], check=True)


def wait_for(child: int) -> int:
    """The exit code of a child; orphans of the namespace are this process's as well, and are buried on the way."""
    while True:
        process, status = os.wait()
        if process == child:
            return os.waitstatus_to_exitcode(status)


def leave(*_: object) -> None:
    """At once, and without the traceback of a KeyboardInterrupt."""
    os._exit(INTERRUPTED)


def main() -> int:
    order = Order.read(sys.argv[1])
    signal.signal(signal.SIGINT, leave)
    mount(order)
    os.chroot(order.root)
    os.chdir(order.folder)
    for command in order.commands:
        code = wait_for(subprocess.Popen(command, env=order.environment).pid)
        if code:
            return code % 256
    return 0


if __name__ == "__main__":
    sys.exit(main())
