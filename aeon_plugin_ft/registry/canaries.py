"""Canaries: an accepted version that answers a share of the sessions before it takes over (table `trials`)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from aeon_plugin_ft.causes import Cause
from aeon_plugin_ft.store import Store


class CanaryEnd(Cause):
    """What became of a canary; column `trials.outcome`."""

    PROMOTED = "promoted"
    REJECTED = "rejected"
    """It did worse with the owner, and is never used again."""
    FAILED = "failed"
    """It could not be served, or its backend failed."""
    STOPPED = "stopped"
    """Another decision came before it had an end."""


@dataclass(frozen=True, slots=True)
class Canary:
    """`version` answers `share` of the sessions beside `baseline`, until it has answered `turns`."""

    id: int
    version: str
    baseline: str
    share: float
    turns: int
    started: float


def begin_canary(store: Store, version: str, baseline: str, share: float, turns: int) -> Canary:
    """Start one; the canary under way, if any, ends as stopped. A running host deploys it within a second."""
    with store.transaction() as connection:
        connection.execute(
            "UPDATE trials SET ended = ?, outcome = ?, reason = ? WHERE ended IS NULL",
            (store.clock(), CanaryEnd.STOPPED.value, f"{version} came after it"),
        )
        row = connection.execute(
            # `rival` is the baseline: a column keeps the name it was shipped with.
            "INSERT INTO trials (version, rival, share, turns, started) VALUES (?, ?, ?, ?, ?) RETURNING *",
            (version, baseline, share, turns, store.clock()),
        ).fetchone()
    return _canary(row)


def canary_under_way(store: Store) -> Canary | None:
    """The canary that answers some sessions now; None when there is none."""
    row = store.row("SELECT * FROM trials WHERE ended IS NULL ORDER BY id DESC LIMIT 1")
    return None if row is None else _canary(row)


def end_canary(store: Store, canary: Canary, outcome: CanaryEnd, reason: str) -> bool:
    """True for whoever ends it; False when it had ended already."""
    changed = store.execute(
        "UPDATE trials SET ended = ?, outcome = ?, reason = ? WHERE id = ? AND ended IS NULL",
        store.clock(),
        outcome.value,
        reason,
        canary.id,
    )
    return changed.rowcount > 0


def was_canary(store: Store, version: str) -> bool:
    """Whether this version was ever tried beside another."""
    return store.row("SELECT 1 FROM trials WHERE version = ?", version) is not None


def _canary(row: sqlite3.Row) -> Canary:
    return Canary(row["id"], row["version"], row["rival"], row["share"], row["turns"], row["started"])
