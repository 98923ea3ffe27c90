"""Looks once a minute whether to train, on APScheduler's background scheduler.

The job only decides and starts a thread; a minute that was slept through (suspended laptop) is looked at
once, not many times (`coalesce`), and never twice at the same time (`max_instances`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aeon_plugin_ft.errors import AeonFtError, LeaseHeldError
from aeon_plugin_ft.schedule.conditions import Decision

log = logging.getLogger("aeon_ft.schedule")

LOOK_SECONDS = 60.0


class TrainingScheduler:
    """`decide` observes and decides; `start` begins a training. Both run in the scheduler's thread."""

    def __init__(
        self, decide: Callable[[], Decision], start: Callable[[], None], look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._decide, self._start, self._seconds = decide, start, look_seconds
        self._scheduler: Any = None
        self.last: Decision | None = None

    def start(self) -> None:
        """Begin to look; does nothing when it already does."""
        if self._scheduler is not None:
            return
        from apscheduler.schedulers.background import BackgroundScheduler

        self._scheduler = BackgroundScheduler(daemon=True)
        self._scheduler.add_job(
            self.look, "interval", seconds=self._seconds, id="train",
            misfire_grace_time=None, coalesce=True, max_instances=1,
        )  # fmt: skip
        self._scheduler.start()

    def stop(self) -> None:
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=True)

    def look(self) -> None:
        """Decide once and act on it."""
        self.last = self._decide()
        if not self.last.start:
            return
        try:
            self._start()
        except LeaseHeldError:
            log.info("a training is under way already")
        except AeonFtError as error:
            log.warning("the training could not be started: %s", error)
