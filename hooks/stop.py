"""Ending a reply before its end: one thread wants it, another leaves whatever it sends, reads or waits for.

A thread that waits for a model's first word cannot be interrupted on every system (on Windows not at all), so the one
that thinks is never the one that listens to the owner's Ctrl-C.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_here = threading.local()
"""`stop`: by which what this thread does may be ended."""


class Stopped(Exception):
    """The owner wanted no more of this reply. Nobody has failed."""


class Stop:
    """The owner's wish, safe from any thread."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._cut: Callable[[], None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether it was said."""
        return self._wanted.is_set()

    def now(self) -> None:
        """Say so. What the thinking thread waits for is cut off."""
        with self._lock:
            self._wanted.set()
            if self._cut is not None:
                self._cut()

    def check(self) -> None:
        """Raise Stopped once it was said."""
        if self.wanted:
            raise Stopped

    @contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """`now` calls `cut`, which must neither wait nor raise, while the thread is in here."""
        with self._lock:
            self._cut = cut
        try:
            yield
        finally:
            with self._lock:
                self._cut = None


def current() -> Stop | None:
    """The stop of what this thread does; None where nobody can stop it."""
    stop: Stop | None = getattr(_here, "stop", None)
    return stop


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """What this thread does in here ends when `stop` is said."""
    before, _here.stop = current(), stop
    try:
        yield
    finally:
        _here.stop = before
