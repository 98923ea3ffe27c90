"""What the machine says about itself: power, load, memory, and how long nobody has touched it."""

from __future__ import annotations

import os
from collections.abc import Callable


def on_mains() -> bool:
    """True on mains power, and where there is no battery or nobody can tell."""
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or bool(battery.power_plugged)


def busy_share() -> float:
    """Share of the whole processor in use since the last call, 0 to 1; the first call measures 0.1 s."""
    import psutil

    return float(psutil.cpu_percent(interval=0.1)) / 100


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
