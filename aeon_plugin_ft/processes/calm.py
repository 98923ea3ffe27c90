"""Threads that compute do not hold one another up on a machine that others use as well.

They wait for one another after every operator, tens of thousands of times a training step. On Linux GNU's OpenMP, with
which PyTorch and llama.cpp compute, has them spin for some milliseconds before they sleep. On a quiet machine that is
the fastest way to wait. Where another program has taken a core, one thread spins on the very core that the other one
needs, and everything takes ten times as long (docs/training.md).

How long they spin is read from the environment once, before anything is known of the others; but libgomp spins shortly
whenever there are more OpenMP threads than cores (GOMP_SPINCOUNT in its manual). So while others compute, a crowd of
threads is kept that do nothing. What is computed, and by how many threads, stays the same, bit for bit.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from aeon_plugin_ft.processes.cores import schedulable_cores

log = logging.getLogger("aeon_ft.calm")

LOOK_SECONDS = 1.0
TAKEN = 0.25
"""Of a core, missing from those that our threads need: then somebody is held up."""
GIVEN_BACK = 0.1
QUIET_LOOKS = 3
"""So many in a row, before they spin again: spinning beside others costs more than sleeping on a quiet machine."""
_CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""With which a user says how threads wait."""
_MAPS = Path("/proc/self/maps")

_started = threading.Lock()


def keep_calm(threads: int) -> None:
    """From now on until this process ends, the `threads` that compute in it wait for one another as suits what others
    do on the machine. Nothing is done for one thread, for another OpenMP than GNU's, or where the user has chosen.
    To be called after PyTorch, or llama.cpp, was imported; a second call changes nothing."""
    if threads < 2 or any(os.environ.get(name) for name in _CHOSEN) or not _started.acquire(blocking=False):
        return
    libraries = gnu_openmp()
    if not libraries:
        return
    calm = Calm(threads, Crowd(libraries, threads), Others())
    threading.Thread(target=calm.watch, name="aeon-ft-calm", daemon=True).start()


class Calm:
    """Looks once a second at what others leave of the cores, and keeps the crowd while that is not enough. `taken`
    gives the cores that other programs have had since the call before, None where the system does not say."""

    def __init__(self, threads: int, crowd: Crowd, taken: Callable[[], float | None], cores: int | None = None) -> None:
        self.threads, self.crowd, self.taken = threads, crowd, taken
        self.cores = cores or schedulable_cores()
        self._quiet = 0

    def watch(self) -> None:
        """Look for as long as the process lives."""
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """One look."""
        taken = self.taken()
        if taken is None:
            return
        missing = self.threads - (self.cores - taken)
        self._quiet = self._quiet + 1 if missing <= GIVEN_BACK else 0
        if missing > TAKEN:
            self.crowd.gather()
        elif self._quiet >= QUIET_LOOKS:
            self.crowd.dissolve()


class Others:
    """What other programs take of the processor, in cores, between two calls."""

    def __init__(self) -> None:
        self._before = self._now()

    def __call__(self) -> float | None:
        """None at an interval that the system's clock of processor time is too coarse for."""
        before, now = self._before, self._now()
        wall, idle, all_cores, own = (n - b for n, b in zip(now, before, strict=True))
        if wall < LOOK_SECONDS / 4 or all_cores <= 0:
            return None
        self._before = now
        busy = (1 - idle / all_cores) * (psutil.cpu_count() or 1)
        return max(0.0, busy - own / wall)

    @staticmethod
    def _now() -> tuple[float, float, float, float]:
        """(seconds of the clock, idle seconds of all cores, all their seconds, this process's own)"""
        times = psutil.cpu_times()
        # Guests are counted within user already.
        counted = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return time.monotonic(), times.idle + getattr(times, "iowait", 0.0), counted, time.process_time()


class Crowd:
    """With it there are more OpenMP threads than cores, beside `threads` that compute. It sleeps; `gather` and
    `dissolve` may be called again and again."""

    def __init__(self, libraries: Sequence[Any], threads: int) -> None:
        self._libraries = libraries
        # One more than the cores in all; the thread that begins it is not counted.
        self._size = max(2, schedulable_cores() + 2 - threads)
        self._thread: threading.Thread | None = None
        self._dissolved = threading.Event()

    @property
    def gathered(self) -> bool:
        """Whether it is there."""
        return self._thread is not None

    def gather(self) -> None:
        """Be there when this returns."""
        if self._thread is not None:
            return
        self._dissolved.clear()
        there = threading.Event()
        # libgomp keeps the threads of a parallel region for as long as the thread lives that began it.
        self._thread = threading.Thread(target=self._stay, args=(there,), name="aeon-ft-crowd", daemon=True)
        self._thread.start()
        there.wait()
        log.info("other programs compute: threads wait for one another asleep")

    def dissolve(self) -> None:
        """Be gone when this returns."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._dissolved.set()
            thread.join()
            log.info("the machine is quiet: threads spin while they wait")

    def _stay(self, there: threading.Event) -> None:
        for library in self._libraries:
            # As compiled code begins a parallel region: what to do, with what, by how many threads, and no flags.
            library.GOMP_parallel(_NOTHING, None, self._size, 0)
        there.set()
        self._dissolved.wait()


def compute_alone() -> None:
    """From now on the calling thread computes by itself what it would share with threads of GNU's OpenMP: one of
    several that work side by side, which would each have a team of their own, and all of those wait asleep."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.get_num_threads()  # or PyTorch would say how many at the thread's first operator
    for library in gnu_openmp():
        library.omp_set_num_threads(1)


_NOTHING = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
"""What each thread of the crowd does. Kept here: libgomp must not call what was collected."""


def gnu_openmp() -> list[Any]:
    """The copies of libgomp in this process: PyTorch and llama.cpp bring one each, other packages may bring theirs."""
    try:
        maps = _MAPS.read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        return []
    found = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "libgomp" in line}
    libraries = []
    for path in sorted(found):
        library = ctypes.CDLL(path)
        library.GOMP_parallel.argtypes = [type(_NOTHING), ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        library.GOMP_parallel.restype = None
        library.omp_set_num_threads.argtypes, library.omp_set_num_threads.restype = [ctypes.c_int], None
        libraries.append(library)
    return libraries
