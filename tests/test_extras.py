"""The command that installs an optional part."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from aeon_plugin_ft.extras import alone_by, origin, pip_command


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


@pytest.mark.parametrize(
    ("mark", "maker", "begins"),
    [
        ("pipx_metadata.json", "pipx", "pipx inject aeon-plugin-ft "),
        ("uv-receipt.toml", "uv", f'uv pip install --python "{sys.executable}" '),
        ("pyvenv.cfg", None, "pip install "),
    ],
)
def test_into_an_environment_of_the_commands_own_its_maker_installs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str, maker: str | None, begins: str
) -> None:
    (tmp_path / mark).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert alone_by() == maker
    command = pip_command("train")
    assert command.startswith(begins) and '"torch>=2.6"' in command
    assert pip_command("train", python=Path("/aeon/python")).startswith('"' + str(Path("/aeon/python")) + '" -m pip ')


def test_where_the_package_came_from_is_what_is_installed_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "a plugin.whl"
    wheel.touch()

    def came_from(note: str | None) -> str:
        found = SimpleNamespace(read_text=lambda name: note if name == "direct_url.json" else None)
        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: found)
        return origin()

    assert came_from(json.dumps({"url": wheel.as_uri(), "archive_info": {}})) == f'"{wheel}"'
    assert came_from(json.dumps({"url": (tmp_path / "gone.whl").as_uri()})) == "aeon-plugin-ft"
    assert came_from(json.dumps({"url": "https://example.org/a.whl"})) == "aeon-plugin-ft"
    assert came_from(None) == came_from("{") == "aeon-plugin-ft"
