"""While something long runs that nobody watches, the machine does not go to sleep by itself.

Windows only, so far. The owner's own order (the lid, the button) still counts, and the screen may go dark.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("aeon_ft.processes")

Ask = Callable[[bool], bool]
"""Asks the system to stay awake, or no longer; False when it refuses."""


def _ask_nobody(awake: bool) -> bool:
    return True


if sys.platform == "win32":
    from aeon_plugin_ft.processes.windows import require_system

    THIS_SYSTEM: Ask = require_system
else:
    THIS_SYSTEM = _ask_nobody


@contextmanager
def kept_awake(ask: Ask | None = None) -> Iterator[None]:
    """For as long as the block runs, in this thread: the system forgets the wish of a thread that has ended, so that
    a killed process keeps no machine awake."""
    ask = ask or THIS_SYSTEM
    if not ask(True):
        log.warning("the system may go to sleep meanwhile: it refuses to stay awake")
    try:
        yield
    finally:
        ask(False)
