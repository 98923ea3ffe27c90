"""Forgetting: one request followed through every stage, from the log to the versions.

Gone are the turns (log, index, feedback), every dataset that holds one of them and every run folder made
from such a dataset. A version trained on them stays usable only where it is: it is marked as tainted, never
comes back once it was left, and training again makes one without them. `dry_run` says what would go.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.logfile import wipe
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.turns import TurnIndex, rewrite_without, turns_quoting

REASON = "trained on something that was forgotten since"


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What went, or would go: turn ids (`quoting` repeat them in their history), datasets, runs, and the
    versions that were trained on them."""

    turns: tuple[str, ...] = ()
    quoting: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


class Forgetter:
    """Finds and removes turns, everywhere in one data folder."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store = data, store
        self.index = TurnIndex(store, data.log)
        self.registry = Registry(data, store)

    # -- which turns ---------------------------------------------------------------------------

    def last(self) -> list[str]:
        """The owner's newest conversation turn."""
        return [turn.id for turn in self.index.latest(50) if turn.caller == "chat"][:1]

    def since(self, moment: float) -> list[str]:
        """Every turn that began at `moment` (seconds since the epoch) or later."""
        return [row["id"] for row in self.store.rows("SELECT id FROM turns WHERE at >= ?", moment)]

    def about(self, text: str) -> list[str]:
        """Every turn in which these words stand, in any case; sentences of both sides are searched."""
        wanted = text.casefold().strip()
        if not wanted:
            return []
        return [turn.id for turn in self.index.turns() if wanted in f"{turn.user}\n{turn.reply}".casefold()]

    # -- forgetting ----------------------------------------------------------------------------

    def plan(self, ids: Collection[str]) -> Forgetting:
        """What forgetting these turns would take with it."""
        self.index.ingest()
        asked = tuple(sorted(set(ids)))
        if not asked:
            return Forgetting()
        quoting = tuple(sorted(turns_quoting(self.data.log, asked)))
        gone = {*asked, *quoting}
        datasets = {
            row["dataset"] for row in self.store.rows("SELECT dataset, turn FROM dataset_turns") if row["turn"] in gone
        }
        runs = [row["id"] for row in self.store.rows("SELECT id, dataset FROM runs") if row["dataset"] in datasets]
        versions = self.registry.trained_on(datasets)
        return Forgetting(asked, quoting, tuple(sorted(datasets)), tuple(runs), tuple(versions))

    def forget(self, ids: Collection[str]) -> Forgetting:
        """Remove them for good. Raises TrainingError while a run that uses them is training.

        Safe to repeat: what was interrupted is found again by the same request until the log no longer
        has the turns, and the log comes last.
        """
        found = self.plan(ids)
        if not found.turns:
            return found
        self._refuse_while_training(found)
        self.registry.taint(set(found.datasets), REASON)
        for version in found.versions:
            (self.data.versions / version / "report.json").write_text("{}", encoding="ascii")
            (self.data.versions / version / "report.html").unlink(missing_ok=True)
        for run in found.runs:
            shutil.rmtree(self.data.runs / run, ignore_errors=True)
        for dataset in found.datasets:
            shutil.rmtree(self.data.datasets / dataset, ignore_errors=True)
        gone = [*found.turns, *found.quoting]
        self._clean_store(found, gone)
        rewrite_without(self.data.log, gone)
        self.index.remove(gone)
        self._scrub()
        return found

    def _refuse_while_training(self, found: Forgetting) -> None:
        for row in self.store.rows("SELECT id, state FROM runs"):
            if row["id"] in found.runs and row["state"] == RunState.RUNNING.value:
                raise TrainingError(
                    f"Run {row['id']} is training on it right now", "Cancel the run (or let it end), then forget again"
                )

    def _clean_store(self, found: Forgetting, gone: Collection[str]) -> None:
        with self.store.transaction() as connection:
            for turn in gone:
                connection.execute("DELETE FROM feedback WHERE turn = ?", (turn,))
                connection.execute("DELETE FROM signals WHERE turn = ?", (turn,))
                connection.execute("DELETE FROM dataset_turns WHERE turn = ?", (turn,))
            for dataset in found.datasets:
                connection.execute("DELETE FROM datasets WHERE hash = ?", (dataset,))
                connection.execute("DELETE FROM dataset_turns WHERE dataset = ?", (dataset,))
            for run in found.runs:
                connection.execute(
                    "UPDATE runs SET state = ?, reason = ? WHERE id = ? AND state != ?",
                    (RunState.CANCELLED.value, REASON, run, RunState.FINISHED.value),
                )

    def _scrub(self) -> None:
        """Nothing stays in the plugin's own log, the database's free pages or its write-ahead log."""
        wipe(self.data.own_log.parent, self.data.own_log.name)
        self.store.execute("VACUUM")
        self.store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
