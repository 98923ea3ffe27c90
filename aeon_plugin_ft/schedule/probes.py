"""What the machine says about itself: power, load, memory, and how long nobody has touched it."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from aeon_plugin_ft.processes.children import ask

log = logging.getLogger("aeon_ft.schedule")

CANNOT_TELL = (OSError, ValueError, AttributeError, subprocess.SubprocessError)
"""What a source raises where a program, a library or a service is missing."""
ASK_SECONDS = 2.0
"""How long a helper program may take to tell the idle time."""


class IdleSource(NamedTuple):
    """Who tells the seconds since the last key or mouse input, and how to ask."""

    name: str
    seconds: Callable[[], float]


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
        self._told = False

    def share(self) -> float:
        """0 to 1, since the last call; 0 where the system does not tell, which is logged once."""
        try:
            return self._measured()
        except CANNOT_TELL as error:
            if not self._told:
                log.warning("the system does not tell the processor's load (%s); it counts as free", error)
            self._told = True
            return 0.0

    def _measured(self) -> float:
        if self._before is None:
            self._before = self._now()
            time.sleep(self.FIRST_SECONDS)
        (total, busy, ours), now = self._before, self._now()
        self._before = now
        passed = now[0] - total
        # By process: one that ended in between takes its seconds along, and a sum over all would fall.
        own = sum(seconds - ours.get(pid, 0.0) for pid, seconds in now[2].items())
        return min(1.0, max(0.0, (now[1] - busy - own) / passed)) if passed > 0 else 0.0

    def _now(self) -> tuple[float, float, dict[int, float]]:
        """Processor seconds of all cores since the start of the system: all, not idle, and ours by process."""
        import psutil

        times = psutil.cpu_times()
        # Linux counts a guest's time in user as well, Windows that of interrupts and of deferred calls (dpc) in
        # system; waiting for a disk is not work.
        twice = ("guest", "guest_nice", "interrupt", "dpc")
        total = sum(times) - sum(getattr(times, name, 0.0) for name in twice)
        busy = total - times.idle - getattr(times, "iowait", 0.0)
        return total, busy, own_seconds()


def own_seconds() -> dict[int, float]:
    """Processor seconds that this process and each of its children has used, by process id."""
    import psutil

    # Recursively: what a child of ours starts works for us as well.
    me, seconds = psutil.Process(), {}
    for process in (me, *me.children(recursive=True)):
        try:
            used = process.cpu_times()
        except (psutil.Error, OSError):  # it has just ended, or the system does not tell
            continue
        seconds[process.pid] = float(used.user + used.system)
    return seconds


def free_memory() -> int:
    """Bytes that can be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


# -- the owner's hands ---------------------------------------------------------------------------


def input_idle() -> IdleSource | None:
    """Who tells on this system how long nobody has touched it; None where nobody does (then the assistant's own
    silence counts)."""
    if sys.platform == "win32":
        return _working(IdleSource("Windows (GetLastInputInfo)", _windows_idle))
    if sys.platform == "darwin":
        return _working(IdleSource("macOS (IOHIDSystem)", _macos_idle))
    return _desktop_idle()


def _desktop_idle() -> IdleSource | None:
    """GNOME's own monitor sees X11 and Wayland; the X server's counts where there is no Wayland."""
    source = None
    if shutil.which("gdbus") and os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        source = _working(IdleSource("GNOME (Mutter.IdleMonitor)", _mutter_idle))
    if source is None and os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        source = _working(IdleSource("X11 (MIT-SCREEN-SAVER)", _x11_idle))
    return source


def _working(source: IdleSource) -> IdleSource | None:
    """The source when it answers now."""
    try:
        source.seconds()
    except CANNOT_TELL:
        return None
    return source


def _windows_idle() -> float:
    """GetLastInputInfo and GetTickCount64 (user32, kernel32). dwTime is the low 32 bits of the tick count, which
    wraps after 49.7 days."""
    import ctypes

    class LastInput(ctypes.Structure):
        _fields_ = [("cbSize", ctypes.c_uint), ("dwTime", ctypes.c_uint)]

    windows = getattr(ctypes, "windll")  # noqa: B009 - only there on Windows
    info = LastInput(ctypes.sizeof(LastInput), 0)
    # It fails where there is no desktop (a service): 0 is the cautious answer, as if the owner were here.
    if not windows.user32.GetLastInputInfo(ctypes.byref(info)):
        return 0.0
    # ctypes takes every result for a C int, which would cut 64 bits down to 32.
    windows.kernel32.GetTickCount64.restype = ctypes.c_ulonglong
    return float((windows.kernel32.GetTickCount64() - info.dwTime) & 0xFFFFFFFF) / 1000


def _macos_idle() -> float:
    """HIDIdleTime of the IOHIDSystem, in nanoseconds."""
    return _number(["ioreg", "-c", "IOHIDSystem", "-d", "4"], r'"HIDIdleTime"\s*=\s*(\d+)') / 1e9


def _mutter_idle() -> float:
    """org.gnome.Mutter.IdleMonitor.GetIdletime of the session's core monitor, in milliseconds."""
    call = ["gdbus", "call", "--session", "--dest", "org.gnome.Mutter.IdleMonitor", "--object-path",
            "/org/gnome/Mutter/IdleMonitor/Core", "--method", "org.gnome.Mutter.IdleMonitor.GetIdletime"]  # fmt: skip
    return _number(call, r"uint64 (\d+)") / 1000


def _number(command: list[str], pattern: str) -> float:
    """The number that a program prints. Raises OSError, SubprocessError, or ValueError when there is none."""
    done = ask(command, seconds=ASK_SECONDS, check=True)
    number = re.search(pattern, done.stdout)
    if number is None:
        raise ValueError(f"{command[0]} says nothing about it")
    return float(number.group(1))


def _x11_idle() -> float:
    """XScreenSaverQueryInfo of libXss: `idle` in milliseconds. A connection for each question, so that a display
    that has gone costs an answer and not the process."""
    import ctypes

    class Info(ctypes.Structure):
        # The layout of XScreenSaverInfo in X11/extensions/scrnsaver.h.
        _fields_ = [
            ("window", ctypes.c_ulong), ("state", ctypes.c_int), ("kind", ctypes.c_int),
            ("til_or_since", ctypes.c_ulong), ("idle", ctypes.c_ulong), ("event_mask", ctypes.c_ulong),
        ]  # fmt: skip

    x11, xss = _x11_libraries()
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    if not display:
        raise OSError("the X server does not answer")
    try:
        info = Info()
        root = ctypes.c_void_p(x11.XDefaultRootWindow(display))
        if not xss.XScreenSaverQueryInfo(display, root, ctypes.byref(info)):
            raise OSError("the X server cannot tell")
        return float(info.idle) / 1000
    finally:
        x11.XCloseDisplay(display)


@cache
def _x11_libraries() -> tuple[Any, Any]:
    """libX11 and libXss; looking for them starts a program. Raises OSError when one is missing."""
    import ctypes
    from ctypes.util import find_library

    names = [find_library("X11"), find_library("Xss")]
    if None in names:
        raise OSError("libX11 or libXss is not installed")
    x11, xss = (ctypes.CDLL(name) for name in names)
    # Pointers and window numbers: as C ints their upper half would be lost.
    x11.XOpenDisplay.restype = x11.XDefaultRootWindow.restype = ctypes.c_void_p
    return x11, xss
