"""One of the things that the follower does each second. Each waits by itself after a failure, so that one that fails
leaves no other undone."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable

from aeon_plugin_ft.errors import AeonFtError, OvertakenError, StoreError

log = logging.getLogger("aeon_ft.host")

PASSING = (sqlite3.Error, OSError, StoreError)
"""What passes by itself: a disk that was full for a moment, a database that another process held."""
PASSING_SECONDS = (1.0, 2.0, 5.0)
"""Waiting times after one of those; the last one again and again."""
REFUSED_SECONDS = (5.0, 30.0, 120.0, 600.0)
"""Waiting times after a refusal, such as a swap that failed: what was tried is dear."""


class Errand:
    """`do` is called by `run` when it is due; `on_refusal` hears of an AeonFtError that does not pass by itself.
    `about` is what is to be done, to compare: after a failure, something else is not waited for."""

    def __init__(
        self,
        name: str,
        do: Callable[[], object],
        on_refusal: Callable[[], None] = lambda: None,
        about: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self._do, self._on_refusal, self._about = do, on_refusal, about
        self._failures = 0
        self._due = 0.0
        self._failed_about: object = None

    def run(self, *, now: bool = False) -> bool:
        """Do it where it is due, or in any case with `now`; True when it is to be done again at once. Raises nothing
        that `do` raises."""
        if not (now or self._is_due()):
            return False
        about = self._wanted()
        try:
            self._do()
        except OvertakenError as error:
            log.info("%s", error)
            return True
        except PASSING as error:
            self._wait(PASSING_SECONDS, error, about)
        except AeonFtError as error:
            self._refused()
            self._wait(REFUSED_SECONDS, error, about)
        except Exception:
            # A mistake of ours, and no reason to end: without the follower nothing would ever be swapped again.
            log.exception("%s failed", self.name)
            self._wait(REFUSED_SECONDS[-1:], None, about)
        else:
            self._failures, self._due = 0, 0.0
        return False

    def _refused(self) -> None:
        try:
            self._on_refusal()
        except PASSING:  # a full disk or a locked store passes, and the follower has to be there then
            log.exception("%s: what follows a refusal cannot be done now", self.name)

    def _is_due(self) -> bool:
        return time.monotonic() >= self._due or self._wanted() != self._failed_about

    def _wait(self, waits: tuple[float, ...], error: Exception | None, about: object) -> None:
        wait = waits[min(self._failures, len(waits) - 1)]
        self._failures += 1
        self._due = time.monotonic() + wait
        # What was wanted when it began: what somebody chose meanwhile has not been tried. What `do` or `on_refusal`
        # took back themselves is tried once more, and then it is what was wanted.
        self._failed_about = about
        log.warning("%s: all stays as it was (%s); next try in %.0f s", self.name, error or "a mistake", wait)

    def _wanted(self) -> object:
        try:
            return self._about()
        except PASSING:  # the very trouble that is waited out
            return self._failed_about
