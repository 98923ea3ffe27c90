"""The plugin in one host from its start to its end, also where its database cannot be opened or turns out damaged.

The log goes on in every case (`host.log_only`). The rest is tried again until it is there: a lock passes, a damaged
database is made anew (`store.rebuild`).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.host.lasting import Lasting
from aeon_plugin_ft.host.log_only import LogOnly
from aeon_plugin_ft.host.turn_path import TurnPath
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.voice.announce import still_private, without_store

if TYPE_CHECKING:
    from hooks import Host

log = logging.getLogger("aeon_ft")

AGAIN_SECONDS = 5.0
"""Between two tries to open everything."""
RENEWAL_SECONDS = 3600.0
"""At most one renewal in that time: a database that is damaged again so soon is on a disk that is."""
STOP_SECONDS = 5.0
_FAULTS = (AeonFtError, sqlite3.Error, OSError)


class Living:
    """`start` opens everything, or the log alone. Safe from any thread."""

    def __init__(self, host: Host) -> None:
        self._host, self._lasting = host, Lasting.of(host)
        self.runtime: Runtime | None = None
        self._log_only: LogOnly | None = None
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._changing = threading.Lock()
        """Held while a life is opened: its own follower may hear of damage before it has been noted here, and a
        renewal that found none would open a second beside it. The end does not wait for it."""
        self._renewing: threading.Thread | None = None
        self._renewed_at = float("-inf")

    @property
    def turn_path(self) -> TurnPath | LogOnly | None:
        """What the owner's turn goes through now; None before the start and after the end."""
        log_only = self._log_only
        if log_only is not None:
            return log_only
        runtime = self.runtime
        return None if runtime is None else runtime.turn_path

    def start(self) -> None:
        """Raises AeonFtError when the data folder cannot be used: then nothing at all runs."""
        # Before anything can be logged.
        was_private = self._lasting.private_mode.resume()
        try:
            with self._changing:
                self.runtime = Runtime.start(self._host, self._lasting, self._damaged)
        except _FAULTS as error:
            self._log_only = LogOnly(self._host, self._lasting)
            log.error("only the log works for now: %s", error)
            self._host.say(without_store())
            self._in_background(None)
        if was_private:
            self._host.say(still_private())

    def stop(self) -> None:
        """End every thread and child; what was logged is on the disk when this returns."""
        self._stopping.set()
        if self._renewing is not None:
            # One that is opening everything just then ends that by itself.
            self._renewing.join(STOP_SECONDS)
        with self._guard:
            runtime, self.runtime = self.runtime, None
            log_only, self._log_only = self._log_only, None
        for part in (log_only, runtime):
            if part is not None:
                part.stop()

    def _damaged(self, reason: str) -> None:
        """The follower has heard of a damaged page."""
        if time.monotonic() - self._renewed_at < RENEWAL_SECONDS:
            return
        self._renewed_at = time.monotonic()
        log.error("the database is damaged (%s): it is made anew from the log", reason)
        self._in_background(reason)

    def _in_background(self, damage: str | None) -> None:
        renewing = threading.Thread(target=self._renew, args=(damage,), name="aeon-ft-renew", daemon=True)
        renewing.start()
        self._renewing = renewing

    def _renew(self, damage: str | None) -> None:
        try:
            with self._changing:
                if self._stopping.is_set():
                    return
                if self.runtime is not None:
                    self._leave_to_the_log(self.runtime)
                while not self._again(damage):
                    if self._stopping.wait(AGAIN_SECONDS):
                        return
        except Exception:  # the log goes on
            log.exception("the plugin could not be started again")

    def _leave_to_the_log(self, runtime: Runtime) -> None:
        # The log first: no turn may end between the two.
        log_only = LogOnly(self._host, self._lasting)
        with self._guard:
            ended = self._stopping.is_set()
            if not ended:
                self.runtime, self._log_only = None, log_only
        # At the end `stop` has the runtime.
        (log_only if ended else runtime).stop()

    def _again(self, damage: str | None) -> bool:
        """Open everything; False when that cannot be now."""
        try:
            runtime = Runtime.start(self._host, self._lasting, self._damaged, damage)
        except _FAULTS as error:
            log.warning("only the log works: %s (next try in %.0f s)", error, AGAIN_SECONDS)
            return self._stopping.is_set()
        with self._guard:
            log_only, ended = self._log_only, self._stopping.is_set()
            if not ended:
                self.runtime, self._log_only = runtime, None
        if ended:
            runtime.stop()
        elif log_only is not None:
            log_only.stop()
        return True
