"""fsync in groups, by a thread of its own, so that no reply waits for the disk.

A write that has returned is with the operating system and survives the death of the process. Only a
power cut or a crash of the system can still lose it, until the fsync that follows.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.turns.files import sync_folder

log = logging.getLogger("aeon_ft.turns")

IDLE_SECONDS = 1.0
"""How often the thread looks around when nothing is being written."""


class Syncer:
    """Owns the closing of descriptors, so that none is closed while it is being synced.

    `seconds()` is how long a write may wait for its sync, asked for each group. `on_result(None)` is called after each
    sync that worked, `on_result(error)` after one that did not; `on_idle()` once a second while nothing is written.
    """

    def __init__(
        self,
        folder: Path,
        seconds: Callable[[], float],
        on_result: Callable[[OSError | None], None],
        on_idle: Callable[[], None],
    ) -> None:
        self.folder = folder
        self._seconds = seconds
        self._on_result = on_result
        self._on_idle = on_idle
        self._guard = threading.Lock()
        self._syncing = threading.Lock()
        self._dirty: set[int] = set()
        self._retired: set[int] = set()
        self._new_names = False
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aeon-ft-log-sync", daemon=True)
        self._thread.start()

    def written(self, descriptor: int) -> None:
        """Something was written; it is synced `seconds()` from now at the latest."""
        with self._guard:
            self._dirty.add(descriptor)
        self._wake.set()

    def created(self) -> None:
        """A file was made; its name in the folder has to be synced too."""
        with self._guard:
            self._new_names = True
        self._wake.set()

    def retire(self, descriptor: int) -> None:
        """Nothing more is written through `descriptor`: sync it a last time and close it."""
        with self._guard:
            self._dirty.add(descriptor)
            self._retired.add(descriptor)
        self._wake.set()

    def sync(self) -> None:
        """Sync everything written until now, here. Threads that wait for it share one fsync."""
        # Held through the fsync: a second caller waits here, and then finds its write among those that were synced.
        with self._syncing:
            with self._guard:
                dirty, self._dirty = self._dirty, set()
                new_names, self._new_names = self._new_names, False
            if not dirty and not new_names:
                return
            try:
                if new_names:
                    sync_folder(self.folder)
                for descriptor in dirty:
                    os.fsync(descriptor)
            except OSError as error:
                with self._guard:
                    # They are not safe, so they are still owed; the next write or retiring wakes the thread to try
                    # again.
                    self._dirty |= dirty
                    self._new_names |= new_names
                self._on_result(error)
                return
            self._close_retired(dirty)
        # Outside the locks: the listener may write a line of its own.
        self._on_result(None)

    def close(self) -> None:
        """Sync a last time and end the thread."""
        self._stop.set()
        self._wake.set()
        self._thread.join()
        self.sync()
        with self._guard:
            left = set(self._retired)
        self._close_retired(left)  # what could not be synced is closed all the same

    def _close_retired(self, synced: set[int]) -> None:
        with self._guard:
            done = self._retired & synced
            self._retired -= done
            self._dirty -= done
        for descriptor in done:
            os.close(descriptor)

    def _run(self) -> None:
        while not self._stop.is_set():
            woken = self._wake.wait(IDLE_SECONDS)
            try:
                self._step(woken)
            except Exception:  # without this thread nothing would be synced ever again
                log.exception("syncing the log failed; it goes on")

    def _step(self, woken: bool) -> None:
        if not woken:
            self._on_idle()
            return
        self._wake.clear()
        # The group gathers while it waits. On the stop event, so that closing does not wait with it.
        self._stop.wait(self._seconds())
        self.sync()
