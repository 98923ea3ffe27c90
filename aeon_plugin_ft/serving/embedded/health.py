"""Whether a server that runs also answers: one that was stopped, or waits for what never comes, is as good as dead, and
every question to it would wait for its whole time limit."""

from __future__ import annotations

from collections.abc import Callable

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.processes.awake import awake_seconds
from aeon_plugin_ft.processes.stillness import processor_seconds

PROBE_SECONDS = 2.0
"""A server that has a thread to spare answers /health in milliseconds."""
HUNG_SECONDS = 4.0
"""How long it may be silent and do nothing."""
LOOKS = 3
"""Quick looks at one that computes and does not answer, before it is taken for busy."""
WORK_SECONDS = 0.02
"""Processor time by which one that is busy is told: with many questions at once none of its threads may be free to
answer, and each of them goes on computing. A tick of the system's clock is half of this."""


class Health:
    """Of one server, by its own address and its process. `hangs` is to be asked again and again."""

    def __init__(self, url: str, token: str, pid: int, clock: Callable[[], float] = awake_seconds) -> None:
        self._url, self._token, self._pid, self._clock = url, token, pid, clock
        self._silent_since: float | None = None
        self._spent = 0.0

    def hangs(self) -> bool:
        """Whether it has been silent, and has done nothing, for HUNG_SECONDS. Takes PROBE_SECONDS at most."""
        if self.answers():
            self._silent_since = None
            return False
        now, spent = self._clock(), processor_seconds(self._pid)
        if spent is None:  # it is gone
            return False
        if self._silent_since is None or spent - self._spent >= WORK_SECONDS:
            self._silent_since, self._spent = now, spent
        return now - self._silent_since >= HUNG_SECONDS

    def is_silent(self) -> bool:
        """Whether it neither answers nor computes just now: a quick look, for whoever is about to ask it something. One
        that computes without an answer is looked at again: it may have come to its stand during the first look."""
        for _ in range(LOOKS):
            before = processor_seconds(self._pid)
            if before is None or self.answers():
                return False
            after = processor_seconds(self._pid)
            if after is None or after - before < WORK_SECONDS:
                return after is not None
        return False

    def answers(self) -> bool:
        """Whether it says that it is well within PROBE_SECONDS; an error is an answer, too."""
        try:
            with HttpServer("The embedded server", self._url, token=self._token) as server:
                server.answer("GET", "/health", seconds=PROBE_SECONDS, allowed=(503,))
        except ServingError:
            return False
        return True
