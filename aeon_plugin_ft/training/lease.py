"""The right to train, which one run has at a time.

Its worker takes it anew every five seconds and has it for thirty, by the clock on the wall, on which other processes
see it too. That clock goes on while the machine sleeps: for a moment after each sleep the right looks like that of a
worker that is gone. Whoever wants it then waits until a worker that lives had its time to take it anew.
"""

from __future__ import annotations

import time

from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.runs import LEASE, LEASE_SECONDS, worker_alive
from aeon_plugin_ft.training.table import get_run

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
