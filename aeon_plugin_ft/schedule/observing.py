"""Looks at the store and the machine, and hands what it sees to the conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from aeon_plugin_ft.schedule import probes
from aeon_plugin_ft.schedule.conditions import HOUR, Decision, Observed, decide, turns_needed
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.store import DataFolder, Store

_NEW_TURNS = """
    SELECT count(*) AS n FROM turns WHERE kind = 'chat' AND at >= ? AND (
        (provider != 'embedded' AND version = 'base')
        OR id IN (SELECT turn FROM feedback WHERE kind IN ('praise', 'correction', 'keep')))
"""


class Watchman:
    """`silence()` is how many seconds the owner has not spoken to the assistant (infinite where there is none),
    `running()` whether a loop is under way in this process."""

    def __init__(
        self,
        data: DataFolder,
        store: Store,
        settings: Callable[[], ScheduleSection],
        silence: Callable[[], float] = lambda: math.inf,
        running: Callable[[], bool] = lambda: False,
    ) -> None:
        self.data, self.store, self.settings = data, store, settings
        self._silence, self._running = silence, running
        self._touched = probes.input_idle()

    def decide(self) -> Decision:
        """Observe and decide; nothing is started."""
        now, last = self.store.clock(), self.last_run()
        seen = Observed(
            now=datetime.fromtimestamp(now),
            new_turns=self.new_turns(),
            trained_before=last is not None,
            since_last_run=None if last is None else now - last,
            idle=self.idle(),
            on_mains=probes.on_mains(),
            busy_share=probes.busy_share(),
            free_disk=self.data.free_bytes(),
            free_memory=probes.free_memory(),
            running=self._running() or self.store.lease_holder("training") is not None,
        )
        return decide(self.settings(), seen)

    def last_run(self) -> float | None:
        """When the last training that was not cancelled began, in seconds since the epoch."""
        row = self.store.row("SELECT max(created) AS at FROM runs WHERE state != 'cancelled'")
        return None if row is None else row["at"]

    def new_turns(self) -> int:
        """Conversation turns since then that teach something: not the plugin's own replies, unless the owner
        had an opinion about them."""
        row = self.store.row(_NEW_TURNS, self.last_run() or 0.0)
        return 0 if row is None else int(row["n"])

    def turns_needed(self) -> int:
        return turns_needed(self.settings(), self.last_run() is not None)

    def cooled_down_at(self) -> float:
        return (self.last_run() or 0.0) + self.settings().cooldown_hours * HOUR

    def idle(self) -> float:
        """Seconds since the owner last spoke or, where the system tells, touched the machine."""
        return self._silence() if self._touched is None else min(self._silence(), self._touched())
