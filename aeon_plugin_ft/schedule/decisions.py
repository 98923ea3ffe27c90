"""What the schedule decided, kept when it changes: one row for hours of the same answer.

A row holds what was observed, so that the decision can be made again later, with the settings of then or of now.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.schedule.conditions import Observed
from aeon_plugin_ft.schedule.policy import Act, ScheduleStep, next_step
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.wording import english

_Noted = tuple[str, str, "str | None"]
"""(act, missing conditions as JSON, cause of a pause): a row is written when this changes."""
KEPT = 2000
"""Rows; a busy machine makes some tens a day."""


@dataclass(frozen=True, slots=True)
class Decided:
    """`missing` are the names of the conditions that were not met, `cause` is that of a pause; `until` is when the next
    decision was made, None for the one that stands."""

    at: float
    act: Act
    missing: tuple[str, ...]
    cause: PauseCause | None
    seen: Observed
    until: float | None = None

    @property
    def reason(self) -> str:
        """The cause in words, for a table; "" where nothing was paused."""
        return english(self.cause)

    def again(self, settings: ScheduleSection) -> ScheduleStep:
        """The same decision with other settings."""
        return next_step(settings, self.seen)


class Decisions:
    """The record in one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._last: _Noted | None = None

    def note(self, seen: Observed, step: ScheduleStep) -> None:
        """Keep it if it differs from the last one."""
        missing = json.dumps([condition.name.value for condition in step.decision.missing])
        now = (step.act.value, missing, None if step.cause is None else step.cause.value)
        # After a start: the row that an earlier process wrote last may say the same already.
        if self._last is None:
            self._last = self._newest()
        if now == self._last:
            return
        self.store.execute(
            "INSERT INTO decisions (at, act, missing, cause, reason, seen) VALUES (?, ?, ?, ?, ?, ?)",
            self.store.clock(), *now, english(step.cause), json.dumps(seen.to_json()),
        )  # fmt: skip
        self.store.execute("DELETE FROM decisions WHERE id <= (SELECT max(id) FROM decisions) - ?", KEPT)
        self._last = now

    def all(self, limit: int = KEPT) -> list[Decided]:
        """The newest `limit`, oldest first."""
        rows = self.store.rows("SELECT * FROM decisions ORDER BY id DESC LIMIT ?", limit)[::-1]
        ends: list[float | None] = [*(row["at"] for row in rows[1:]), None]
        return [
            Decided(
                at=row["at"],
                act=Act(row["act"]),
                missing=tuple(json.loads(row["missing"])),
                cause=None if row["cause"] is None else PauseCause(row["cause"]),
                seen=Observed.from_json(json.loads(row["seen"])),
                until=until,
            )
            for row, until in zip(rows, ends[: len(rows)], strict=True)
        ]

    def _newest(self) -> _Noted | None:
        row = self.store.row("SELECT act, missing, cause FROM decisions ORDER BY id DESC LIMIT 1")
        return None if row is None else (row["act"], row["missing"], row["cause"])
