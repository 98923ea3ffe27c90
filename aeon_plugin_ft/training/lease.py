"""The right to train, which one run has at a time, and the right to learn, which one process has at a time.

A process learns from the first measurement of a run to its verdict and promotion: another one that began meanwhile
would measure on a machine that is busy, and judge against a model that is about to be replaced.

The right to train is a run's.

Its worker takes it anew every five seconds and has it for thirty, by the clock on the wall, on which other processes
see it too. That clock goes on while the machine sleeps: for a moment after each sleep the right looks like that of a
worker that is gone. Whoever wants it then waits until a worker that lives had its time to take it anew.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from aeon_plugin_ft.errors import LeaseHeldError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.runs import LEASE, LEASE_SECONDS, worker_alive
from aeon_plugin_ft.training.table import get_run

_say = Speaker("errors/training")

AFTER_SLEEP_SECONDS = LEASE_SECONDS
"""Several beats of a worker: a machine that wakes up is slow. One that lives and has not moved by then hangs, and has
lost it, as it would have without a sleep."""
_LOOK_SECONDS = 0.2


def take_lease(store: Store, run: str) -> None:
    """Have the right for LEASE_SECONDS; raise LeaseHeldError while another run has it."""
    deadline = time.monotonic() + AFTER_SLEEP_SECONDS
    while _is_waking(store, run) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    store.acquire_lease(LEASE, run, LEASE_SECONDS)


def _is_waking(store: Store, run: str) -> bool:
    holder = store.lapsed_lease(LEASE)
    row = None if holder in (None, run) else get_run(store, str(holder))
    return row is not None and worker_alive(row.run)


# -- learning --------------------------------------------------------------------------------------

LEARNING = "learning"
"""The name of its lease. It has no heartbeat: it is held for as long as the process lives that took it."""
_HELD_SECONDS = 600.0
_nested: Counter[Path] = Counter()
_nesting = threading.Lock()


@contextmanager
def learning(store: Store) -> Iterator[None]:
    """The right to learn for the length of a block; blocks in one process may stand in one another. Raises
    LeaseHeldError while another process has it."""
    own = _this_process()
    with _nesting:
        if not _nested[store.path]:
            other = learner(store)
            if other not in (None, own):
                raise LeaseHeldError(LEARNING, _say("lease.process", id=str(other).partition("-")[0]))
            if other is None:
                _forget_dead(store)
            store.acquire_lease(LEARNING, own, _HELD_SECONDS)
        _nested[store.path] += 1
    try:
        yield
    finally:
        with _nesting:
            _nested[store.path] -= 1
            if not _nested[store.path]:
                store.release_lease(LEARNING, own)


def learner(store: Store) -> str | None:
    """The process that learns now, by its id and time of start ("1234-1764000000"); None when none does."""
    holder = store.lease_holder(LEARNING) or store.lapsed_lease(LEARNING)
    return holder if holder is not None and _lives(holder) else None


def _forget_dead(store: Store) -> None:
    dead = store.lease_holder(LEARNING)
    if dead is not None:
        store.release_lease(LEARNING, dead)


def _this_process() -> str:
    process = psutil.Process()
    return f"{process.pid}-{int(process.create_time())}"


def _lives(holder: str) -> bool:
    pid, _, began = holder.partition("-")
    with suppress(psutil.Error, ValueError):
        process = psutil.Process(int(pid))
        # Two seconds, for a clock that was set a little: ids of processes are used again.
        return abs(process.create_time() - int(began)) < 3 and process.status() != psutil.STATUS_ZOMBIE
    return False
