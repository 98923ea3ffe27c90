"""What is broken in a stock Aeon is mended on the live objects, and only there."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from hooks.aeon import is_private, say
from hooks.gui import GuiThread
from hooks.repairs import NOBODY, apply_repairs


class QTimer:
    """Qt's timer in a worker thread: never fires."""

    @staticmethod
    def singleShot(milliseconds: int, job: Any) -> None:
        """Lost."""


class AeonTerminal:
    """The typed window of a stock Aeon: its module is where the sphere finds it."""

    def __init__(self, core: dict[str, Any]) -> None:
        self.module_manager = core["module_manager"]
        self.brain = core["brain"]
        self.io_handler = core["io_handler"]
        self.shown: list[tuple[str, Any]] = []

    def add_message(self, text: Any, sender: str) -> None:
        self.shown.append((sender, text))

    def set_online_status(self, online: bool) -> None:
        """The terminal has one."""

    def process_command(self, txt: str) -> None:
        response = self.module_manager.route_command(txt)
        QTimer.singleShot(0, lambda: self.add_message(response, "AEON"))


class Sphere:
    """The window that lacks set_online_status."""


class Context:
    def __init__(self) -> None:
        self.data: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.data.get(key)

    def set(self, key: str, value: Any) -> None:
        self.data[key] = value


class Manager:
    def __init__(self, core: dict[str, Any]) -> None:
        self.core_context = core

    def route_command(self, text: str) -> Any:
        if text == "quebra":
            raise RuntimeError("módulo com defeito")
        return {"toca": "Tocando.", "ferramenta": {"tool": "A.b", "param": 1}}.get(text)

    def executar_ferramenta(self, tool: str, param: Any) -> str:
        return f"{tool}({param})"


@pytest.fixture
def core() -> dict[str, Any]:
    spoken: list[str] = []
    made: dict[str, Any] = {
        "gui": Sphere(),
        "context": Context(),
        "brain": SimpleNamespace(pensar=lambda text: None if text == "nada" else f"brain: {text}"),
        "io_handler": SimpleNamespace(falar=spoken.append, spoken=spoken),
        "short_term_memory": SimpleNamespace(last_user_text="", last_ai_response=""),
    }
    made["module_manager"] = Manager(made)
    return made


def test_a_stock_aeon_is_mended_announced_and_left_as_it_was(
    core: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    stock = AeonTerminal.process_command
    made = apply_repairs(core, GuiThread())
    assert [repair.name for repair in made] == ["window", "typed", "private"]
    assert all(repair.what in caplog.text for repair in made)
    core["gui"].set_online_status(True)
    for repair in made:
        repair.undo()
    assert vars(core["gui"]) == {} and "context_manager" not in core
    assert AeonTerminal.process_command is stock


def test_a_healthy_aeon_is_not_touched(core: dict[str, Any]) -> None:
    core["gui"] = SimpleNamespace(set_online_status=lambda online: None)
    core["context_manager"] = core["context"]
    assert apply_repairs(core, GuiThread()) == []
    assert apply_repairs({}, GuiThread()) == []


def test_a_logic_that_does_not_ask_for_it_needs_no_repair(
    core: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class MainLogic:
        def process_user_input(self, text: str) -> None:
            """An older Aeon: it never asks the window."""

    monkeypatch.setitem(sys.modules, "core.main_gui_logic", SimpleNamespace(MainLogic=MainLogic))
    made = apply_repairs(core, GuiThread())
    assert "window" not in [repair.name for repair in made]
    for repair in made:
        repair.undo()


def test_mending_twice_mends_once(core: dict[str, Any]) -> None:
    first = apply_repairs(core, GuiThread())
    assert apply_repairs(core, GuiThread()) == []
    for repair in first:
        repair.undo()


@pytest.fixture
def terminal(core: dict[str, Any]) -> Any:
    made = apply_repairs(core, GuiThread())
    yield AeonTerminal(core)
    for repair in made:
        repair.undo()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("toca", ("AEON", "Tocando.")),
        ("oi", ("AEON", "brain: oi")),
        ("ferramenta", ("AEON", "A.b(1)")),
        ("nada", ("AEON", NOBODY)),
        ("quebra", ("ERRO", "Erro: módulo com defeito")),
    ],
)
def test_typed_text_is_answered_like_spoken_text(
    terminal: Any, core: dict[str, Any], typed: str, shown: tuple[str, str]
) -> None:
    terminal.process_command(typed)
    assert terminal.shown == [shown]
    assert core["io_handler"].spoken == ([shown[1]] if shown[0] == "AEON" else [])
    if typed == "oi":
        assert core["short_term_memory"].last_ai_response == "brain: oi"


def test_the_private_mode_can_be_switched_by_aeons_own_module(core: dict[str, Any], terminal: Any) -> None:
    context = core["context_manager"]
    assert context.get("stealth_mode", False) is False
    context.set("stealth_mode", True)
    assert context.get("stealth_mode") is True and core["context"].data == {"stealth_mode": True}
    assert is_private(core)


@pytest.mark.parametrize("place", ["context", "context_manager", "io"])
def test_the_private_mode_is_found_wherever_it_lives(core: dict[str, Any], place: str) -> None:
    assert not is_private(core)
    other = Context()
    other.set("stealth_mode", True)
    if place == "io":
        core["io_handler"].context_manager = other
    else:
        core[place] = other
    assert is_private(core)


def test_a_repair_that_fails_is_given_up(core: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    class Frozen:
        __slots__ = ()

    core["gui"] = Frozen()
    made = apply_repairs(core, GuiThread())
    for repair in made:
        repair.undo()
    names = [repair.name for repair in made]
    assert "window" not in names and "private" in names
    assert "was given up" in caplog.text


def test_saying_something_survives_a_broken_window_and_voice(core: dict[str, Any]) -> None:
    say(core, GuiThread(), "Treino terminado.")
    assert core["io_handler"].spoken == ["Treino terminado."]

    def broken(text: str) -> None:
        raise OSError("no sound")

    core["io_handler"].falar = broken
    say(core, GuiThread(), "De novo.")
