"""What other plugins add: asked once, used wherever a file is read or a dataset is made, refused when it is not one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import Trouble
from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.dataset.filters import Filter
from aeon_plugin_ft.dataset.importers.importing import Reading, TurnMaker
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.events import AttentionNeeded
from aeon_plugin_ft.extensions import Extensions
from aeon_plugin_ft.serving.backends import Backends
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import HookCaller, Turn, build_manager, hookimpl
from tests.cli.commands import Cli, cli
from tests.flow.owner import Owner, eventually, no_real_models
from tests.serving.fakes import FakeDeployer

__all__ = ["cli", "no_real_models"]


class Icq:
    """A chat format of a line a turn: "ICQ question | reply"."""

    name, title = "icq", "ICQ"

    def sniff(self, sample: str) -> float:
        return float(sample.startswith("ICQ"))

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        maker = TurnMaker(self.name)
        for _, line in source.lines():
            user, _, reply = line.removeprefix("ICQ ").partition(" | ")
            yield maker.make(user, reply)


class Others:
    """A plugin that adds a format and a filter, and keeps the bank out of the log."""

    def __init__(self) -> None:
        self.asked = 0

    @hookimpl
    def ft_register_importers(self, register: Any) -> None:
        self.asked += 1
        register(Icq())

    @hookimpl
    def ft_register_filters(self, register: Any) -> None:
        register(Filter("no_cats", "Speaks of cats.", lambda turn, *_: "a cat" if "gato" in turn.user else None))

    @hookimpl
    def ft_refuse_turn(self, turn: Turn) -> str | None:
        return "the bank" if "banco" in turn.prompt else None


class Wrong:
    @hookimpl
    def ft_register_importers(self, register: Any) -> None:
        register("not an importer")

    @hookimpl
    def ft_register_filters(self, register: Any) -> None:
        register(Icq())


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Others:
    made = Others()
    monkeypatch.setattr("hooks.build_manager", lambda: build_manager(made, entry_points=False))
    return made


def test_what_is_no_importer_or_filter_is_refused_and_the_others_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    caller = HookCaller(build_manager(Others(), Wrong(), entry_points=False))
    with caplog.at_level(logging.WARNING):
        found = Extensions(caller)
        assert "icq" in found.importers.names() and found.importers is found.importers
        assert "no_cats" in [one.name for one in found.filters.all()]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "'not an importer' is not an importer: it has no name, title, sniff, read" in caplog.text
    assert "is not a filter: it has no reason, check" in caplog.text


def test_without_other_plugins_there_is_what_is_built_in() -> None:
    assert "aeon" in Extensions.built_in().importers.names()
    assert "icq" not in Extensions.built_in().importers.names()


def test_the_command_line_reads_their_format_heeds_their_filter_and_their_veto(
    cli: Cli, others: Others, tmp_path: Any
) -> None:
    file = tmp_path / "old.txt"
    file.write_text(
        "ICQ e o gato? | Dorme, cara, como sempre.\nICQ e o xadrez? | Massa, cara, bora jogar.\nICQ meu banco | Sei.\n",
        encoding="utf-8",
    )
    assert cli("dataset", "import", str(file)) == 0, cli.err
    said = " ".join(cli.out.split())
    assert "2 turns added (icq)" in said and "kept out: 1 the bank" in said
    shown: Any = cli.json("dataset", "review", "--filter", "no_cats")
    assert [(item["user"], item["reason"]) for item in shown] == [("e o gato?", "a cat")]
    listed: Any = cli.json("dataset", "filters")
    assert "no_cats" in [one["name"] for one in listed]
    assert cli("convert", str(file), "-o", str(tmp_path / "out.jsonl")) == 0
    assert "3 pairs" in cli.out


def test_a_running_host_heeds_their_filter(tmp_path: Any) -> None:
    owner = Owner(tmp_path / "data", Others())
    runtime = owner.start()
    owner.says("e o gato?", "Dorme, cara, como sempre.")
    eventually(lambda: runtime.index.count(None) == 1)
    assert [dropped.filter for dropped in runtime.pipeline.draft().dropped] == ["no_cats"]
    owner.caller.all("aeon_stopping")


def test_plugins_are_asked_once_a_command(others: Others, tmp_path: Any) -> None:
    shared = Context(tmp_path / "data", None, False)
    assert shared.pipeline().extensions is shared.pipeline().extensions
    assert shared.extensions.importers.names() and shared.extensions.importers.names()
    assert others.asked == 1
    shared.close()


class Shelf:
    """A plugin with a backend of its own, which also hears what happens."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def ft_register_deployers(self, register: Any) -> None:
        register("shelf", lambda data, settings: FakeDeployer(data.root))

    @hookimpl
    def ft_event(self, event: Any) -> None:
        self.heard.append(event.name)


class NoBackend:
    @hookimpl
    def ft_register_deployers(self, register: Any) -> None:
        register("Not a name", None)


class Half:
    """A backend as an earlier plugin would write it: no settings in the call, nothing to discard."""

    name = "plugin.half"

    def deploy(self, version: Any, base: Any) -> Any: ...

    def check(self, deployment: Any) -> None: ...

    def retire(self, deployment: Any, settings: Any) -> None: ...

    def close(self) -> None: ...


class OfHalf:
    @hookimpl
    def ft_register_deployers(self, register: Any) -> None:
        register("half", lambda data, settings: Half())


def test_a_backend_of_another_plugin_can_be_chosen(data: DataFolder, caplog: pytest.LogCaptureFixture) -> None:
    extensions = Extensions(HookCaller(build_manager(NoBackend(), Shelf(), entry_points=False)))
    wanted = ServeSection(backend="plugin.shelf")
    with caplog.at_level(logging.CRITICAL):
        backends = extensions.add_backends(Backends(data, lambda: wanted, system_prompt=str), data)
    assert isinstance(backends.chosen(), FakeDeployer)
    assert [name for name in backends if name.startswith("plugin.")] == ["plugin.shelf"]
    backends.close()
    with pytest.raises(ServingError, match=r"plugin\.shelf.*embedded"):
        Backends(data, lambda: wanted, system_prompt=str).chosen()
    with pytest.raises(ValueError, match="backend"):
        ServeSection(backend="shelf")


def test_a_backend_that_lacks_a_part_is_refused_when_it_is_registered_by_name(
    data: DataFolder, caplog: pytest.LogCaptureFixture
) -> None:
    extensions = Extensions(HookCaller(build_manager(OfHalf(), Shelf(), entry_points=False)))
    with caplog.at_level(logging.WARNING):
        backends = extensions.add_backends(Backends(data, ServeSection, system_prompt=str), data)
    assert [name for name in backends if name.startswith("plugin.")] == ["plugin.shelf"]
    missing = "abandon(), deploy(version, base, settings, on_step, on_moved), discard(), fits(), warm_prompt()"
    assert f"the backend half is no Deployer: it has no {missing}" in caplog.text


def test_every_plugin_hears_the_events_of_the_loop(tmp_path: Path) -> None:
    shelf = Shelf()
    owner = Owner(tmp_path / "data", shelf)
    runtime = owner.start()
    runtime.events.publish(AttentionNeeded(trouble=Trouble.OTHER, what="nothing", todo="nothing"))
    owner.caller.all("aeon_stopping")
    assert "attention_needed" in shelf.heard
