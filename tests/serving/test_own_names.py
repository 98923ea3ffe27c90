"""What the plugin serves is known again by its name, wherever the log says who replied."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.ollama.tags import tag_name
from aeon_plugin_ft.serving.openai import deployer as openai
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind


def said_by(model: str) -> LoggedTurn:
    return LoggedTurn("t", "s", 0.0, TurnKind.CHAT, "chat", (), "oi", model=model)


@pytest.mark.parametrize("version", ["base", "v0003"])
def test_every_name_that_a_backend_gives_is_the_plugins_own(
    version: str, data: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.serving.embedded.deployer.keeps_all", lambda *_: False)
    base = BaseModel("x", "sha256:0", "llama", 1, Path("x"), Path("x.gguf"))
    embedded = EmbeddedDeployer(data)._config(version, base, None, ServeSection(), trained=False).alias
    for name in (embedded, tag_name(version, "sha256:1a2b3c4d5e"), openai._name(version, "sha256:1a2b3c4d5e")):
        assert said_by(name).is_own, name


@pytest.mark.parametrize("model", ["", "llama3.1:8b", "openai/gpt-oss-20b", "my-aeon-ft"])
def test_a_model_of_the_owners_is_none(model: str) -> None:
    assert not said_by(model).is_own
