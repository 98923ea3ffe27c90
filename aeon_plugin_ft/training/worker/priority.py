"""Idle priority, on every system that has one: the owner's work always comes first."""

from __future__ import annotations

import os
import sys

import psutil


def lower_priority() -> str:
    """Put this process behind everything else; returns what was done, for the log.

    Windows: the IDLE priority class, I/O of very low priority. Linux: the SCHED_IDLE policy and nice 19 (measured:
    a language model that serves beside a trainer loses nothing at either, and three quarters of its speed at nice
    0), I/O when nobody else needs the disk.
    """
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.IDLE_PRIORITY_CLASS)
        process.ionice(psutil.IOPRIO_VERYLOW)
        return "Windows idle priority class, very low I/O priority"
    process.nice(19)
    if hasattr(process, "ionice"):
        process.ionice(psutil.IOPRIO_CLASS_IDLE)
    if hasattr(os, "SCHED_IDLE"):
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:  # a container may forbid it; nice 19 stays
            return "nice 19"
        return "nice 19, SCHED_IDLE"
    return "nice 19"
