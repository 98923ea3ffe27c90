"""Every hook, with when it is called, for what, and what None means.

`aeon_*` hooks are called by the host (Aeon, or our console). `ft_*` hooks are called by the
fine-tuning plugin, so that other plugins can extend it; they are declared here because plugins of
an Aeon share one manager. An implementation names the arguments it wants and gives them no default.
"""

from __future__ import annotations

from typing import Any

import pluggy

from hooks.contract import Host, ModelRequest, Route, Turn

PROJECT = "aeon"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HostHooks:
    """Called by the host."""

    @hookspec(historic=True)
    def aeon_started(self, host: Host) -> None:
        """Called once when the host is ready; a plugin that is registered later still gets it."""

    @hookspec(firstresult=True)
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        """Called before each call to a model: the route for this call. None: the host's own choice."""

    @hookspec
    def aeon_turn_finished(self, turn: Turn) -> None:
        """Called after the reply is known and before the owner gets it; must return within a millisecond."""

    @hookspec(firstresult=True)
    def aeon_heard(self, text: str) -> str | None:
        """Called with what the owner said or typed, before it is routed.

        The reply to a spoken command, or None: not a command of this plugin. May be called several
        times for one sentence, so deciding must have no side effect.
        """

    @hookspec
    def aeon_stopping(self) -> None:
        """Called when the host is about to end; children must be gone when it returns."""


class TrainerHooks:
    """Called by the fine-tuning plugin."""

    @hookspec
    def ft_register_importers(self, register: Any) -> None:
        """Called once: `register(importer)` adds a reader of another chat format."""

    @hookspec
    def ft_register_filters(self, register: Any) -> None:
        """Called once: `register(filter)` adds a reason to leave an example out of the dataset."""

    @hookspec
    def ft_register_deployers(self, register: Any) -> None:
        """Called once: `register(name, factory)` adds a backend that can serve a version. `factory(data, settings)`
        is called at once with the data folder and [serve] as it stands, must not connect anywhere yet, and returns an
        `aeon_plugin_ft.serving.model.Deployer`: best a class that inherits from it, whose defaults then fill what a
        backend does not need. One that lacks a method, or a parameter of one, is refused by name in the log. Each of
        its calls gets [serve] as it stands then. [serve] backend = "plugin.NAME" chooses it."""

    @hookspec
    def ft_refuse_turn(self, turn: Turn) -> str | None:
        """Called before a turn is logged: a reason to leave it out, or None. One reason is enough;
        an implementation that raises counts as a refusal."""

    @hookspec
    def ft_event(self, event: Any) -> None:
        """Called after each event of the learning loop (see `aeon_plugin_ft.events`)."""
