"""What the machine says about itself: power, load, memory, and how long nobody has touched it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable


def on_mains() -> bool:
    """True on mains power, and where there is no battery or nobody can tell."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or bool(battery.power_plugged)


class OthersLoad:
    """What programs other than this process and its children take of the whole processor.

    A training at idle priority fills the machine by itself and must not look like a game.
    """

    FIRST_SECONDS = 0.1
    """The first look has nothing to compare with, and measures for so long."""

    def __init__(self) -> None:
        self._before: tuple[float, float, dict[int, float]] | None = None

    def share(self) -> float:
        """0 to 1, since the last call."""
        if self._before is None:
            self._before = self._now()
            time.sleep(self.FIRST_SECONDS)
        (total, busy, ours), now = self._before, self._now()
        self._before = now
        passed = now[0] - total
        own = sum(seconds - ours.get(pid, 0.0) for pid, seconds in now[2].items())
        return min(1.0, max(0.0, (now[1] - busy - own) / passed)) if passed > 0 else 0.0

    def _now(self) -> tuple[float, float, dict[int, float]]:
        """Processor seconds of all cores since the start of the system: all, not idle, and ours by process."""
        import psutil

        times = psutil.cpu_times()
        # Linux counts a guest's time in user as well; waiting for a disk is not work.
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        busy = total - times.idle - getattr(times, "iowait", 0.0)
        return total, busy, own_seconds()


def own_seconds() -> dict[int, float]:
    """Processor seconds that this process and each of its children has used, by process id."""
    import psutil

    me, found = psutil.Process(), {}
    for process in (me, *me.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.Error:  # it has just ended
            continue
        found[process.pid] = float(used.user + used.system)
    return found


def free_memory() -> int:
    """Bytes that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def input_idle() -> Callable[[], float] | None:
    """How to ask this system for the seconds since the last key or mouse input; None where it cannot be told
    (then the assistant's own silence counts)."""
    return _windows_idle if os.name == "nt" else None


def _windows_idle() -> float:
    """GetLastInputInfo and GetTickCount64 (user32, kernel32). dwTime is the low 32 bits of the tick count, which
    wraps after 49.7 days."""
    import ctypes

    class LastInput(ctypes.Structure):
        _fields_ = [("cbSize", ctypes.c_uint), ("dwTime", ctypes.c_uint)]

    windows = getattr(ctypes, "windll")  # noqa: B009 - only there on Windows
    info = LastInput(ctypes.sizeof(LastInput), 0)
    if not windows.user32.GetLastInputInfo(ctypes.byref(info)):
        return 0.0
    windows.kernel32.GetTickCount64.restype = ctypes.c_ulonglong
    return float((windows.kernel32.GetTickCount64() - info.dwTime) & 0xFFFFFFFF) / 1000
