"""A host that dies (exit without any clean-up) at one step of a swap to v0002:

python -m tests.serving.killed_host DATA STEP [OLLAMA]      OLLAMA: the address of one that has "tiny:1b"
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.journal import Journal, SwapRecord
from aeon_plugin_ft.serving.merging import version as merged_version
from aeon_plugin_ft.serving.model import Deployer
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store

SETTINGS = ServeSection(threads=1, context_tokens=512)


def make_swapper(data: DataFolder, store: Store) -> tuple[Swapper, EmbeddedDeployer, BaseModel]:
    """What a host builds at its start; the base is the tiny model that lies in the data folder."""
    spec = str(data.root / "llama.gguf")

    def resolve(spec: str) -> BaseModel:
        return resolve_base(spec, data.cache / "base")

    deployer = EmbeddedDeployer(data)
    swapper = _swapper(data, store, deployer, resolve(spec), SETTINGS)
    return swapper, deployer, resolve(spec)


def make_ollama_swapper(data: DataFolder, store: Store, url: str) -> tuple[Swapper, OllamaDeployer, BaseModel]:
    """The same with an Ollama at `url`, whose tag tiny:1b is the base."""
    from tests.servers.merging import merge_here
    from tests.servers.models import make_base

    merged_version.merge_in_child = merge_here
    deployer = OllamaDeployer(data, pause=lambda _: None)
    settings = ServeSection(backend="ollama", ollama_url=url, ollama_model="tiny:1b")
    base = make_base(data.root / "base.gguf", "ollama:tiny:1b")
    return _swapper(data, store, deployer, base, settings), deployer, base


def _swapper(data: DataFolder, store: Store, deployer: Deployer, base: BaseModel, settings: ServeSection) -> Swapper:
    deployers = {deployer.name: deployer}
    return Swapper(data, store, EventBus(), RouteTable(), deployers, lambda: settings, resolve=lambda _: base)


def main() -> None:
    data = DataFolder(Path(sys.argv[1]))
    store = Store(data.database)
    url = sys.argv[3] if len(sys.argv) > 3 else ""
    made = make_ollama_swapper(data, store, url) if url else make_swapper(data, store)
    swapper, _, base = made
    swapper.recover()
    write = Journal.write

    def dying(self: Journal, entry: SwapRecord) -> None:
        write(self, entry)
        if entry.step.value == sys.argv[2]:
            os._exit(9)

    Journal.write = dying  # type: ignore[method-assign]
    swapper.swap(Registry(data, store).get("v0002"), base)


if __name__ == "__main__":
    main()
