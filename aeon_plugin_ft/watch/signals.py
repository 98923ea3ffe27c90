"""What a real turn says about the model that answered it: table `signals`, one row a turn, no text.

Rows are made in the host from turns that were logged anyway; a private turn makes none. What the owner
thinks of a turn is not copied: it is read from table `feedback`, because it comes later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aeon_plugin_ft.dataset.feedback.opinions import newest_opinion
from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.suites import BROKEN_CALL, faults, is_tool_call
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.watch.sequential import STRETCH, Count, SignalName

REFERENCE_TURNS = 300
"""The newest turns before a model took over that it is compared with."""
SLOW_FACTOR, SLOW_FLOOR, SLOW_ANYWAY = 2.0, 5.0, 30.0
"""Slow: twice the slowest tenth of the reference at the same provider, and 5 s at least; 30 s where the provider
has no record."""
LONG_FACTOR, LONG_FLOOR = 3.0, 400.0
"""Long: three times the longest tenth of the reference's replies, and 400 characters at least."""
ENOUGH = 10
"""Turns of a provider below which its own pace is not known."""


@dataclass(frozen=True, slots=True)
class TurnSignal:
    """`version` is the model that should have answered; `failed`: it did not, and something else had to.
    `seconds` is wall time, `chars` the reply's length. `tool`: whether a tool call was valid, None for talk.
    `opinion` is the owner's newest: "praise", "complaint", "correction", None."""

    turn: str
    at: float
    session: str
    version: str
    provider: str
    failed: bool
    faults: tuple[str, ...]
    seconds: float
    chars: int
    tool: bool | None = None
    opinion: str | None = None

    @property
    def unhappy(self) -> bool:
        """Whether the owner complained about the reply or corrected it."""
        return self.opinion in {"complaint", "correction"}

    @property
    def faulty(self) -> bool:
        """The owner's praise outweighs what a rule holds against a reply."""
        return bool(self.faults) and self.opinion != "praise"


def signal_of(
    turn: str, at: float, session: str, version: str, provider: str, failed: bool, seconds: float, reply: str
) -> TurnSignal:
    """Look at one reply; some milliseconds for a long one, so not while the owner waits."""
    faults_seen = () if failed else faults(Reply(reply, True, seconds))
    tool = False if BROKEN_CALL in faults_seen else True if is_tool_call(reply) else None
    return TurnSignal(turn, at, session, version, provider, failed, faults_seen, seconds, len(reply), tool)


def record(store: Store, signals: Iterable[TurnSignal]) -> None:
    """Keep them; a turn that is there already stays as it is."""
    rows = [
        (s.turn, s.at, s.session, s.version, s.provider, s.failed, ",".join(s.faults), s.seconds, s.chars, s.tool)
        for s in signals
    ]
    with store.transaction() as connection:
        # By position, in the order of the table's columns.
        connection.executemany("INSERT OR IGNORE INTO signals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def served_by(store: Store, version: str, since: float, skip: int = 0) -> list[TurnSignal]:
    """Turns of one model from `since` (seconds since the epoch) on, oldest first, without the first `skip`."""
    sql = f"{_SELECT} WHERE s.version = ? AND s.at >= ? ORDER BY s.at, s.turn LIMIT -1 OFFSET ?"
    return [_signal(row) for row in store.rows(sql, version, since, skip)]


def count_served(store: Store, version: str, since: float, *, answered: bool = False) -> int:
    """How many turns a model has had from `since` on; `answered`: without those where something else had to."""
    only = " AND NOT failed" if answered else ""
    row = store.row(f"SELECT count(*) AS n FROM signals WHERE version = ? AND at >= ?{only}", version, since)
    return 0 if row is None else int(row["n"])


def newest_stretch(store: Store, version: str, since: float) -> tuple[int, list[TurnSignal]]:
    """Which stretch (from 0) a model's turns have come to, and that stretch's turns; reads no more than those."""
    number = max(0, count_served(store, version, since) - 1) // STRETCH
    return number, served_by(store, version, since, number * STRETCH)


def reference(store: Store, baseline: str, version: str, before: float) -> list[TurnSignal]:
    """What `version` is compared with: the newest turns of `baseline` before that moment; where it has hardly any,
    those of every other model."""
    sql = f"{_SELECT} WHERE s.version = ? AND s.at < ? ORDER BY s.at DESC LIMIT {REFERENCE_TURNS}"
    rows = store.rows(sql, baseline, before)
    if len(rows) < ENOUGH:
        rows = store.rows(sql.replace("s.version = ?", "s.version != ?"), version, before)
    return [_signal(row) for row in rows]


def counts(
    now: Sequence[TurnSignal], before: Sequence[TurnSignal]
) -> tuple[dict[SignalName, Count], dict[SignalName, Count]]:
    """Both sides by signal, slow and long measured by the reference's own pace."""
    slow = {provider: _slow_limit(before, provider) for provider in {s.provider for s in (*now, *before)}}
    long = max(LONG_FACTOR * _upper_tenth([s.chars for s in before if not s.failed]), LONG_FLOOR)
    return _count(now, slow, long), _count(before, slow, long)


def _count(signals: Sequence[TurnSignal], slow: dict[str, float], long: float) -> dict[SignalName, Count]:
    # What did not answer has no reply to find fault with: it counts as failed, and as nothing else.
    answered = [s for s in signals if not s.failed]
    return {
        SignalName.FAILED: Count(sum(s.failed for s in signals), len(signals)),
        SignalName.FAULTY: Count(sum(s.faulty for s in answered), len(answered)),
        SignalName.UNHAPPY: Count(sum(s.unhappy for s in answered), len(answered)),
        SignalName.SLOW: Count(sum(s.seconds > slow[s.provider] for s in answered), len(answered)),
        SignalName.LONG: Count(sum(s.chars > long for s in answered), len(answered)),
    }


def _slow_limit(before: Sequence[TurnSignal], provider: str) -> float:
    seconds = [s.seconds for s in before if s.provider == provider and not s.failed]
    return max(SLOW_FACTOR * _upper_tenth(seconds), SLOW_FLOOR) if len(seconds) >= ENOUGH else SLOW_ANYWAY


def _upper_tenth(values: Sequence[float]) -> float:
    """The value that nine of ten stay below; 0.0 for none."""
    return sorted(values)[int(0.9 * (len(values) - 1))] if values else 0.0


_SELECT = f"SELECT s.*, {newest_opinion('s.turn')} AS opinion FROM signals s"


def _signal(row: sqlite3.Row) -> TurnSignal:
    return TurnSignal(
        turn=row["turn"],
        at=row["at"],
        session=row["session"],
        version=row["version"],
        provider=row["provider"],
        failed=bool(row["failed"]),
        faults=tuple(filter(None, row["faults"].split(","))),
        seconds=row["seconds"],
        chars=row["chars"],
        tool=None if row["tool"] is None else bool(row["tool"]),
        opinion=row["opinion"],
    )


def forget_signals(connection: sqlite3.Connection, turn: str) -> None:
    """Take away what a turn said about the model that answered it."""
    connection.execute("DELETE FROM signals WHERE turn = ?", (turn,))
