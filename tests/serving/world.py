"""A host on two backends of files, with versions to swap, and the steps of a swap in their order."""

from __future__ import annotations

from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict
from aeon_plugin_ft.events import Event, EventBus
from aeon_plugin_ft.registry import Registry, Version
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from tests.serving.fakes import BASE_MODEL, FakeDeployer

HAPPY = [
    SwapStep.BEGUN,
    SwapStep.BUILDING,
    SwapStep.BUILT,
    SwapStep.IMPORTED,
    SwapStep.LOADING,
    SwapStep.LOADED,
    SwapStep.SMOKE_TESTED,
    SwapStep.PROVED,
    SwapStep.DEPLOYED,
    SwapStep.PROMOTED,
    SwapStep.FLIPPED,
    SwapStep.WATCHED,
    SwapStep.RETIRING,
    SwapStep.RETIRED,
    SwapStep.DONE,
]


class World:
    """A data folder with three accepted versions, a rejected one, and a backend of files."""

    def __init__(self, data: DataFolder, store: Store) -> None:
        self.data, self.store = data, store
        self.registry = Registry(data, store)
        self.events: list[Event] = []
        self.settings = ServeSection(backend="plugin.fake")
        adapter = data.root / "adapter"
        adapter.mkdir()
        for number in range(4):
            good = number < 3
            self.registry.create(
                run=f"run{number}",
                adapter=adapter,
                dataset="d",
                base="tiny",
                base_digest=BASE_MODEL.digest,
                verdict=Verdict(good, () if good else (Check(CheckKind.GAIN, False, "it was worse"),), {}),
            )
        self.start()

    def start(self) -> None:
        """A fresh process, as far as memory goes."""
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.routes = RouteTable()
        self.backend = FakeDeployer(self.data.root / "backend")
        self.other = FakeDeployer(self.data.root / "other")
        self.backends = {"plugin.fake": self.backend, "plugin.other": self.other}
        self.swapper = Swapper(
            self.data,
            self.store,
            bus,
            self.routes,
            self.backends,
            lambda: self.settings,
            resolve=lambda _: BASE_MODEL,
        )

    def swap(self, number: int | None) -> None:
        self.swapper.swap(None if number is None else self.version(number), BASE_MODEL)

    def version(self, number: int) -> Version:
        return self.registry.get(str(number))

    @property
    def serving(self) -> str | None:
        return self.routes.current.version if self.routes.current else None

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]
