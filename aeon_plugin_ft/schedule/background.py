"""One learning loop at a time in a thread of its own, which can be paused, resumed and cancelled.

The thread only supervises: the work is in child processes that the loop starts. A pause is asked for
through `interrupt`, which the loop looks at twice a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from aeon_plugin_ft.causes import Doing, PauseCause
from aeon_plugin_ft.errors import AeonFtError, LeaseHeldError, RunStoppedError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.training.model import Progress
from aeon_plugin_ft.training.staying import OF_THIS_MACHINE

_say = Speaker("errors/schedule")

log = logging.getLogger("aeon_ft.schedule")

OnProgress = Callable[[Progress], None]


class Learn(Protocol):
    """One turn of the loop: a fresh one, or the rest of an unfinished run. Raises AeonFtError."""

    def __call__(self, resume: str | None, on_progress: OnProgress) -> object: ...


class Background:
    """`on_end(error)` is called in its thread when a loop has ended, with None when it ended well."""

    def __init__(self, learn: Learn, on_end: Callable[[AeonFtError | None], None] = lambda _: None) -> None:
        self._learn, self._on_end = learn, on_end
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._cause: PauseCause | None = None
        self.ordered = False
        """Whether the owner asked for the one that is under way, and has not gone away since."""
        self.progress: Progress | None = None
        self.doing: Doing | None = None
        """What is done outside of the training itself; None before anything is."""
        self.error: AeonFtError | None = None

    @property
    def busy(self) -> bool:
        """Whether a loop is under way, also while it is leaving."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, resume: str | None = None, *, ordered: bool = False) -> None:
        """Begin; raise LeaseHeldError while one is under way. `ordered`: the owner asks for it, now."""
        with self._lock:
            if self.busy:
                raise LeaseHeldError("training", _say("loop.this_aeon"))
            self._cause, self.progress, self.doing, self.error = None, None, None, None
            self.ordered = ordered
            self._thread = threading.Thread(target=self._run, args=(resume,), name="aeon-ft-learn", daemon=True)
            self._thread.start()

    def pause(self, cause: PauseCause) -> None:
        """Ask the loop to stop; what it has done is kept. Nothing happens when none runs, or when it was asked
        before."""
        # The first cause stays: "the owner is back" must not become "the battery" while the loop is still leaving. But
        # a training elsewhere does not leave because this machine is needed, and must still hear of what comes next.
        if self.busy and (self._cause is None or (self._cause in OF_THIS_MACHINE and cause not in OF_THIS_MACHINE)):
            self._cause = cause

    def interrupt(self) -> PauseCause | None:
        """For the loop: why it should stop now, or None."""
        return self._cause

    def join(self, timeout: float) -> bool:
        """Wait for the end of the loop; True when there is none any more."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return not self.busy

    def note_phase(self, doing: Doing) -> None:
        """For the loop: what it does now."""
        self.doing = doing

    def _note(self, progress: Progress) -> None:
        self.progress = progress

    def _run(self, resume: str | None) -> None:
        error: AeonFtError | None = None
        try:
            self._learn(resume, self._note)
        except RunStoppedError as stopped:
            log.info("%s", stopped)
            error = stopped
        except AeonFtError as failed:
            log.warning("%s", failed)
            error = failed
        # AeonFtError was caught above: whatever comes here is a mistake of ours.
        except Exception as bug:  # the host must live on, and the owner must hear of it
            log.exception("the learning loop broke")
            error = AeonFtError(*_say.error("loop.broke", reason=bug))
        # Before `on_end`, whose listener may look at it.
        self.error = error
        self._on_end(error)
