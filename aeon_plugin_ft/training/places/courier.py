"""`python -m aeon_plugin_ft.training.places.courier <run folder> --where=PLACE --supervised`: an attempt elsewhere.

Stands where the training worker stands for a run here, and keeps to the same contract: it holds the lease, tells what
is done in progress.jsonl, leaves on a pause file and with its parent, and writes outcome.json last.
"""

from __future__ import annotations

import logging
import sys
import time

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.training.model import Progress, Run
from aeon_plugin_ft.training.places.away import STAYS_THERE, Away
from aeon_plugin_ft.training.places.farewell import send_farewell
from aeon_plugin_ft.training.places.where import Where, parse_where
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.worker.priority import Priority, yields
from aeon_plugin_ft.training.worker.run import Attempt, attempt
from aeon_plugin_ft.training.worker.stopping import StopWatch

OPTION = "--where="
LINE_SECONDS = 60.0
"""Less than what counts as hanging (training.supervise.HUNG_SECONDS)."""


class AwayAttempt(Attempt):
    """A worker's life whose work is done elsewhere."""

    def __init__(self, run: Run, config: RunConfig, where: Where, priority: Priority) -> None:
        super().__init__(run, config)
        self.where, self.priority = where, priority
        self._last_line = time.monotonic()

    def tell(self, progress: Progress) -> None:
        """The newest progress, to progress.jsonl."""
        self._last_line = time.monotonic()
        super().tell(progress)

    def beat(self) -> PauseCause | None:
        """As a worker's. While a base model is on its way, for minutes, nothing else is told, and nearly nothing
        computed: a line each minute says that this is not hanging."""
        if self.newest is not None and time.monotonic() - self._last_line > LINE_SECONDS:
            self.tell(self.newest)
        return super().beat()

    def leave_late(self, cause: PauseCause) -> None:
        """Forced out in the middle of a request, which cannot be cut short: the place is told all the same."""
        if cause not in STAYS_THERE:
            send_farewell(self.where, self.run.id, cause)
        super().leave_late(cause)

    def session(self, watch: StopWatch) -> Away:
        """What does the work of this attempt."""
        return Away(self.run, self.config, self.store, self.where, watch, self.phase, self.tell, priority=self.priority)


def main(arguments: list[str]) -> int:
    """One attempt; returns the exit code, with outcome.json and the store's row written."""
    where = parse_where(next(one.removeprefix(OPTION) for one in arguments if one.startswith(OPTION)))
    assert where is not None
    # A line for each request, several a second, would be all that the run's log holds.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    priority = Priority.LOWEST if yields(arguments) else Priority.NORMAL
    return attempt(arguments, lambda run, config: AwayAttempt(run, config, where, priority), yields=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
