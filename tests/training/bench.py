"""What tests of trainings share: runs on one base and data set, and waiting for what their workers do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, Run
from aeon_plugin_ft.training.runs import create_run
from aeon_plugin_ft.training.supervise import Worker

PATIENCE = 600.0
"""Seconds: for a busy machine."""


@dataclass
class Bench:
    """Makes runs, and waits for their workers."""

    data: DataFolder
    store: Store
    base: BaseModel
    dataset: Dataset

    def new(self, recipe: Recipe) -> Run:
        return create_run(self.data, self.store, self.base, self.dataset, recipe)

    def until(self, worker: Worker, come: Callable[[], bool]) -> None:
        """Wait for something that the worker brings about while it lives."""
        deadline = time.monotonic() + PATIENCE
        while not come():
            log = (worker.run.folder / "worker.log").read_text(encoding="utf-8")[-4000:]
            assert worker.alive and time.monotonic() < deadline, log
            time.sleep(0.02)

    def until_step(self, worker: Worker, step: int) -> None:
        def reached() -> bool:
            progress = worker.poll()
            return progress is not None and progress.step >= step

        self.until(worker, reached)
