"""`python -m aeon_plugin_ft.training.places.keeper <data folder of the run> <root>`: stays with a run over there.

It needs no connection: it starts the training worker, begins it again where it hangs, and leaves when the file `leave`
says why. `alive` is touched each second, `ended.json` is written last.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import threading
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.errors import AeonFtError, RunStoppedError
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.processes.parent import ParentPipe
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.model import Run, RunState
from aeon_plugin_ft.training.places.cargo import base_at
from aeon_plugin_ft.training.progress import read_outcome
from aeon_plugin_ft.training.runs import RunConfig, reap_runs, resume_run
from aeon_plugin_ft.training.staying import stay_with
from aeon_plugin_ft.training.table import add_run, get_run, set_state
from aeon_plugin_ft.training.worker import priority
from aeon_plugin_ft.training.worker.priority import Priority

BEAT_SECONDS = 1.0
SPEC, LEAVE, ALIVE, ENDED = "spec.json", "leave", "alive", "ended.json"


def main(arguments: list[str]) -> int:
    """One stay with a run; the exit code says nothing, ended.json says all."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    keeper = Keeper(Path(arguments[0]), Path(arguments[1]))
    if "--supervised" in arguments:
        # On a node of a cluster: it ends with whoever started it, and what it trains with it.
        keeper.parent = ParentPipe()
    keeper.keep()
    return 0


class NobodyListens(EventBus):
    """Where the owner's programs are is elsewhere: what happens to the run is written down for them."""


class Keeper:
    """Keeps one run in its own small data folder."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.run = Run(folder.name, folder / "runs" / folder.name)
        self._over = threading.Event()
        self.parent: ParentPipe | None = None

    def keep(self) -> None:
        """From start to end; whatever happens is written down for the other side."""
        beat = threading.Thread(target=self._beat, name="aeon-ft-alive", daemon=True)
        beat.start()
        try:
            ended = self._train()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side must hear it
            logging.error("%s", traceback.format_exc())
            ended = _failed(str(error) if isinstance(error, AeonFtError) else f"{type(error).__name__}: {error}")
        write_json(self.folder / ENDED, ended)
        self._over.set()
        beat.join()
        (self.folder / ALIVE).unlink(missing_ok=True)
        if self.wanted() is PauseCause.OWNER_CANCELLED:
            # Nobody comes for it any more: nothing of the owner's stays.
            shutil.rmtree(self.folder, ignore_errors=True)

    def wanted(self) -> PauseCause | None:
        """Why to leave; None while nobody has said so."""
        if self.parent is not None and self.parent.gone():
            return PauseCause.HOST_GONE
        try:
            return PauseCause((self.folder / LEAVE).read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return PauseCause.ASKED

    def _train(self) -> dict[str, Any]:
        data = DataFolder(self.folder).create()
        store = Store(data.database)
        try:
            self._make_ready(data, store)
            try:
                stay_with(self.run, data, store, NobodyListens(), self.wanted, None)
            except (RunStoppedError, AeonFtError) as error:
                logging.info("%s", error)
            row, outcome = get_run(store, self.run.id), read_outcome(self.run.outcome_file)
        finally:
            store.close()
        state = RunState.INTERRUPTED if row is None else row.state
        cause = None if row is None or row.cause is None else row.cause.value
        told = None if outcome is None else {**asdict(outcome), "state": outcome.state.value}
        return {"state": state.value, "cause": cause, "reason": "" if row is None else row.reason, "outcome": told}

    def _make_ready(self, data: DataFolder, store: Store) -> None:
        """The run with the paths of this machine, as a row that may be started."""
        spec = json.loads((self.folder / SPEC).read_text(encoding="utf-8"))
        # Of this process's children, the worker: as whoever sent the run wants it.
        priority.OF_CHILDREN = Priority(spec.get("priority", Priority.LOWEST.value))
        config = RunConfig.read(self.run.folder)
        base = base_at(config.base, self.root / "things" / spec["base"])
        threads = spec.get("threads") or config.recipe.threads
        parent = None if config.parent is None else self.folder / "parent"
        replace(
            config, base=base, dataset=data.datasets / config.dataset_hash, store=data.database.absolute(),
            parent=parent, recipe=replace(config.recipe, threads=threads),
        ).write(self.run.folder)  # fmt: skip
        reap_runs(store, data)
        if get_run(store, self.run.id) is None:
            add_run(store, self.run.id, config.dataset_hash, base.digest, parent, config.recipe.steps, 0)
        elif not set_state(store, self.run.id, RunState.PENDING):
            resume_run(self.run.id, data, store)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            (self.folder / ALIVE).touch()


def _failed(reason: str) -> dict[str, Any]:
    return {"state": RunState.FAILED.value, "cause": EndCause.BROKE.value, "reason": reason, "outcome": None}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
