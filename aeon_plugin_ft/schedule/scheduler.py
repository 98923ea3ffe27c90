"""Calls the controller on APScheduler's background scheduler: once a minute, and every second while it trains.

A minute that was slept through (suspended laptop) is looked at once, not many times (`coalesce`), and never
twice at the same time (`max_instances`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("aeon_ft.schedule")

LOOK_SECONDS = 60.0
TRAINING_LOOK_SECONDS = 1.0
"""How soon the owner's return is seen. With the pause itself (training.supervise) it stays within 5 s."""
EXECUTOR = "aeon_ft"
THREADS = 2
"""One for each of the two looks."""


class TrainingScheduler:
    """`look` is called every minute, `look_while_training` every second; both in the scheduler's threads."""

    def __init__(
        self,
        look: Callable[[], object],
        look_while_training: Callable[[], object] = lambda: None,
        look_seconds: float = LOOK_SECONDS,
        training_seconds: float = TRAINING_LOOK_SECONDS,
    ) -> None:
        self._jobs = {"look": (look, look_seconds), "watch": (look_while_training, training_seconds)}
        self._scheduler: Any = None

    def start(self) -> None:
        """Begin to look; does nothing when it already does."""
        if self._scheduler is not None:
            return
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        # one line a second would fill the host's log
        logging.getLogger(f"apscheduler.executors.{EXECUTOR}").setLevel(logging.WARNING)
        # An executor of our own name, so that the logger below can be silenced without touching the host's.
        self._scheduler = BackgroundScheduler(daemon=True, executors={EXECUTOR: ThreadPoolExecutor(THREADS)})
        for name, (look, seconds) in self._jobs.items():
            self._scheduler.add_job(
                look, "interval", seconds=seconds, id=name, executor=EXECUTOR,
                misfire_grace_time=None, coalesce=True, max_instances=1,
            )  # fmt: skip
        self._scheduler.start()

    def stop(self) -> None:
        """Stop looking; no look is under way when it returns. To be called from neither look."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            # With a look that is under way: it must not find a store that was closed under it.
            scheduler.shutdown(wait=True)
