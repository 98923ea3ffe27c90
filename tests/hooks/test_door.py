"""The door: opened once, found again after a hot reload, closed without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hooks import Host, Turn, build_manager, hookimpl
from hooks.door import REPORT, Door, find_door, open_door
from hooks.heard import RouterEar
from tests.conftest import REPOSITORY
from tests.host.brain import StockBrain


class Plugin:
    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.heard: list[str] = []
        self.turns: list[Turn] = []
        self.stopped = 0

    @hookimpl
    def aeon_started(self, host: Host) -> None:
        self.hosts.append(host)

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        self.heard.append(text)
        return "Pausei." if text.startswith("parar o treino") else None

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        self.turns.append(turn)

    @hookimpl
    def aeon_stopping(self) -> None:
        self.stopped += 1


class Manager:
    """Aeon's router as far as the ear needs it: "parar" opens the exit question."""

    def __init__(self, brain: StockBrain) -> None:
        self.brain = brain
        self.focused_module: Any = None
        self.trigger_map: dict[str, Any] = {
            "parar": "Sistema",
            "treinar modelo": SimpleNamespace(opens_plugin_door=True),
        }

    def _normalize(self, text: str) -> str:
        return text.lower().strip("?!. ")

    def route_command(self, command: str) -> str | None:
        return "Quer sair?" if "parar" in command.lower() else None


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.fixture
def core() -> dict[str, Any]:
    brain = StockBrain({"GROQ_KEY": "k"})
    return {"brain": brain, "gui": SimpleNamespace(add_message=lambda *a: None), "module_manager": Manager(brain)}


@pytest.fixture
def door(core: dict[str, Any], plugin: Plugin) -> Iterator[Door]:
    made = open_door(core, build_manager(plugin, entry_points=False))
    yield made
    made.close()


def test_the_plugins_are_told_once_with_a_host(door: Door, core: dict[str, Any], plugin: Plugin) -> None:
    assert open_door(core, build_manager(entry_points=False)) is door
    (host,) = plugin.hosts
    assert host.brain is core["brain"] and host.root is not None
    assert host.data_folder == host.root / "bagagem" / "finetuning"
    assert not host.is_private() and not host.is_busy()
    assert find_door(host.root) is door and find_door(Path("elsewhere")) is None


def test_a_command_wins_over_a_foreign_trigger_inside_it(door: Door, core: dict[str, Any], plugin: Plugin) -> None:
    manager = core["module_manager"]
    assert manager.route_command("parar o treino") == "Pausei."
    assert manager.route_command("preparar o jantar") == "Quer sair?"
    assert manager.route_command("oi") is None


def test_aeons_own_triggers_word_for_word_and_open_questions_go_first(
    door: Door, core: dict[str, Any], plugin: Plugin
) -> None:
    manager = core["module_manager"]
    assert manager.route_command("Parar!") == "Quer sair?" and plugin.heard == []
    manager.route_command("treinar modelo")
    assert plugin.heard == ["treinar modelo"], "a trigger of the plugin's own module is the plugin's"
    manager.focused_module = object()
    assert manager.route_command("parar o treino") == "Quer sair?" and plugin.heard == ["treinar modelo"]


def test_a_sentence_is_offered_once_on_its_way_through_router_module_and_brain(
    door: Door, core: dict[str, Any], plugin: Plugin
) -> None:
    def main_logic(text: str) -> Any:
        reply = core["module_manager"].route_command(text)
        assert door.heard(text) is None
        return reply if reply is not None else ask(core["brain"], text)

    names: dict[str, Any] = {"__name__": "core.main_gui_logic"}
    exec("def ask(brain, text): return brain.pensar(text)", names)
    ask = names["ask"]
    assert main_logic("oi") == "groq: oi" and plugin.heard == ["oi"]
    assert main_logic("oi") == "groq: oi" and plugin.heard == ["oi", "oi"]
    assert ask(core["brain"], "outra via") == "groq: outra via" and plugin.heard[-1] == "outra via"


def test_the_module_is_answered_when_the_router_is_not_listened_to(door: Door) -> None:
    assert door.heard("parar o treino agora") == "Pausei." and door.heard("oi") is None


def test_a_new_brain_and_a_new_router_are_attached_on_reload(door: Door, core: dict[str, Any], plugin: Plugin) -> None:
    old = core["brain"]
    core["brain"] = StockBrain({"GROQ_KEY": "k"})
    core["module_manager"] = Manager(core["brain"])
    assert open_door(core) is door
    assert "pensar" not in old.__dict__
    core["brain"].pensar("oi")
    assert plugin.turns[0].reply == "groq: oi"
    assert core["module_manager"].route_command("parar o treino") == "Pausei."


def test_closing_leaves_every_object_as_it_was(core: dict[str, Any], plugin: Plugin) -> None:
    before = {name: dict(vars(core[name])) for name in core}
    keys = set(core)
    door = open_door(core, build_manager(plugin, entry_points=False))
    door.close()
    door.close()
    assert plugin.stopped == 1 and find_door() is None
    assert {name: vars(core[name]) for name in core} == before and set(core) == keys


def test_an_ear_under_a_later_wrapper_only_stops_listening(core: dict[str, Any], plugin: Plugin) -> None:
    manager = core["module_manager"]
    door = open_door(core, build_manager(plugin, entry_points=False))
    inner = manager.route_command
    manager.route_command = lambda command: f"<{inner(command)}>"
    door.close()
    assert manager.route_command("parar o treino") == "<Quer sair?>"


def test_a_router_that_is_odd_is_left_to_route(core: dict[str, Any], plugin: Plugin) -> None:
    manager = core["module_manager"]
    del manager.focused_module
    ear = RouterEar(manager, open_door(core, build_manager(plugin, entry_points=False)).hooks)
    assert manager.route_command("parar") == "Quer sair?"
    ear.detach()
    door = find_door()
    assert door is not None
    door.close()


def test_a_note_is_left_for_doctor_where_there_is_a_data_folder(
    core: dict[str, Any], plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.aeon.find_root", lambda core: tmp_path)
    (tmp_path / "bagagem" / "finetuning").mkdir(parents=True)
    door = open_door(core, build_manager(plugin, entry_points=False))
    note = json.loads((tmp_path / "bagagem" / "finetuning" / REPORT).read_text(encoding="utf-8"))
    assert set(note["repairs"]) == {"window"} and note["messages_seen"] is True
    door.close()


def test_what_is_no_aeon_is_refused() -> None:
    with pytest.raises(TypeError, match="no brain"):
        open_door({"brain": None}, build_manager(entry_points=False))


def test_a_line_typed_through_a_pipe_is_utf8_whatever_the_system_thinks() -> None:
    """Windows takes a pipe for cp1252; PowerShell puts a mark before what it sends."""
    code = (
        "import sys; from types import SimpleNamespace as Fake; from hooks.typed import Board, talk\n"
        "brain = Fake(pensar=lambda text, modo: ascii(text))\n"
        "talk(Fake(core={'brain': brain, 'context': Board()}, close=lambda: None), sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="\ufeffnão grave isso\n".encode(),
        stdout=subprocess.PIPE,
        timeout=60,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert done.stdout.decode().strip() == f"AEON: {'não grave isso'!a}"
