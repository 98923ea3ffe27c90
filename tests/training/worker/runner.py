"""Runs of a tiny model, trained in this process."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Progress, Recipe, Run, RunOutcome
from aeon_plugin_ft.training.runs import RunConfig, create_run
from aeon_plugin_ft.training.worker.stopping import StopRequested


@dataclass
class Watch:
    """Raises at the `at`-th look; counts them."""

    at: int = -1
    looks: int = 0

    def check(self) -> None:
        self.looks += 1
        if self.looks == self.at:
            raise StopRequested(PauseCause.OWNER_BACK)


@dataclass
class Runner:
    """Makes runs of one dataset and trains them."""

    data: DataFolder
    store: Store
    base: BaseModel
    dataset: Dataset
    told: list[Progress] = field(default_factory=list)

    def new(self, recipe: Recipe) -> Run:
        return create_run(self.data, self.store, self.base, self.dataset, recipe)

    def train(self, run: Run, watch: Watch) -> RunOutcome:
        from aeon_plugin_ft.training.worker.session import Session

        return Session(run, RunConfig.read(run.folder), watch, lambda _: None, self.told.append).train()  # type: ignore[arg-type]


@pytest.fixture
def runner(data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset) -> Runner:
    return Runner(data, store, tiny_base, tiny_dataset)
