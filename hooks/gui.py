"""Aeon's window from any thread: Qt widgets may be touched by the thread that made them only."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

log = logging.getLogger("aeon.attach")


class GuiThread:
    """Runs small jobs in Qt's thread, by a queued signal; at once where there is no Qt.

    PyQt5 is never imported by us: it is used when Aeon has loaded it and made its application.
    """

    def __init__(self) -> None:
        self._relay = _make_relay()

    def run(self, job: Callable[[], None]) -> None:
        """Run a job in Qt's thread, some time soon; what it raises is logged."""
        if self._relay is None:
            _guarded(job)
        else:
            self._relay.job.emit(job)


def _make_relay() -> Any:
    qt: Any = sys.modules.get("PyQt5.QtCore")
    application = qt.QCoreApplication.instance() if qt is not None else None
    if qt is None or application is None:
        return None

    class Relay(qt.QObject):  # type: ignore[misc]  # PyQt5 is the host's, untyped here
        job = qt.pyqtSignal(object)

        def __init__(self) -> None:
            super().__init__()
            # Queued: a direct one would run the job in the thread that emits.
            self.job.connect(self.take, qt.Qt.QueuedConnection)

        def take(self, job: Callable[[], None]) -> None:
            _guarded(job)

    relay = Relay()
    # It was made in whatever thread came first, and slots run in the thread that their object belongs to.
    relay.moveToThread(application.thread())
    return relay


def _guarded(job: Callable[[], None]) -> None:
    """An exception in a slot ends a PyQt5 application."""
    try:
        job()
    except Exception:
        log.exception("the window could not be changed")
