"""The hook implementations: the only module that a host calls.

Importing it costs next to nothing (no ML library, no settings, no database); everything is opened in
`aeon_started`. Nothing raised here reaches the owner's turn: the host's `HookCaller` sees to that, and a
plugin that could not start stays silent after one clear sentence.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hooks import Host, ModelRequest, Route, Serving, Turn, hookimpl

if TYPE_CHECKING:
    from aeon_plugin_ft.host.log_only import LogOnly
    from aeon_plugin_ft.host.turn_path import TurnPath
    from aeon_plugin_ft.living import Living
    from aeon_plugin_ft.runtime import Runtime

log = logging.getLogger("aeon_ft")


class FineTuning:
    """One plugin instance a process; what it does lives from `aeon_started` to `aeon_stopping`."""

    def __init__(self) -> None:
        self._living: Living | None = None

    @property
    def runtime(self) -> Runtime | None:
        """Everything that runs; None while nothing, or only the log, does."""
        return None if self._living is None else self._living.runtime

    @hookimpl
    def aeon_started(self, host: Host) -> None:
        """Open everything, or stay off with one sentence."""
        # Here: what a host imports at its start must cost next to nothing.
        from aeon_plugin_ft.errors import AeonFtError
        from aeon_plugin_ft.living import Living

        if self._living is not None:
            return
        living = Living(host)
        try:
            living.start()
        except AeonFtError as error:
            log.error("the fine-tuning plugin stays off: %s", error)
            host.say(f"O aprendizado está desligado: {error.what}.")
            return
        self._living = living

    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        """The route of the version in use; None leaves the call to the host."""
        path = self._turn_path
        return None if path is None else path.choose(request)

    @hookimpl
    def aeon_serving(self, session: str) -> Serving | None:
        """The version in use, loaded or not; None where the host's own choice answers."""
        path = self._turn_path
        return None if path is None else path.serving(session)

    @hookimpl
    def aeon_remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        """The facts that matter for the question; None where there are none, or where they may not go."""
        path = self._turn_path
        return None if path is None else path.remember(request)

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        """Log the turn."""
        path = self._turn_path
        if path is not None:
            path.finished(turn)

    @hookimpl
    def aeon_answered_elsewhere(self) -> None:
        """What was said last is none of our turns."""
        path = self._turn_path
        if path is not None:
            path.answered_elsewhere()

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        """The reply to a spoken command; None for everything else."""
        path = self._turn_path
        return None if path is None else path.heard(text)

    @hookimpl
    def aeon_stopping(self) -> None:
        """End every thread and child."""
        # Taken away first: calls that come while it ends find no plugin, as before its start.
        living, self._living = self._living, None
        if living is not None:
            living.stop()

    @property
    def _turn_path(self) -> TurnPath | LogOnly | None:
        return None if self._living is None else self._living.turn_path


plugin = FineTuning()
"""What the entry point "aeon" names."""
