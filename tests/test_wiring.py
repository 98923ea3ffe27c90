"""The parts are put together in one place, for a host and for a command alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from aeon_plugin_ft import wiring
from aeon_plugin_ft.cli.context import Context
from aeon_plugin_ft.host.reloading import open_or_defaults
from aeon_plugin_ft.store import DataFolder, Store
from hooks import HookCaller, build_manager
from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "aeon_plugin_ft"
SHARED_PARTS = {"Pipeline", "Backends", "EventBus", "Extensions", "FailurePolicy", "ScheduleObserver"}
"""What a host and the commands both need."""


def constructions() -> Iterator[tuple[str, str]]:
    """(class, file) of each place in the product where one of the shared parts is made."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHARED_PARTS:
                yield node.func.id, path.name


def test_each_shared_part_is_made_in_one_place() -> None:
    assert sorted(constructions()) == [(name, "wiring.py") for name in sorted(SHARED_PARTS)]


@pytest.fixture
def parts(data: DataFolder, store: Store) -> wiring.Parts:
    events = wiring.make_events(store)
    hooks = HookCaller(build_manager(entry_points=False))
    return wiring.build(data, store, open_or_defaults(data.settings, events), events, hooks)


def test_a_hosts_parts_are_one_set(parts: wiring.Parts) -> None:
    pipeline = parts.pipeline
    assert (pipeline.store, pipeline.events, pipeline.extensions) == (parts.store, parts.events, parts.extensions)
    assert pipeline.deployers() is parts.backends
    with pytest.raises(FrozenInstanceError):
        parts.store = parts.store  # type: ignore[misc]


def test_a_changed_setting_reaches_the_parts_of_a_host_and_of_a_command(parts: wiring.Parts, tmp_path: Path) -> None:
    command = Context(tmp_path / "elsewhere", None, False)
    for basis, pipeline in ((parts, parts.pipeline), (command, command.pipeline())):
        observer = wiring.make_observer(basis, wiring.make_failures(basis))
        basis.settings_file.set("schedule.first_turns", 7)
        basis.settings_file.set("train.rank", 9)
        assert observer.turns_needed() == 7 and pipeline.settings().train.rank == 9
    command.close()


def test_a_command_opens_only_what_it_needs(tmp_path: Path) -> None:
    command = Context(tmp_path / "data", None, False)
    assert command.registry.current() == "base"
    assert {"store", "registry"} <= set(vars(command)) and not {"backends", "extensions"} & set(vars(command))
    command.close()
