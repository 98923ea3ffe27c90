"""Trials: an accepted version that answers a share of the sessions before it takes over (table `trials`)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from aeon_plugin_ft.store import Store

BETTER = "it was measured to be better"
"""Why a version was promoted after the gate."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`version` answers `share` of the sessions beside `rival`, until it has answered `turns`."""

    id: int
    version: str
    rival: str
    share: float
    turns: int
    started: float


def begin_trial(store: Store, version: str, rival: str, share: float, turns: int) -> Trial:
    """Start one; the trial under way, if any, ends as stopped. A running host deploys it within a second."""
    with store.transaction() as connection:
        connection.execute(
            "UPDATE trials SET ended = ?, outcome = 'stopped', reason = ? WHERE ended IS NULL",
            (store.clock(), f"{version} came after it"),
        )
        row = connection.execute(
            "INSERT INTO trials (version, rival, share, turns, started) VALUES (?, ?, ?, ?, ?) RETURNING *",
            (version, rival, share, turns, store.clock()),
        ).fetchone()
    return _trial(row)


def trial_under_way(store: Store) -> Trial | None:
    row = store.row("SELECT * FROM trials WHERE ended IS NULL ORDER BY id DESC LIMIT 1")
    return None if row is None else _trial(row)


def end_trial(store: Store, trial: Trial, outcome: str, reason: str) -> bool:
    """True for whoever ends it; False when it had ended already."""
    changed = store.execute(
        "UPDATE trials SET ended = ?, outcome = ?, reason = ? WHERE id = ? AND ended IS NULL",
        store.clock(),
        outcome,
        reason,
        trial.id,
    )
    return changed.rowcount > 0


def _trial(row: sqlite3.Row) -> Trial:
    return Trial(row["id"], row["version"], row["rival"], row["share"], row["turns"], row["started"])
