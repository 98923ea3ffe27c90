"""When the worker must leave: a pause file, SIGTERM, or the death of the process that supervises it.

A thread of its own looks ten times a second, so that it works while torch is being imported and inside
a long operator. The worker leaves by itself at the next `check()`; if it has not after GRACE_SECONDS,
the thread ends the process and the last checkpoint counts.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.training.model import Exit

PAUSE_FILE = "pause"
POLL_SECONDS = 0.1
GRACE_SECONDS = 2.5


def pause_reason(folder: Path) -> str | None:
    """Why the worker of a run folder was asked to leave; None when it was not."""
    try:
        return (folder / PAUSE_FILE).read_text(encoding="utf-8").strip() or "paused"
    except OSError:
        return None


class StopRequested(BaseException):
    """Leave now, in order. Not an Exception, so that no library's handler swallows it."""


class StopWatch:
    """`supervised`: stdin is a pipe held by the supervisor; its end means that the supervisor died.

    `beat` is called every `beat_seconds` and returns a reason to stop, or None.
    """

    def __init__(
        self,
        folder: Path,
        *,
        supervised: bool = False,
        beat: Callable[[], str | None] | None = None,
        beat_seconds: float = 5.0,
    ) -> None:
        self.file = folder / PAUSE_FILE
        self.supervised = supervised
        self.beat, self.beat_seconds = beat, beat_seconds
        self.reason: str | None = None
        self.on_late_exit: Callable[[str], None] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="aeon-ft-stop", daemon=True)

    def start(self) -> StopWatch:
        signal.signal(signal.SIGTERM, lambda *_: self.request("asked to end (SIGTERM)"))
        if self.supervised and sys.platform == "win32":
            threading.Thread(target=self._wait_for_end_of_input, name="aeon-ft-stdin", daemon=True).start()
        self._thread.start()
        return self

    def request(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason

    def check(self) -> None:
        """Raise StopRequested once somebody wants the worker to leave."""
        if self.reason is not None:
            raise StopRequested(self.reason)

    def end(self) -> None:
        """No forced exit and no further beat from here on: the worker is on its way out."""
        self._ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(GRACE_SECONDS)

    def _watch(self) -> None:
        asked: float | None = None
        next_beat = 0.0
        while not self._ended.wait(POLL_SECONDS):
            now = time.monotonic()
            if self.beat is not None and now >= next_beat:
                next_beat = now + self.beat_seconds
                self._note(self.beat())
            self._note(pause_reason(self.file.parent))
            self._note(self._supervisor_gone())
            if self.reason is not None:
                asked = now if asked is None else asked
                if now - asked > GRACE_SECONDS:
                    self._leave_now()

    def _note(self, reason: str | None) -> None:
        if reason:
            self.request(reason)

    def _supervisor_gone(self) -> str | None:
        if not self.supervised or sys.platform == "win32":
            return None
        ready, _, _ = select.select([0], [], [], 0)
        return "the supervising process ended" if ready and not os.read(0, 1024) else None

    def _wait_for_end_of_input(self) -> None:
        while os.read(0, 1024):
            pass
        self.request("the supervising process ended")

    def _leave_now(self) -> None:
        if self.on_late_exit is not None:
            self.on_late_exit(self.reason or "")
        os._exit(Exit.PAUSED)
