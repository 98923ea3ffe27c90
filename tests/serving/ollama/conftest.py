"""An Ollama with one base tag, and what is deployed to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.registry.model import Version
from aeon_plugin_ft.serving.merging import version as merged_version
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.ollama.server import OllamaServer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from tests.servers.merging import merge_here
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.servers.ollama import FakeOllama

GO_TEMPLATE = (
    '{{- if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}<|im_start|>user "x"\n{{ .Prompt }}'
)
PARAMETERS = {"stop": ["<|im_start|>", "<|im_end|>"], "temperature": 0.6, "num_ctx": 4096}
VERSIONS = ("0.24.0", "0.32.1", "0.34.2")


@dataclass
class Scene:
    """An Ollama with one base tag, and a version trained on it."""

    ollama: FakeOllama
    base: BaseModel
    deployer: OllamaDeployer
    data: DataFolder
    settings: ServeSection
    waits: list[float]

    @property
    def server(self) -> OllamaServer:
        """The deployer's side of that Ollama."""
        return self.deployer.server(self.ollama.url)

    def version(self, name: str = "v0001", **adapter: Any) -> Version:
        folder = write_adapter(self.data.root / f"made-{name}", **adapter)
        return make_version(self.data.versions, folder, self.base, name)

    def names(self) -> set[str]:
        return set(self.ollama.tags) - {"tiny:1b"}


def make_scene(ollama: FakeOllama, data: DataFolder, tmp_path: Path, **serve: Any) -> Scene:
    gguf = write_gguf(tmp_path / "base.gguf")
    tag = ollama.add_model(
        "tiny:1b", gguf, template=GO_TEMPLATE, parameters=PARAMETERS, system="Você é a Aeon.", license=("MIT", "Other")
    )
    base = make_base(ollama.blobs.path(tag.model_blob), "ollama:tiny:1b")
    waits: list[float] = []
    settings = ServeSection(ollama_url=ollama.url, ollama_model="tiny:1b", **serve)
    return Scene(ollama, base, OllamaDeployer(data, pause=waits.append), data, settings, waits)


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged_version, "merge_in_child", merge_here)


@pytest.fixture(params=VERSIONS)
def any_scene(request: pytest.FixtureRequest, data: DataFolder, tmp_path: Path) -> Iterator[Scene]:
    with FakeOllama(request.param) as ollama:
        scene = make_scene(ollama, data, tmp_path)
        yield scene
        scene.deployer.close()


@pytest.fixture
def scene(data: DataFolder, tmp_path: Path) -> Iterator[Scene]:
    with FakeOllama() as ollama:
        made = make_scene(ollama, data, tmp_path)
        yield made
        made.deployer.close()


def refusal(scene: Scene, kind: type[AeonFtError], match: str) -> AeonFtError:
    """Deploy, expect this error with a next step, and nothing left in use or behind."""
    with pytest.raises(kind, match=match) as raised:
        scene.deployer.deploy(scene.version(), scene.base, scene.settings)
    assert raised.value.todo
    assert scene.names() == set()
    assert not list(scene.data.serving.glob("*.gguf*"))
    uploads = {tag.blob for tag in scene.server.ledger.read().values()}
    # What was sent is known, for the next try or the next clean-up.
    assert uploads == scene.ollama.orphans() - {scene.base.digest}
    return raised.value
