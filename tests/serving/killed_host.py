"""A host that dies (exit without any clean-up) at one step of a swap: python -m tests.serving.killed_host DATA STEP"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.serving import EmbeddedDeployer, RouteTable, Swapper
from aeon_plugin_ft.serving.journal import Entry, Journal
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store

SETTINGS = ServeSection(threads=1, context_tokens=512)


def make_swapper(data: DataFolder, store: Store) -> tuple[Swapper, EmbeddedDeployer, BaseModel]:
    """What a host builds at its start; the base is the tiny model that lies in the data folder."""
    spec = str(data.root / "llama.gguf")

    def resolve(spec: str) -> BaseModel:
        return resolve_base(spec, data.cache / "base")

    deployer = EmbeddedDeployer(data, SETTINGS)
    swapper = Swapper(data, store, EventBus(), RouteTable(), {"embedded": deployer}, resolve=resolve)
    return swapper, deployer, resolve(spec)


def main() -> None:
    data = DataFolder(Path(sys.argv[1]))
    store = Store(data.database)
    swapper, _, base = make_swapper(data, store)
    swapper.recover()
    write = Journal.write

    def dying(self: Journal, entry: Entry) -> None:
        write(self, entry)
        if entry.step.value == sys.argv[2]:
            os._exit(9)

    Journal.write = dying  # type: ignore[method-assign]
    swapper.swap(Registry(data, store).get("v0002"), base, "embedded")


if __name__ == "__main__":
    main()
