"""The command line as a test types and reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.evaluation.model import Check, CheckKind, Verdict
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.store import DataFolder, Store
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "samples" / "conversation.log"


class Cli:
    """Runs commands on one data folder and keeps what they printed."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data, self.capsys = data, capsys

    def __call__(self, *arguments: str) -> int:
        code = main(["--data", str(self.data), *arguments])
        captured = self.capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        return code

    def begin(self) -> None:
        """Make the data folder: what only looks at it makes none."""
        DataFolder(self.data).create()

    def json(self, *arguments: str) -> object:
        assert self(*arguments, "--json") == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path / "data", capsys)


def add_version(cli: Cli, tmp_path: Path, run: str, accepted: bool = True) -> str:
    data = DataFolder(cli.data).create()
    store = Store(data.database)
    adapter = tmp_path / f"adapter-{run}"
    adapter.mkdir()
    verdict = Verdict(accepted, (Check(CheckKind.GAIN, accepted, "the loss rose"),), {"gain.base": 0.3})
    made = Registry(data, store).create(
        run=run, adapter=adapter, dataset="d", base="b", base_digest="x", verdict=verdict
    )
    store.close()
    return made.name


def one_sentence(text: str) -> bool:
    return "Traceback" not in text and len(text.strip().splitlines()) == 1
