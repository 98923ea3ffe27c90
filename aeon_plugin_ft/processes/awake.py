"""While something long runs that nobody watches, the machine does not go to sleep by itself.

The owner's own order still counts (the lid, the button, on Windows and macOS the menu too), and the screen may go
dark. Each system forgets the wish of a process that has ended, so that a killed one keeps no machine awake.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

log = logging.getLogger("aeon_ft.processes")

Release = Callable[[], object]
"""Lets the system sleep again."""
Hold = Callable[[], Release]
"""Asks the system to stay awake. Raises OSError where it refuses or cannot be asked."""

if sys.platform == "win32":
    from aeon_plugin_ft.processes.windows import awake_seconds, require_system

    def THIS_SYSTEM() -> Release:
        """For this thread, until it ends or the release is called in it."""
        if not require_system(True):
            raise OSError("SetThreadExecutionState refuses it")
        return lambda: require_system(False)

else:
    if sys.platform == "darwin":
        from aeon_plugin_ft.processes.iokit import hold as THIS_SYSTEM
    else:
        from aeon_plugin_ft.processes.logind import hold as THIS_SYSTEM

    def awake_seconds() -> float:
        """Seconds on a clock that stands still while the machine sleeps: for how long something takes."""
        # CLOCK_MONOTONIC and mach_absolute_time; of Windows' clocks Python takes one that goes on.
        return time.monotonic()


@contextmanager
def kept_awake(hold: Hold | None = None) -> Iterator[None]:
    """For as long as the block runs, which must begin and end in the same thread. Where the system does not want to,
    the block runs all the same; that is said once a process."""
    release = _held(hold or THIS_SYSTEM)
    try:
        yield
    finally:
        release()


def _held(hold: Hold) -> Release:
    try:
        return hold()
    except OSError as error:
        _warn(error.strerror or str(error))
        return lambda: None


@cache  # once a process
def _warn(reason: str) -> None:
    log.warning("the machine may go to sleep while it learns, the system cannot be asked not to: %s", reason)
