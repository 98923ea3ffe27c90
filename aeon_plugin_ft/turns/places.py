"""The order in which things were said, which no clock moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from aeon_plugin_ft.turns.lines import IMPORT_CALLER, spoken_at
from hooks import Turn

log = logging.getLogger("aeon_ft.turns")


class Places:
    """Gives each turn its place in what was said; safe from any thread."""

    def __init__(self, newest: Callable[[], int]) -> None:
        self._newest = newest
        self._last: int | None = None
        self._lock = threading.Lock()

    def next(self, turn: Turn) -> int | None:
        """The place of a turn that has just ended; None for an imported one, which was said at its own time."""
        if turn.caller.startswith(IMPORT_CALLER):
            return None
        with self._lock:
            if self._last is None:
                self._last = self._known()
            self._last = max(self._last + 1, spoken_at(turn.started_at))
            return self._last

    def _known(self) -> int:
        try:
            return self._newest()
        except Exception:  # the log goes on without its index
            log.exception("the place of the last turn is unknown; the clock decides")
            return 0
