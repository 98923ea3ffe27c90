"""Idle priority, on every system that has one: the owner's work always comes first.

The process that starts a child decides, and says so on the child's command line; the child then lowers itself, before
it starts any thread that computes (on Linux a priority is a thread's, and threads inherit it).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from enum import Enum

import psutil

log = logging.getLogger("aeon_ft.training")

Step = tuple[str, Callable[[], object]]
"""What is asked of the system, for people, and how."""


class Priority(Enum):
    """How a child that trains, measures or merges stands to everything else on the machine."""

    LOWEST = "lowest"
    NORMAL = "normal"
    """That of its parent. On a machine with other work a child at the lowest may not run for minutes at a time."""


OF_CHILDREN = Priority.LOWEST
"""What this process gives its children."""


def priority_argument() -> str:
    """What a parent adds to the command line of a child."""
    return f"--priority={OF_CHILDREN.value}"


def yields(arguments: Sequence[str]) -> bool:
    """Whether a child with this command line stands behind everything else; it does where nothing is said."""
    return f"--priority={Priority.NORMAL.value}" not in arguments


def take_priority(arguments: Sequence[str]) -> str:
    """The child's side: lower itself unless its command line says otherwise; returns what was done, for the log."""
    return lower_priority() if yields(arguments) else "that of the parent"


def lower_priority() -> str:
    """Put this process behind everything else; returns what was done, for the log.

    Windows: the IDLE priority class, I/O of very low priority. Linux: the SCHED_IDLE policy and nice 19 (measured:
    a language model that serves beside a trainer loses nothing at either, and three quarters of its speed at nice
    0), I/O when nobody else needs the disk.
    """
    return ", ".join(name if _taken(name, step) else f"no {name}" for name, step in _steps())


if sys.platform == "win32":

    def _steps() -> list[Step]:
        process = psutil.Process()
        return [
            ("Windows idle priority class", lambda: process.nice(psutil.IDLE_PRIORITY_CLASS)),
            ("very low I/O priority", lambda: process.ionice(psutil.IOPRIO_VERYLOW)),
        ]

else:

    def _steps() -> list[Step]:
        process = psutil.Process()
        # The highest number a normal policy knows, for systems without SCHED_IDLE and containers that forbid it.
        steps: list[Step] = [("nice 19", lambda: process.nice(19))]
        # Not on macOS, where psutil has no I/O priority.
        if hasattr(process, "ionice"):
            steps.append(("idle I/O", lambda: process.ionice(psutil.IOPRIO_CLASS_IDLE)))
        if hasattr(os, "SCHED_IDLE"):
            steps.append(("SCHED_IDLE", lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))))
        return steps


def _taken(name: str, step: Callable[[], object]) -> bool:
    """A container, or a system that lacks a call, may refuse any of them: what is left of them stays, and the work
    goes on."""
    try:
        step()
    except (OSError, psutil.Error) as error:
        log.warning("%s was refused (%s)", name, error)
        return False
    return True
