"""One call to the brain, from the question to the turn: shared by `core/` and by the attachment.

    Line.begin -> Call -> Call.route (asks the plugins) -> Call.answer (walks the route)
                       -> the host's own chain, each try recorded -> Call.finish (tells the plugins)

Nothing in here raises into the host: a plugin's failure costs its answer, never the owner's turn.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import FrameType

from hooks.breaker import Breaker
from hooks.contract import Attempt, Message, ModelRequest, Provider, Route, Turn, put_in
from hooks.ids import new_id
from hooks.manager import HookCaller
from hooks.memories import put_memories
from hooks.providers import OnToken, ProviderError, ProviderPool
from hooks.stop import Stop, Stopped, current
from hooks.text import ThinkFilter, strip_think

log = logging.getLogger("aeon.call")

CHAT = "chat"
_INSIDE = __name__.removesuffix("hooks.call")
"""What stands before `hooks` and this repository's `core`: nothing, or in a wheel the name of the package around."""
_CHAT_MODULES = frozenset(
    {"core.main_gui_logic", "core.gui_app", "__main__"}
    | {_INSIDE + name for name in ("core.console", "hooks.repairs", "hooks.typed")}
)
# The other `core` is Aeon's.
_OURS = (f"{_INSIDE}hooks.", f"{_INSIDE}core.", "core.", "functools")
_DEEPEST = 24
"""Frames looked at to find who asked."""
RESTING = "resting after failures"
STOPPED = "stopped by the owner"
CLOUD_SECONDS = 20.0
"""How long a cloud may take while a route of last resort waits behind it: it answers within two seconds or not."""


@dataclass(frozen=True, slots=True)
class Line:
    """What all calls of one brain share."""

    hooks: HookCaller
    pool: ProviderPool
    breaker: Breaker
    session: str
    is_private: Callable[[], bool]


@dataclass(slots=True)
class Call:
    """One call. Used by one thread; `messages` is empty until they are known."""

    line: Line
    prompt: str
    mode: str
    caller: str
    messages: tuple[Message, ...] = ()
    id: str = field(default_factory=new_id)
    started_at: float = field(default_factory=time.time)
    attempts: list[Attempt] = field(default_factory=list)
    served_by: Attempt | None = None
    _chosen: Route | None = None
    _asked: bool = False
    _resorted: bool = False
    _stop: Stop | None = field(default_factory=current)
    _began: float = field(default_factory=time.perf_counter)

    def choose(self, messages: tuple[Message, ...], host_route: Route) -> Route | None:
        """The plugins' route for this call, asked once; None is the host's own choice."""
        self.leave_if_stopped()
        self.messages = messages
        if not self._asked:
            # Even where nobody chose: Aeon asks a second provider after the first, and that is the same call.
            self._asked = True
            chosen = self.line.hooks.first("aeon_choose_model", request=self._request(host_route))
            self._chosen = chosen if isinstance(chosen, Route) else None
            if chosen is not None and self._chosen is None:
                log.warning("a plugin chose a model with a %s instead of a Route; ignored", type(chosen).__name__)
        return self._chosen

    @property
    def has_last_resort(self) -> bool:
        """Whether a plugin's route waits for the host's own choice to fail."""
        return self._chosen is not None and self._chosen.last_resort

    def last_resort(self, reply_to: ReplyTo | None = None) -> str | None:
        """The reply of the route that waited, asked once; None where there is no such route or it gave none."""
        chosen = self._chosen
        if chosen is None or not chosen.last_resort or self._resorted:
            return None
        self._resorted = True
        return self.walk((chosen, *chosen.fallback), reply_to)

    def remember(self, route: Route) -> Route:
        """A route of the host's own choice, with what the plugins want its model to be told."""
        told = self.line.hooks.first("aeon_remember", request=self._request(route))
        if told is None:
            return route
        if not isinstance(told, (list, tuple)) or not all(isinstance(memory, str) for memory in told):
            log.warning("a plugin remembers a %s instead of sentences; ignored", type(told).__name__)
            return route
        return replace(route, memories=tuple(told))

    def _request(self, host_route: Route) -> ModelRequest:
        return ModelRequest(self.id, self.prompt, self.messages, self.caller, self.line.session, host_route)

    def walk(self, routes: Iterable[Route], reply_to: ReplyTo | None = None, *, guarded: bool = True) -> str | None:
        """Try routes in order, each once; the first reply that is not blank, or None. Raises Stopped when the owner
        wants no more of it, which ends the call.

        `guarded`: a route that keeps failing is skipped for a while. The host's own chain is not: the
        owner may have started the server this second.
        """
        for route in routes:
            reply = self._try(route, reply_to, guarded)
            if reply is not None:
                return reply
        return None

    def record(
        self, provider: Provider, model: str, began: float, *, error: object = None, version: str = "base"
    ) -> Attempt:
        """Note one try; `began` is its time.perf_counter()."""
        sentence = None if error is None else one_line(error)
        attempt = Attempt(provider, model, version, error is None, time.perf_counter() - began, sentence)
        self.attempts.append(attempt)
        if attempt.ok:
            self.served_by = attempt
        return attempt

    @property
    def stopped(self) -> bool:
        """Whether the owner wants no more of it (`hooks.stop`)."""
        return self._stop is not None and self._stop.wanted

    def leave_if_stopped(self) -> None:
        """Raise Stopped where nothing more is to be asked."""
        if self._stop is not None:
            self._stop.check()

    @staticmethod
    def now() -> float:
        """The clock of `record`."""
        return time.perf_counter()

    def finish(self, reply: str | None) -> Turn:
        """Make the turn and tell the plugins. The private mode is read here, at the very end. A call that the owner
        stopped has no reply, whatever the host makes of it."""
        stopped = self.stopped
        reply = None if stopped else reply
        turn = Turn(
            id=self.id,
            session=self.line.session,
            started_at=self.started_at,
            seconds=time.perf_counter() - self._began,
            caller=self.caller,
            mode=self.mode,
            prompt=self.prompt,
            messages=self.messages or (Message("user", self.prompt),),
            reply=reply,
            # A call may have worked and its reply have been thrown away by the host.
            served_by=self.served_by if reply is not None else None,
            attempts=tuple(self.attempts),
            private=self._private(),
            stopped=stopped,
        )
        self.line.hooks.all("aeon_turn_finished", turn=turn)
        return turn

    def _private(self) -> bool:
        try:
            return bool(self.line.is_private())
        except Exception:  # unknown counts as private: nothing may leak because a host is odd
            log.exception("the private mode cannot be read; the turn counts as private")
            return True

    def _try(self, route: Route, reply_to: ReplyTo | None, guarded: bool) -> str | None:
        began = time.perf_counter()
        self.leave_if_stopped()
        if guarded and not self.line.breaker.allows(route):
            # On record as a failed attempt, though nothing was sent: the turn says why this route did not answer.
            self.record(route.provider, route.model, began, error=RESTING, version=route.version)
            return None
        try:
            reply = self._ask(route, reply_to)
        except Stopped:
            # Nobody's failure: the breaker hears nothing of it.
            self.record(route.provider, route.model, began, error=STOPPED, version=route.version)
            raise
        except ProviderError as error:
            self._failed(route, began, str(error), reply_to)
            return None
        except Exception as error:  # a bug in a provider must not cost the owner the reply
            log.exception("provider %s broke", route.provider)
            self._failed(route, began, f"{type(error).__name__}: {error}", reply_to)
            return None
        if not reply:
            self._failed(route, began, "empty reply", reply_to)
            return None
        self.line.breaker.worked(route)
        self.record(route.provider, route.model, began, version=route.version)
        return reply

    def _ask(self, route: Route, reply_to: ReplyTo | None) -> str:
        provider = self.line.pool.for_route(route)
        on_token = reply_to.begin() if reply_to else None
        messages = put_in(put_memories(self.messages, route.memories), route.examples)
        try:
            whole = provider.chat(route.model, messages, timeout_s=route.timeout_s, on_token=self._watched(on_token))
        except Exception:
            self.leave_if_stopped()  # its connection was cut: no error of the provider's
            raise
        self.leave_if_stopped()
        reply = strip_think(whole)
        if reply_to and reply:
            reply_to.end(reply)
        return reply

    def _watched(self, on_token: OnToken | None) -> OnToken | None:
        """The same, but that it stops where the owner wants no more: a server may have sent pieces ahead."""
        stop = self._stop
        if on_token is None or stop is None:
            return on_token

        def watched(piece: str) -> None:
            stop.check()
            on_token(piece)

        return watched

    def _failed(self, route: Route, began: float, error: str, reply_to: ReplyTo | None) -> None:
        if reply_to:
            reply_to.abandon()
        self.record(route.provider, route.model, began, error=error, version=route.version)
        if self.line.breaker.failed(route):
            log.warning("%s %s failed several times and rests: %s", route.provider, route.model, one_line(error))


class ReplyTo:
    """Where a streamed reply goes: reasoning left out, and told to start over when a route breaks off."""

    def __init__(self, on_token: OnToken, on_restart: Callable[[], None] | None = None) -> None:
        self._on_token = on_token
        self._on_restart = on_restart
        self._filter = ThinkFilter()
        self._shown = ""

    def begin(self) -> OnToken:
        """Where the next route's pieces go; a filter of its own, for it begins outside of any reasoning."""
        self._filter = ThinkFilter()
        return lambda piece: self._show(self._filter.feed(piece))

    def end(self, reply: str) -> None:
        """The reply is whole. It is shown anew where the pieces were something else (reasoning that
        only its end gave away)."""
        self._show(self._filter.close())
        # strip_think of the whole knows more than a filter of pieces could; the screen must show what is logged.
        if self._shown.strip() != reply:
            self.abandon()
            self._show(reply)

    def abandon(self) -> None:
        """What was shown is no reply: the next route begins anew."""
        if self._shown and self._on_restart is not None:
            self._guarded(self._on_restart)
        self._shown = ""

    def _show(self, text: str) -> None:
        if text:
            self._shown += text
            self._guarded(lambda: self._on_token(text))

    def _guarded(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:  # the screen is not the reply
            log.exception("the listener of a streamed reply failed")


def find_caller() -> str:
    """Who called the brain: "chat" for the owner's own words, else the module that wrote the prompt.

    Reads the names of the frames above, nearest first: a module of Aeon's, or its logic. When neither
    is there, the nearest frame outside this package.
    """
    frame: FrameType | None = sys._getframe(1)
    nearest = ""
    for _ in range(_DEEPEST):
        if frame is None:
            break
        name = frame.f_globals.get("__name__", "")
        if name in _CHAT_MODULES:
            return CHAT
        if not name.startswith(_OURS):
            if name.startswith("modules."):
                return str(name)
            nearest = nearest or name
        frame = frame.f_back
    return nearest or "unknown"


def one_line(error: object) -> str:
    """An error as one line of at most 300 characters."""
    return " ".join(str(error).split())[:300] or type(error).__name__
