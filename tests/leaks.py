"""What a test has left behind: its threads, daemons too (every thread of the product is one), and its children."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Set
from dataclasses import dataclass

import psutil

PATIENCE = 20.0
"""Seconds that what was told to end may take; on a busy machine a thread first has to get its turn."""
POLL_SECONDS = 0.02

LIBRARY_THREADS = {
    r"tqdm\._monitor\.TMonitor:.*": "one a process, from the first progress bar (transformers loads weights with one)",
}
"""Threads that a library starts once and keeps for the life of the process, as "module.Class:name" -> why."""


@dataclass(frozen=True)
class Running:
    """The threads and children of this process at one moment."""

    threads: Set[threading.Thread]
    children: Set[int]

    def __sub__(self, before: Running) -> Running:
        return Running(self.threads - before.threads, self.children - before.children)

    def __bool__(self) -> bool:
        return bool(self.threads or self.children)

    def __str__(self) -> str:
        return f"threads {sorted(map(title, self.threads))}, children {sorted(map(command, self.children))}"


def running() -> Running:
    threads = {thread for thread in threading.enumerate() if not of_a_library(thread)}
    return Running(threads, {child.pid for child in psutil.Process().children(recursive=True)})


def leaked_since(before: Running, patience: float = PATIENCE) -> Running:
    """What runs now, did not run then, and does not end within `patience` seconds."""
    deadline = time.monotonic() + patience
    while (left := running() - before) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return left


def of_a_library(thread: threading.Thread) -> bool:
    return any(re.fullmatch(pattern, title(thread)) for pattern in LIBRARY_THREADS)


def title(thread: threading.Thread) -> str:
    return f"{type(thread).__module__}.{type(thread).__name__}:{thread.name}"


def command(pid: int) -> str:
    try:
        return f"{pid}: {' '.join(psutil.Process(pid).cmdline())[-150:]}"
    except psutil.Error:
        return f"{pid}: gone"
