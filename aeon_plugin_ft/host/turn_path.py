"""What the owner waits for: each of these runs in the thread of the owner's turn, before they get the reply."""

from __future__ import annotations

from dataclasses import replace

from aeon_plugin_ft.causes import Place
from aeon_plugin_ft.dataset.similar.showing import ShownTurns
from aeon_plugin_ft.host.exchanges import Exchanges
from aeon_plugin_ft.host.memory import Memory
from aeon_plugin_ft.host.owner import HostOwner
from aeon_plugin_ft.host.served import ServedModel
from aeon_plugin_ft.host.writing import Writing
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.settings import SettingsFile
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.watch.watch import Watch
from aeon_plugin_ft.wiring import Parts
from hooks import Host, ModelRequest, Route, Serving, Turn
from hooks.providers import is_here


class Routing:
    """Which model answers a call, and with what it is shown."""

    def __init__(
        self,
        host: Host,
        settings_file: SettingsFile,
        owner: HostOwner,
        shown_turns: ShownTurns,
        memory: Memory,
        served: ServedModel,
    ) -> None:
        self._host, self._settings_file, self._routes = host, settings_file, served.routes
        self._owner, self._shown_turns, self._memory = owner, shown_turns, memory
        self._served, self._standings = served, served.standings

    def choose(self, request: ModelRequest) -> Route | None:
        """The route of the version in use; None leaves the call to the host."""
        route = self._routes.acquire(request.call_id, request.session)
        place = Place.NONE if route is None else self._place(route, request.host_route.provider)
        if route is not None and place is not Place.NONE:
            shown = self._with_examples(self._memory.put_in(request, route), request)
            return replace(shown, last_resort=place is Place.LAST)
        # It was not taken: a call that counts as its user would keep the model from leaving.
        self._routes.release(request.call_id)
        if request.host_route.provider in {"groq", "ollama"}:
            # Only providers whose calls we can make ourselves can be shown examples; what there is to remember goes
            # into the host's own request (`aeon_remember`).
            shown = self._with_examples(request.host_route, request)
            return self._memory.put_in(request, shown) if shown.examples else None
        return None

    @property
    def answers_first(self) -> bool:
        """Whether what is served answers before a model of the host's own, should the host have one."""
        route = self._routes.current
        return route is not None and self._place(route) is Place.FIRST

    def serving(self, session: str) -> Serving | None:
        """What answers the next sentence of a session before the host's own choice: the version in use, or the one
        that is being loaded while nothing of ours answers."""
        route = self._routes.next_for(session)
        if route is not None:
            return Serving(route.version) if self._place(route) is Place.FIRST else None
        coming = self._served.coming
        if coming is None or self._place_of(coming) is not Place.FIRST:
            return None
        return Serving(coming, ready=False)

    def remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        """What a model of the host's own choice is told; None for nothing."""
        return self._memory.told(request, request.host_route) or None

    def _place(self, route: Route, host_asks: str = "") -> Place:
        """Where a route of ours stands against the host's own choice, whose provider is `host_asks`."""
        return self._place_of(route.version, needs_model=host_asks in {"canned", "none"})

    def _place_of(self, version: str, *, needs_model: bool = False) -> Place:
        prefer = self._settings_file.current.serve.prefer
        return self._standings.place(version, prefer, needs_model=needs_model or self._host.needs_model)

    def _with_examples(self, route: Route, request: ModelRequest) -> Route:
        """The route with the owner's similar conversations, where [base] similar_turns wants them. They leave this
        machine only where facts may: with [memory] cloud."""
        settings = self._settings_file.current
        limit = settings.base.similar_turns
        if not limit or request.caller != "chat" or self._owner.may_be_private():
            return route
        if not (settings.memory.cloud or is_here(route)):
            return route
        return replace(route, examples=self._shown_turns.examples(request.messages, limit))


class TurnPath:
    """The turn from the owner's words to the log."""

    def __init__(
        self,
        parts: Parts,
        routing: Routing,
        routes: RouteTable,
        writing: Writing,
        watch: Watch,
        learning: Learning,
        commands: Commands,
        exchanges: Exchanges,
    ) -> None:
        self._parts, self._routing, self._routes = parts, routing, routes
        self._writing, self._exchanges = writing, exchanges
        self._watch, self._learning, self._commands = watch, learning, commands

    def heard(self, text: str) -> str | None:
        """The reply to a spoken command; None: the owner wants something else."""
        if not self._parts.settings.voice.enabled or not self._parts.settings.plugin.enabled:
            return None
        # For every sentence, command or not: the owner is here, and a training must leave.
        self._learning.owner_spoke()
        self._exchanges.begin()
        return self._commands.answer(text)

    def choose(self, request: ModelRequest) -> Route | None:
        """The route of this call; None leaves it to the host."""
        if not self._parts.settings.plugin.enabled:
            return None
        if request.caller == "chat":
            self._learning.owner_spoke()
        return self._routing.choose(request)

    def serving(self, session: str) -> Serving | None:
        """The model of ours that answers the owner's next sentence first, loaded or not; None for the host's."""
        return self._routing.serving(session) if self._parts.settings.plugin.enabled else None

    def remember(self, request: ModelRequest) -> tuple[str, ...] | None:
        """What a model of the host's own choice is told of the owner; None for nothing."""
        return self._routing.remember(request) if self._parts.settings.plugin.enabled else None

    def finished(self, turn: Turn) -> None:
        """Log the turn before the owner gets the reply; a private or refused one leaves no trace."""
        # First, and for private turns too: the call is over, whatever is kept of it.
        route = self._routes.release(turn.id)
        self._learning.owner_spoke()
        kind = self._writing.write(turn)
        if kind is not None:
            self._watch.note(turn, kind, route if _was_asked(turn, route) else None)

    def answered_elsewhere(self) -> None:
        """One of the host's modules has answered what the owner said."""
        self._exchanges.answered_elsewhere()


def _was_asked(turn: Turn, route: Route | None) -> bool:
    """Whether the model of a route had its turn: one that stands behind the host's own may never be asked, and must
    not be counted as one that failed."""
    if route is None or not turn.attempts:
        return route is not None
    return any((attempt.provider, attempt.version) == (route.provider, route.version) for attempt in turn.attempts)
