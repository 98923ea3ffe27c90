"""What a model is told of the owner before it answers: the facts that matter for the question.

Everything here is decided from memory, in the thread of the owner's turn. What is told is put in by the host
(`hooks.memories`), is no part of the turn, and so never reaches the log.

Whom it may be told: a model on this machine always, in the private mode too, for that is about what is kept of a talk,
and the owner's own facts are no news to the owner; the versions in use know them by heart. A model elsewhere only with
[memory] cloud, and never in the private mode.
"""

from __future__ import annotations

from dataclasses import replace

from aeon_plugin_ft.facts.relevant import RelevantFacts
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.host.standing import Standings
from aeon_plugin_ft.settings import SettingsFile
from hooks import ModelRequest, Route
from hooks.providers import is_here


class Memory:
    """What the model of a route is told."""

    def __init__(
        self, settings_file: SettingsFile, owner: HostOwner, facts: RelevantFacts, standings: Standings
    ) -> None:
        self._settings_file, self._owner, self._facts, self._standings = settings_file, owner, facts, standings

    def told(self, request: ModelRequest, route: Route) -> tuple[str, ...]:
        """The sentences for the model of this route; () for what modules ask, and where nothing may be told."""
        memory = self._settings_file.current.memory
        if not memory.in_prompt or request.caller != "chat" or not self._may_know(route):
            return ()
        learnt = self._standings.of(route.version).learnt if memory.keep_in_prompt == "unlearnt" else ()
        return self._facts.sentences(request.prompt, memory.prompt_tokens, without=learnt)

    def put_in(self, request: ModelRequest, route: Route) -> Route:
        """A route with what its model is told, and each of its fallbacks with what that one is."""
        fallback = tuple(replace(other, memories=self.told(request, other)) for other in route.fallback)
        return replace(route, memories=self.told(request, route), fallback=fallback)

    def _may_know(self, route: Route) -> bool:
        if route.provider in ("canned", "none"):
            return False
        return is_here(route) or (self._settings_file.current.memory.cloud and not self._owner.may_be_private())
