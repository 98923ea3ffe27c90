"""Turns that were indexed before their facts were read: an old log at the first start, or a command's imports.

New turns are read as they arrive (`Arrivals`). A thread of its own reads what was there before, in small portions, and
ends; leaving it in the middle loses nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("aeon_ft.host")

PAUSE_SECONDS = 0.05
"""Between two portions: the owner's turn and the log's reader come first."""


class Backlog:
    """`read_some` reads a portion; False when nothing is left."""

    def __init__(self, read_some: Callable[[], bool]) -> None:
        self._read_some = read_some
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aeon-ft-facts", daemon=True)

    def start(self) -> None:
        """Begin to read, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the portion that is under way."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() and self._read_some():
                self._stopping.wait(PAUSE_SECONDS)
        except Exception:  # the queue still has what was not read: the next turn, dataset or start goes on with it
            log.exception("old conversations could not be read for facts")
