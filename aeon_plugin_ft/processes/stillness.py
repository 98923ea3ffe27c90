"""Whether a process has come to a stand: stopped (SIGSTOP, a debugger), or waiting for what never comes. One that
waits for a processor, since a game has them all, has not."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from aeon_plugin_ft.processes.awake import awake_seconds

QUEUED_SHARE = 0.25
"""Of the time, for which its threads together stood in the queue for a processor: then it was let do no more."""


class Stillness:
    """For one process that should be at work; ask `lasts` again and again.

    It is still when for `seconds`, in which the machine was awake, its `sign` of life did not change and it took less
    than `work_seconds` of processor time: its own threads that only look around take a little, and one at idle
    priority beside busy programs gets little. Where the system tells for how long it stood in the queue for a
    processor (Linux), one that stood there for QUEUED_SHARE of `seconds` is not still either.
    """

    def __init__(
        self, pid: int, seconds: float, work_seconds: float, clock: Callable[[], float] = awake_seconds
    ) -> None:
        self._pid, self._seconds, self._work, self._clock = pid, seconds, work_seconds, clock
        self._sign: object = None
        self._since, self._spent, self._queued = clock(), processor_seconds(pid) or 0.0, queued_seconds(pid)
        self._looked, self._lasts = clock(), False

    def lasts(self, sign: object = None) -> bool:
        """Whether it has been still for all that time; False for a process that is gone."""
        now = self._clock()
        # To ask the system costs something, and nothing changes so fast.
        if sign == self._sign and now - self._looked < self._seconds / 60:
            return self._lasts
        self._looked = now
        spent = processor_seconds(self._pid)
        if spent is None:
            return False
        queued = queued_seconds(self._pid)
        starved = queued - self._queued >= QUEUED_SHARE * self._seconds
        if sign != self._sign or spent - self._spent >= self._work or starved:
            self._sign, self._since, self._spent, self._queued = sign, now, spent, queued
        self._lasts = now - self._since >= self._seconds
        return self._lasts


def processor_seconds(pid: int) -> float | None:
    """Processor time that a process has taken, user and system; None when it is gone or may not be asked."""
    try:
        process = psutil.Process(pid)
        # The Python of a virtual environment is there only the launcher of another. Elsewhere its children are not
        # asked for: that goes through every process of the machine.
        others = process.children(recursive=True) if sys.platform == "win32" else []
        times = [one.cpu_times() for one in (process, *others)]
    except psutil.Error:
        return None
    return float(sum(each.user + each.system for each in times))


def queued_seconds(pid: int) -> float:
    """For how long the threads of a process that are there now were ready and got no processor, together; 0.0 where
    the system does not tell (Linux tells, in schedstat: scheduler/sched-stats in the kernel's documentation)."""
    waited = 0
    for stat in Path("/proc", str(pid), "task").glob("*/schedstat"):
        # A thread ends while it is asked for.
        with contextlib.suppress(OSError, ValueError, IndexError):
            waited += int(stat.read_text("ascii").split()[1])
    return waited / 1e9
