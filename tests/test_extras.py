"""The command that installs an optional part."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

import pytest

from aeon_plugin_ft.extras import pip_command


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    pip_command.cache_clear()
    yield
    pip_command.cache_clear()


def test_it_names_the_packages_of_the_extra_and_no_other() -> None:
    command = pip_command("train")
    assert command.startswith("pip install ") and '"torch>=2.6"' in command and "peft" in command
    assert "bitsandbytes" not in command and "pluggy" not in command
    assert "bitsandbytes" in pip_command("train", "4bit")


def test_without_metadata_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", missing)
    assert pip_command("train", "4bit") == 'pip install "aeon-plugin-ft[train,4bit]"'
