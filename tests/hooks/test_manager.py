"""The plugin manager: listeners cannot hurt one another."""

from __future__ import annotations

import logging
from typing import Any

import pluggy
import pytest

from hooks import HookCaller, Route, build_manager, hookimpl


class Polite:
    def __init__(self, reply: str | None) -> None:
        self.reply = reply
        self.heard: list[str] = []

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        self.heard.append(text)
        return self.reply


class Broken:
    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        raise RuntimeError("boom")

    @hookimpl
    def ft_refuse_turn(self, turn: Any) -> str | None:
        raise RuntimeError("boom")


def test_a_broken_listener_is_skipped_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    polite = Polite("pronto")
    caller = HookCaller(build_manager(polite, Broken(), entry_points=False))
    with caplog.at_level(logging.WARNING):
        assert caller.first("aeon_heard", text="oi") == "pronto"
        assert caller.all("aeon_heard", text="oi") == ["pronto"]
    assert len([r for r in caplog.records if "Broken" in r.getMessage() or "boom" in r.getMessage()]) == 1


def test_first_stops_at_the_first_answer() -> None:
    early, late = Polite("late one wins"), Polite("me first")
    caller = HookCaller(build_manager(early, late, entry_points=False))
    assert caller.first("aeon_heard", text="oi") == "me first"
    assert early.heard == []


def test_a_veto_that_crashes_is_a_refusal() -> None:
    caller = HookCaller(build_manager(Broken(), entry_points=False))
    assert "boom" in (caller.veto("ft_refuse_turn", turn=None) or "")


def test_no_listener_means_none() -> None:
    caller = HookCaller(build_manager(entry_points=False))
    assert caller.first("aeon_choose_model", request=None) is None
    assert caller.veto("ft_refuse_turn", turn=None) is None


def test_an_implementation_of_an_unknown_hook_is_found_at_once() -> None:
    class Wrong:
        @hookimpl
        def aeon_no_such_hook(self) -> None: ...

    with pytest.raises(pluggy.PluginValidationError):
        build_manager(Wrong(), entry_points=False)


def test_a_token_never_shows_in_a_repr() -> None:
    assert "segredo" not in repr(Route(provider="embedded", model="m", token="segredo"))
