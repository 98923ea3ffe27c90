"""When the worker must leave: a pause file, SIGTERM, or the death of the process that supervises it.

A thread of its own looks ten times a second, so that it works while torch is being imported and inside
a long operator. The worker leaves by itself at the next `check()`; if it has not after GRACE_SECONDS,
the thread ends the process and the last checkpoint counts.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.processes.parent import ParentPipe, leave_now
from aeon_plugin_ft.training.model import Exit

PAUSE_FILE = "pause"
POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
GRACE_SECONDS = 2.5


def pause_cause(folder: Path) -> PauseCause | None:
    """Why the worker of a run folder was asked to leave; None when it was not."""
    try:
        return PauseCause((folder / PAUSE_FILE).read_text(encoding="utf-8").strip())
    except OSError:
        return None
    except ValueError:  # made by hand, or by a later release: leave all the same
        return PauseCause.ASKED


class StopRequested(BaseException):
    """Leave now, in order. Not an Exception, so that no library's handler swallows it."""

    def __init__(self, cause: PauseCause) -> None:
        self.cause = cause
        super().__init__(cause.value)


class StopWatch:
    """`supervised`: stdin is a pipe held by the supervisor; its end means that the supervisor died.

    `beat` is called every `beat_seconds` and returns a cause to stop, or None; each of `looks`, which may be added to
    at any time, every second.
    """

    def __init__(
        self,
        folder: Path,
        *,
        supervised: bool = False,
        beat: Callable[[], PauseCause | None] | None = None,
        beat_seconds: float = 5.0,
    ) -> None:
        self.file = folder / PAUSE_FILE
        self._parent = ParentPipe() if supervised else None
        self.beat, self.beat_seconds = beat, beat_seconds
        self.looks: list[Callable[[], PauseCause | None]] = []
        self.cause: PauseCause | None = None
        self.on_late_exit: Callable[[PauseCause], None] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="aeon-ft-stop", daemon=True)

    def start(self) -> StopWatch:
        """Begin to look; to be called from the main thread, where alone a signal handler can be set."""
        # Only a note: a handler that raised would do so between any two lines, in the middle of saving a checkpoint
        # too.
        signal.signal(signal.SIGTERM, lambda *_: self.request(PauseCause.TERMINATED))
        self._thread.start()
        return self

    def request(self, cause: PauseCause) -> None:
        """Ask it to leave; the first cause is kept."""
        if self.cause is None:
            self.cause = cause

    def check(self) -> None:
        """Raise StopRequested once somebody wants the worker to leave."""
        if self.cause is not None:
            raise StopRequested(self.cause)

    def end(self) -> None:
        """No forced exit and no further beat from here on: the worker is on its way out."""
        self._ended.set()
        # `leave_late` ends the attempt from this very thread, which cannot wait for itself.
        if threading.current_thread() is not self._thread:
            self._thread.join(GRACE_SECONDS)

    def _watch(self) -> None:
        asked: float | None = None
        next_beat = next_look = 0.0
        while not self._ended.wait(POLL_SECONDS):
            now = time.monotonic()
            if self.beat is not None and now >= next_beat:
                next_beat = now + self.beat_seconds
                self._note(self.beat())
            if now >= next_look:
                next_look = now + LOOK_SECONDS
                for look in self.looks:
                    self._note(look())
            self._note(pause_cause(self.file.parent))
            self._note(self._supervisor_gone())
            if self.cause is not None:
                asked = now if asked is None else asked
                if now - asked > GRACE_SECONDS:
                    self._leave_now(self.cause)

    def _note(self, cause: PauseCause | None) -> None:
        if cause is not None:
            self.request(cause)

    def _supervisor_gone(self) -> PauseCause | None:
        return PauseCause.HOST_GONE if self._parent is not None and self._parent.gone() else None

    def _leave_now(self, cause: PauseCause) -> None:
        if self.on_late_exit is not None:
            self.on_late_exit(cause)
        # Not sys.exit, which would only end this thread; the main one hangs in an operator and runs no clean-up anyway.
        leave_now(Exit.PAUSED)
