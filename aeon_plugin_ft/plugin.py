"""The hook implementations: the only module that a host calls.

Importing it costs next to nothing (no ML library, no settings, no database); everything is opened in
`aeon_started`. Nothing raised here reaches the owner's turn: the host's `HookCaller` sees to that, and a
plugin that could not start stays silent after one clear sentence.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hooks import Host, ModelRequest, Route, Turn, hookimpl

if TYPE_CHECKING:
    from aeon_plugin_ft.runtime import Runtime

log = logging.getLogger("aeon_ft")


class FineTuning:
    """One plugin instance a process; its runtime lives from `aeon_started` to `aeon_stopping`."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None

    @hookimpl
    def aeon_started(self, host: Host) -> None:
        """Open everything, or stay off with one sentence."""
        # Here: what a host imports at its start must cost next to nothing.
        from aeon_plugin_ft.errors import AeonFtError
        from aeon_plugin_ft.runtime import Runtime

        if self.runtime is not None:
            return
        try:
            self.runtime = Runtime.start(host)
        except AeonFtError as error:
            log.error("the fine-tuning plugin stays off: %s", error)
            host.say(f"O aprendizado está desligado: {error.what}.")

    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        """The route of the version in use; None leaves the call to the host."""
        return self.runtime.turn_path.choose(request) if self.runtime is not None else None

    @hookimpl
    def aeon_remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        """The facts that matter for the question; None where there are none, or where they may not go."""
        return self.runtime.turn_path.remember(request) if self.runtime is not None else None

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        """Log the turn."""
        if self.runtime is not None:
            self.runtime.turn_path.finished(turn)

    @hookimpl
    def aeon_answered_elsewhere(self) -> None:
        """What was said last is none of our turns."""
        if self.runtime is not None:
            self.runtime.turn_path.answered_elsewhere()

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        """The reply to a spoken command; None for everything else."""
        return self.runtime.turn_path.heard(text) if self.runtime is not None else None

    @hookimpl
    def aeon_stopping(self) -> None:
        """End every thread and child."""
        # Taken away first: calls that come while it ends find no plugin, as before its start.
        runtime, self.runtime = self.runtime, None
        if runtime is not None:
            runtime.stop()


plugin = FineTuning()
"""What the entry point "aeon" names."""
