"""What a host tells of sentences that no brain answered, and its private mode as plugins switch it."""

from __future__ import annotations

from typing import Any

import pytest

from hooks import HookCaller, build_manager, hookimpl
from hooks.aeon import is_private, set_private
from hooks.heard import RouterEar


class Listener:
    def __init__(self, answer: str | None = None) -> None:
        self.answer, self.told = answer, []  # type: ignore[var-annotated]

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        return self.answer

    @hookimpl
    def aeon_answered_elsewhere(self, text: str) -> None:
        self.told.append(text)


class Manager:
    """As much of Aeon's ModuleManager as the ear touches; `reply` is a module's, None leaves it to the brain."""

    focused_module = None

    def __init__(self, reply: Any, triggers: tuple[str, ...] = ()) -> None:
        self.reply = reply
        self.trigger_map = dict.fromkeys(triggers, object())

    def _normalize(self, text: str) -> str:
        return text

    def route_command(self, command: str) -> Any:
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def told(reply: Any, answer: str | None = None, triggers: tuple[str, ...] = ()) -> list[str]:
    listener = Listener(answer)
    manager = Manager(reply, triggers)
    RouterEar(manager, HookCaller(build_manager(listener, entry_points=False)))
    try:
        manager.route_command("toca um samba")
    except ValueError:
        assert isinstance(reply, ValueError)
    return listener.told


@pytest.mark.parametrize("reply", ["Tocando.", "", {"tool": "x"}, ValueError("the module broke")])
def test_a_module_s_reply_is_told_whatever_it_is(reply: Any) -> None:
    assert told(reply) == ["toca um samba"]
    assert told(reply, triggers=("toca um samba",)) == ["toca um samba"]


def test_what_the_brain_or_a_plugin_answers_is_not() -> None:
    assert told(None) == [] and told("Tocando.", answer="comando") == []


class Context:
    """Aeon's ContextManager: its get takes one argument."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.data.get(key)

    def set(self, key: str, value: Any) -> None:
        self.data[key] = value


class Sound:
    def __init__(self, context: Context | None) -> None:
        self.context_manager = context


def test_the_private_mode_is_set_wherever_it_lives() -> None:
    one, other = Context(), Context()
    core = {"context": one, "io_handler": Sound(other)}
    assert set_private(core, True) and one.get("stealth_mode") is True is other.get("stealth_mode")
    assert set_private(core, False) and not is_private(core)
    assert one.get("stealth_mode") is False is other.get("stealth_mode")


def test_an_aeon_without_a_context_cannot_be_made_private() -> None:
    assert not set_private({"io_handler": Sound(None)}, True)
