"""A circuit breaker: a route that keeps failing is left alone for a while, so that no turn waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hooks.contract import Route

FAILURES = 3
FIRST_REST_SECONDS = 4.0
"""A model server of ours that died is back within seconds, and shall answer again as soon."""
REST_SECONDS = 60.0


class Breaker:
    """After `failures` failures in a row a route rests; then one call tries it again. The first rest is short, each
    further one twice as long, at most `rest_s` seconds.

    Counted per provider, model and address, so a new version starts with a clean sheet.
    """

    def __init__(
        self, failures: int = FAILURES, rest_s: float = REST_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures, self._rest_s, self._clock = failures, rest_s, clock
        self._counts: dict[tuple[str, str, str | None], int] = {}
        self._until: dict[tuple[str, str, str | None], float] = {}
        self._lock = threading.Lock()

    def allows(self, route: Route) -> bool:
        """Whether the route may be tried now. After the rest only one caller is let through until it reports."""
        # Without the lock, each call: nothing rests, in nearly every case. A race lets one call through, which is
        # harmless.
        if not self._until:
            return True
        key = _key(route)
        with self._lock:
            until = self._until.get(key)
            if until is None:
                return True
            if self._clock() < until:
                return False
            # Rest again at once: whoever is let through now is the only one until it reports.
            self._until[key] = self._clock() + self._rest(key)
            return True

    def worked(self, route: Route) -> None:
        """The route has answered: its failures are forgotten."""
        if self._counts:
            with self._lock:
                self._counts.pop(_key(route), None)
                self._until.pop(_key(route), None)

    def failed(self, route: Route) -> bool:
        """Count a failure; True when the route goes to rest with it."""
        key = _key(route)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            if self._counts[key] < self._failures:
                return False
            self._until[key] = self._clock() + self._rest(key)
            return self._counts[key] == self._failures

    def _rest(self, key: tuple[str, str, str | None]) -> float:
        further = min(self._counts.get(key, 0) - self._failures, 16)  # 2**16 rests are longer than any limit
        return min(self._rest_s, FIRST_REST_SECONDS * 2.0 ** max(0, further))


def _key(route: Route) -> tuple[str, str, str | None]:
    return route.provider, route.model, route.base_url
