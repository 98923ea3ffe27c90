"""Which model the brain uses for the next call: one immutable Route, replaced as a whole.

A call takes its snapshot once and keeps it to the end; the table knows which calls still use which route,
so that a model is only taken away when nobody talks to it any more.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hooks import Route

FORGOTTEN_FACTOR = 2.0
"""A call that never came back (its thread died) no longer counts after this many times its time limit."""
HISTORY = 20


@dataclass(frozen=True, slots=True)
class _Call:
    route: Route
    expires: float


@dataclass(frozen=True, slots=True)
class CanaryRoute:
    """A second route that answers `share` of the sessions, whole sessions at a time."""

    route: Route
    share: float

    def takes(self, session: str) -> bool:
        """Always the same answer for a session and a version, also after a restart."""
        # Not hash(), which Python salts for each process: a session would change its model with a restart.
        digest = hashlib.blake2b(f"{self.route.version}/{session}".encode(), digest_size=8).digest()
        # The digest as a number, evenly spread from 0 to 2^64. The version is in it: another candidate gets other
        # sessions.
        return int.from_bytes(digest, "big") < self.share * 2**64


class RouteTable:
    """Thread-safe; `acquire` and `flip` cost microseconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current: Route | None = None
        self.canary: CanaryRoute | None = None
        """Replaced as a whole, like the route."""
        self._calls: dict[str, _Call] = {}
        self._history: tuple[Route | None, ...] = ()
        self._changed = threading.Condition()

    @property
    def current(self) -> Route | None:
        """The route of the next call; None: the host's own choice."""
        return self._current

    @property
    def history(self) -> tuple[Route | None, ...]:
        """Earlier routes, newest last."""
        return self._history

    def flip(self, route: Route | None) -> Route | None:
        """Use `route` from the next call on; returns the one it replaces."""
        with self._changed:
            previous, self._current = self._current, route
            self._history = (*self._history, previous)[-HISTORY:]
        return previous

    def acquire(self, call_id: str, session: str = "") -> Route | None:
        """The route of this call; the same again until it is released, whatever is flipped meanwhile."""
        with self._changed:
            # The host may ask again for the same call: it must not come to another model in the middle of a turn.
            call = self._calls.get(call_id)
            if call is not None:
                return call.route
            route = self.next_for(session)
            if route is not None:
                self._calls[call_id] = _Call(route, self._clock() + route.timeout_s * FORGOTTEN_FACTOR)
            return route

    def next_for(self, session: str) -> Route | None:
        """The route that the next call of a session would get."""
        canary = self.canary
        return canary.route if canary is not None and canary.takes(session) else self._current

    def release(self, call_id: str) -> Route | None:
        """The call is over; returns its route, None for an unknown call."""
        with self._changed:
            call = self._calls.pop(call_id, None)
            if call is None:
                return None
            self._changed.notify_all()
            return call.route

    def users(self, route: Route) -> int:
        """How many calls use this route now."""
        with self._changed:
            return self._count(route)

    def wait_unused(self, route: Route, seconds: float) -> bool:
        """True as soon as no call uses `route`; False when one still does after `seconds`."""
        deadline = self._clock() + seconds
        with self._changed:
            while self._count(route):
                left = deadline - self._clock()
                if left <= 0:
                    return False
                # Not the whole rest: a forgotten call expires without anybody's notice.
                self._changed.wait(min(left, 0.5))
            return True

    def _count(self, route: Route) -> int:
        now = self._clock()
        for call_id in [call_id for call_id, call in self._calls.items() if call.expires <= now]:
            del self._calls[call_id]
        # By value as well: a route that was read back from the store is equal and not the same.
        return sum(call.route is route or call.route == route for call in self._calls.values())
