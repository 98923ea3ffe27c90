"""Table `runs`: every statement on it, and the one function that changes the state of a run. Torch-free."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.causes import RunCause, run_cause
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.model import Run, RunOutcome, RunState
from aeon_plugin_ft.training.progress import read_outcome
from aeon_plugin_ft.wording import english

log = logging.getLogger("aeon_ft.training")

_S = RunState
FROM: dict[RunState, frozenset[RunState]] = {
    _S.PENDING: frozenset({_S.PAUSED, _S.INTERRUPTED, _S.FAILED}),
    _S.RUNNING: frozenset({_S.PENDING, _S.PAUSED, _S.INTERRUPTED, _S.FAILED}),
    _S.PAUSED: frozenset({_S.PENDING, _S.RUNNING, _S.INTERRUPTED}),
    # A worker that was out of memory says that it failed; its supervisor lets it go on with less at once.
    _S.INTERRUPTED: frozenset({_S.PENDING, _S.RUNNING, _S.PAUSED, _S.FAILED}),
    # A worker may live on after its host, which took it for dead: what it has finished counts.
    _S.FINISHED: frozenset({_S.PENDING, _S.RUNNING, _S.PAUSED, _S.INTERRUPTED}),
    _S.FAILED: frozenset({_S.PENDING, _S.RUNNING, _S.PAUSED, _S.INTERRUPTED}),
    _S.CANCELLED: frozenset({_S.PENDING, _S.RUNNING, _S.PAUSED, _S.INTERRUPTED, _S.FAILED}),
}
"""From which states a run may come into each. To stay in one is always allowed (a heartbeat, an outcome that is told
twice); what is finished stays finished, and what is cancelled never runs again."""

ACTIVE = (RunState.PENDING, RunState.RUNNING, RunState.PAUSED, RunState.INTERRUPTED)
LEFT = (RunState.PAUSED, RunState.INTERRUPTED)
"""Begun, and left in the middle."""
ENDED = (RunState.FINISHED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the store knows about a run. `cause` is why it is in its state, `reason` the same for people."""

    id: str
    folder: Path
    state: RunState
    step: int
    steps: int
    attempts: int
    dataset: str
    base: str
    cause: RunCause | None
    reason: str
    created: float
    updated: float
    turns: int | None = None
    """Turns that taught something when it was made; None for one from before they were counted."""
    parent: Path | None = None
    """The adapter that it goes on from."""

    @property
    def run(self) -> Run:
        """The run as the folder functions take it."""
        return Run(self.id, self.folder)

    def plain(self) -> dict[str, Any]:
        """The row for scripts, ready for JSON."""
        values = {name: getattr(self, name) for name in ("id", "created", "dataset", "base", "step", "steps")}
        values |= {name: getattr(self, name) for name in ("attempts", "updated", "turns")}
        return {
            **values,
            "state": self.state.value,
            "cause": None if self.cause is None else self.cause.value,
            "reason": self.reason or None,
            "parent": None if self.parent is None else str(self.parent),
        }

    @property
    def outcome(self) -> RunOutcome | None:
        """What outcome.json says; None while there is none."""
        return read_outcome(self.run.outcome_file)


# -- asking --------------------------------------------------------------------------------------


def get_run(store: Store, id: str) -> RunRow | None:
    """The row of one run; None when there is no such run."""
    row = store.row("SELECT * FROM runs WHERE id = ?", id)
    return None if row is None else _row(store, row)


def list_runs(store: Store, limit: int = -1) -> list[RunRow]:
    """Newest first, by order and not by the clock; -1: every one."""
    return [_row(store, row) for row in store.rows("SELECT * FROM runs ORDER BY rowid DESC LIMIT ?", limit)]


def runs_in(store: Store, states: Collection[RunState]) -> list[RunRow]:
    """The runs in one of these states, newest first."""
    return [row for row in list_runs(store) if row.state in states]


def newest_run(store: Store) -> RunRow | None:
    """The last run, whatever became of it."""
    return next(iter(list_runs(store, 1)), None)


def latest_run(store: Store) -> RunRow | None:
    """The last run that was not cancelled."""
    row = store.row("SELECT * FROM runs WHERE state != ? ORDER BY rowid DESC LIMIT 1", RunState.CANCELLED.value)
    return None if row is None else _row(store, row)


def unfinished_run(store: Store, states: Collection[RunState] = LEFT) -> RunRow | None:
    """The newest run that was left in the middle; None when there is none."""
    return next(iter(runs_in(store, states)), None)


def finished_runs(store: Store, dataset: str, base: str) -> list[str]:
    """Ids of the runs that have learnt this dataset (its hash) on this base (its digest), newest first."""
    rows = store.rows(
        "SELECT id FROM runs WHERE dataset = ? AND base = ? AND state = ? ORDER BY rowid DESC",
        dataset, base, RunState.FINISHED.value,
    )  # fmt: skip
    return [row["id"] for row in rows]


def runs_on(store: Store, datasets: Collection[str]) -> list[RunRow]:
    """The runs that learn, or have learnt, from one of these datasets, oldest first."""
    return [row for row in reversed(list_runs(store)) if row.dataset in datasets]


# -- changing ------------------------------------------------------------------------------------


def add_run(store: Store, id: str, dataset: str, base: str, parent: Path | None, steps: int, turns: int) -> None:
    """A new run that waits to be started. `turns` is how many turns that teach something there are now."""
    now = store.clock()
    store.execute(
        "INSERT INTO runs (id, created, dataset, base, parent, state, step, steps, attempts, reason, updated, turns) "
        "VALUES (?, ?, ?, ?, ?, ?, 0, ?, 0, NULL, ?, ?)",
        id, now, dataset, base, str(parent) if parent else None, RunState.PENDING.value, steps, now, turns,
    )  # fmt: skip


def set_state(
    store: Store, id: str, state: RunState, *, step: int | None = None, cause: RunCause | None = None, reason: str = ""
) -> bool:
    """Bring a run into a state; False, and nothing is changed, where FROM does not allow it or there is no such run.

    `cause` says why and replaces what was there; `reason` says it to people, with names and numbers, and is made from
    the cause when it is left out. `step` None keeps the step. One statement, so that of two processes one wins.
    """
    allowed = [before.value for before in (state, *sorted(FROM[state], key=lambda one: one.value))]
    changed = store.execute(
        "UPDATE runs SET state = ?, step = COALESCE(?, step), cause = ?, reason = ?, updated = ?"
        f" WHERE id = ? AND state IN ({', '.join('?' * len(allowed))})",
        state.value, step, None if cause is None else cause.value, reason or english(cause) or None, store.clock(),
        id, *allowed,
    )  # fmt: skip
    if not changed.rowcount:
        log.warning("run %s cannot become %s", id, state.value)
    return changed.rowcount > 0


def begin_attempt(store: Store, id: str) -> None:
    """A worker was started for this run."""
    if set_state(store, id, RunState.RUNNING):
        store.execute("UPDATE runs SET attempts = attempts + 1 WHERE id = ?", id)


def set_turns(store: Store, id: str, turns: int) -> None:
    """Count new turns from here on: some that the run had seen were forgotten."""
    store.execute("UPDATE runs SET turns = ? WHERE id = ?", turns, id)


def _row(store: Store, row: Any) -> RunRow:
    return RunRow(
        id=row["id"],
        # Not a column: a data folder that is moved takes its runs with it.
        folder=store.path.parent / "runs" / row["id"],
        state=RunState(row["state"]),
        step=row["step"],
        steps=row["steps"],
        attempts=row["attempts"],
        dataset=row["dataset"],
        base=row["base"],
        cause=run_cause(row["cause"]),
        reason=row["reason"] or "",
        created=row["created"],
        updated=row["updated"],
        turns=row["turns"],
        parent=Path(row["parent"]) if row["parent"] else None,
    )
