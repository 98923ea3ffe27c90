"""Whose run is next on a cluster that many owners share: whoever has had least of it, a slice at a time.

One `FairQueue` lives on the cluster (an actor of Ray's, see rayhead.py), and each run's own job asks it: it waits for
its turn, trains for a slice, and leaves at a checkpoint where somebody waits who has had less. So one owner's thousand
turns do not starve another's hundred: runs of one owner share that owner's part. Start-time fair queueing
(https://doi.org/10.1109/90.649569) with seconds on a card as the cost. Standard library only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

SLICE_SECONDS = 60.0
"""What a run is given at least: leaving and coming again takes up to twenty."""
SILENT_SECONDS = 300.0
"""Who has not asked for so long is gone, and what it had is free. A node that unpacks a base model takes minutes."""


@dataclass
class _Run:
    """`since`: when it got its card (None: it waits), `seen`: when it asked last, `place`: in the order of coming."""

    owner: str
    place: int
    seen: float
    since: float | None = None
    charged: float = 0.0


class FairQueue:
    """For `cards` runs at a time. A run is asked for often (`may_train`, `must_leave`), or it counts as gone."""

    def __init__(
        self, cards: int, slice_seconds: float = SLICE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cards, self.slice_seconds, self.clock = max(1, cards), slice_seconds, clock
        self._runs: dict[str, _Run] = {}
        self._used: dict[str, float] = {}
        """Seconds on a card by owner, since the queue was last empty."""
        self._came = 0

    def may_train(self, owner: str, run: str) -> bool:
        """Whether the run has a card now; it waits in the queue from the first time that this is asked."""
        self._settle()
        mine = self._runs.get(run)
        if mine is None:
            mine = self._enter(owner, run)
        mine.seen = self.clock()
        if mine.since is None and self._free() and self._next() == run:
            mine.since = mine.charged = self.clock()
        return mine.since is not None

    def must_leave(self, run: str) -> bool:
        """Whether its slice is over and somebody waits who has had less. True also for one that has no card any
        more: it was silent for too long."""
        self._settle()
        mine = self._runs.get(run)
        if mine is None or mine.since is None:
            return True
        mine.seen = self.clock()
        if self._free() or self.clock() - mine.since < self.slice_seconds:
            return False
        first = self._next()
        if first is None or self._rank(self._runs[first].owner) >= self._rank(mine.owner):
            return False
        # Of several whose slices are over, whoever has had most makes room.
        over = [one for one in self._runs.values() if one.since is not None]
        return mine is max(over, key=lambda one: (self._rank(one.owner), one.place))

    def wait_again(self, run: str) -> None:
        """It has left its card and waits for the next turn, behind those of its owner's who wait already."""
        self._settle()
        mine = self._runs.get(run)
        if mine is not None:
            self._came += 1
            mine.since, mine.place = None, self._came

    def leave(self, run: str) -> int:
        """It has ended, or was paused; how many runs are left."""
        self._settle()
        self._runs.pop(run, None)
        if not self._runs:
            self._used.clear()
        return len(self._runs)

    def report(self) -> dict[str, float]:
        """Seconds on a card by owner."""
        self._settle()
        return dict(self._used)

    def _enter(self, owner: str, run: str) -> _Run:
        others = {one.owner for one in self._runs.values()} - {owner}
        if owner not in {one.owner for one in self._runs.values()} and others:
            # Nobody saves up turns by staying away: who comes stands level with whoever has had least.
            least = min(self._used.get(one, 0.0) for one in others)
            self._used[owner] = max(self._used.get(owner, 0.0), least)
        self._came += 1
        made = self._runs[run] = _Run(owner, self._came, self.clock())
        return made

    def _settle(self) -> None:
        """Charge what was used until now, and forget who is gone."""
        now = self.clock()
        for name, one in list(self._runs.items()):
            if one.since is not None:
                end = min(now, one.seen + SILENT_SECONDS)
                self._used[one.owner] = self._used.get(one.owner, 0.0) + max(0.0, end - one.charged)
                one.charged = max(one.charged, end)
            if now - one.seen > SILENT_SECONDS:
                del self._runs[name]

    def _free(self) -> bool:
        return sum(one.since is not None for one in self._runs.values()) < self.cards

    def _next(self) -> str | None:
        waiting = [(self._rank(one.owner), one.place, name) for name, one in self._runs.items() if one.since is None]
        return min(waiting)[-1] if waiting else None

    def _rank(self, owner: str) -> float:
        return self._used.get(owner, 0.0)
