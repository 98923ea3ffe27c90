"""What is broken in a stock Aeon and in a plugin's way, mended on the live objects and announced.

    window      MainLogic calls gui.set_online_status, which the sphere lacks: no sentence reaches the brain
    typed       the terminal window asks only the modules, and shows no reply
    private     the private mode cannot be switched on by voice: the context is registered under another
                key, and its get() takes no default

Each is looked for first: where the host is healthy, nothing is touched. Each can be undone.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from hooks.gui import GuiThread

log = logging.getLogger("aeon.attach")
NOBODY = "Ninguém respondeu: não há modelo no ar."


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing mended. `what` is a sentence for the log and for doctor."""

    name: str
    what: str
    undo: Callable[[], None]


def apply_repairs(core: dict[str, Any], gui_thread: GuiThread) -> list[Repair]:
    """Mend what is broken in this Aeon; `core` is its core_context. Never raises."""
    made = []
    for repair in (_window, _typed, _private):
        try:
            done = repair(core, gui_thread)
        except Exception:  # a host that looks different is left as it is
            log.exception("a repair (%s) was given up", repair.__name__.strip("_"))
            continue
        if done is not None:
            log.warning("mended in this Aeon: %s", done.what)
            made.append(done)
    return made


def _window(core: dict[str, Any], gui_thread: GuiThread) -> Repair | None:
    gui = core.get("gui")
    # Looked for and not assumed from a version: Aeon has none that could be asked.
    if gui is None or hasattr(gui, "set_online_status") or not _logic_asks_for("set_online_status"):
        return None

    def set_online_status(online: bool) -> None:
        """The sphere shows no such light; Aeon's logic asks for it before each sentence."""

    gui.set_online_status = set_online_status
    return Repair(
        "window",
        f"{type(gui).__name__} has no set_online_status, so no sentence reached the brain",
        lambda: _take_away(gui, "set_online_status", set_online_status),
    )


def _logic_asks_for(name: str) -> bool:
    """Whether a function of Aeon's MainLogic uses `name`; where it cannot be looked up, it may."""
    logic = getattr(sys.modules.get("core.main_gui_logic"), "MainLogic", None)
    if logic is None:
        return True
    functions = (part for part in vars(logic).values() if isinstance(part, FunctionType))
    return any(name in function.__code__.co_names for function in functions)


def _typed(core: dict[str, Any], gui_thread: GuiThread) -> Repair | None:
    """The terminal window is made later, when the owner opens it: its class is mended."""
    terminal = _terminal_class(core.get("gui"))
    before = vars(terminal).get("process_command") if terminal is not None else None
    if terminal is None or not isinstance(before, FunctionType) or not _is_mute(before):
        return None

    def process_command(window: Any, txt: str) -> None:
        _answer_typed(window, txt, gui_thread)

    # On the class, so that a window which is opened later has it as well.
    terminal.process_command = process_command

    def undo() -> None:
        if vars(terminal).get("process_command") is process_command:
            terminal.process_command = before

    return Repair("typed", f"{terminal.__name__} asked only the modules and showed no reply to typed text", undo)


def _terminal_class(gui: Any) -> Any:
    """The class of Aeon's terminal window, as the window's module knows it."""
    module = sys.modules.get(type(gui).__module__)
    return getattr(module, "AeonTerminal", None)


def _is_mute(process_command: FunctionType) -> bool:
    """The stock function: routes, never thinks, and posts its reply with a timer of a thread that has none."""
    names = process_command.__code__.co_names
    return "route_command" in names and "pensar" not in names and "QTimer" in names


def _answer_typed(window: Any, text: str, gui_thread: GuiThread) -> None:
    """Typed text as MainLogic treats spoken text: modules, tools, brain, memory. Runs in a worker thread."""
    manager = window.module_manager
    if not manager:
        return
    try:
        reply = manager.route_command(text)
        if isinstance(reply, dict):
            reply = str(manager.executar_ferramenta(reply.get("tool"), reply.get("param")))
        if reply is None:
            reply = window.brain.pensar(text)
    except Exception as error:  # noqa: BLE001 - as MainLogic does: the owner sees it, the window lives on
        message = f"Erro: {error}"
        gui_thread.run(lambda: window.add_message(message, "ERRO"))
        return
    shown = reply if isinstance(reply, str) else NOBODY
    gui_thread.run(lambda: window.add_message(shown, "AEON"))
    if window.io_handler is not None:
        window.io_handler.falar(shown)
    memory = manager.core_context.get("short_term_memory")
    if memory is not None:
        memory.last_user_text, memory.last_ai_response = text, reply


class ContextWithDefault:
    """Aeon's ContextManager with the get(key, default) that its modules call."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def get(self, key: str, default: Any = None) -> Any:
        """The context's value, or `default` where it has none."""
        value = self._context.get(key)
        # Aeon's own context cannot tell "absent" from None either.
        return default if value is None else value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _private(core: dict[str, Any], gui_thread: GuiThread) -> Repair | None:
    context = core.get("context")
    if context is None or core.get("context_manager") is not None:
        return None
    alias = ContextWithDefault(context)
    core["context_manager"] = alias

    def undo() -> None:
        if core.get("context_manager") is alias:
            del core["context_manager"]

    return Repair("private", 'the private mode ("modo oculto") could not be switched on by voice', undo)


def _take_away(holder: Any, name: str, ours: Any) -> None:
    if vars(holder).get(name) is ours:
        delattr(holder, name)
