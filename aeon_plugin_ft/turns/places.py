"""The order in which things were said, which no clock moves."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from aeon_plugin_ft.turns.lines import IMPORT_CALLER, spoken_at
from hooks import Turn

log = logging.getLogger("aeon_ft.turns")


class Places:
    """Gives each turn its place in what was said; safe from any thread. Logs that follow one another in one process
    share it."""

    def __init__(self) -> None:
        self._last = 0
        self._ask: Callable[[], int] | None = None
        self._lock = threading.Lock()

    def go_on_after(self, newest: Callable[[], int]) -> None:
        """Places are larger than what `newest` says, which is asked once, when the next turn comes."""
        self._ask = newest

    def next(self, turn: Turn) -> int | None:
        """The place of a turn that has just ended; None for an imported one, which was said at its own time."""
        if turn.caller.startswith(IMPORT_CALLER):
            return None
        with self._lock:
            ask, self._ask = self._ask, None
            if ask is not None:
                self._last = max(self._last, _told_by(ask))
            self._last = max(self._last + 1, spoken_at(turn.started_at))
            return self._last


def _told_by(newest: Callable[[], int]) -> int:
    try:
        return newest()
    except Exception:  # the log goes on without its index
        log.exception("the place of the last turn is unknown; the clock decides")
        return 0
