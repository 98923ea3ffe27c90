"""Follows the log as it grows: a watchdog observer says when, a thread of our own does the reading.

watchdog's observer thread dies of an exception in a handler, so ours only rings a bell. Where no
observer can be had (no inotify watches left, some network drives) or it dies, the log is looked at
every second instead, and one line says so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from aeon_plugin_ft.store import private
from aeon_plugin_ft.turns.index import TurnIndex

log = logging.getLogger("aeon_ft.turns")

POLL_SECONDS = 1.0
"""How often the log is looked at without an observer."""
BEAT_SECONDS = 5.0
"""How often with one: an overflowing event queue loses events without a word."""
GATHER_SECONDS = 0.05
"""Turns that come close together are read together."""


class LogWatcher:
    """Ingests new turns as they are logged; `on_new(count)` is called, from its thread, after each that
    brought some. Turns that are already there at the start count as new when the index lacks them."""

    def __init__(self, index: TurnIndex, on_new: Callable[[int], None]) -> None:
        self.index = index
        self._on_new = on_new
        self._bell = threading.Event()
        self._stop = threading.Event()
        self._begun = threading.Event()
        self._thread: threading.Thread | None = None
        self._observer: Any = None
        self._failing = False

    @property
    def observing(self) -> bool:
        """Whether the operating system tells of changes; False while polling."""
        return self._observer is not None and self._observer.is_alive()

    def start(self) -> None:
        """Start watching; does nothing when it already is."""
        if self._thread is not None:
            return
        self._stop.clear()
        self._begun.clear()
        # The first look is for what was logged while nobody watched.
        self._bell.set()
        self._thread = threading.Thread(target=self._run, name="aeon-ft-log-watcher", daemon=True)
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """Stop watching; both threads have ended when it returns."""
        self._stop.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._end_observer()

    def _run(self) -> None:
        # Here and not in the host's thread: on Windows watchdog starts one more, which is a daemon only where its
        # starter is. Python waits for every other one, and a host that has ended would stay for ever.
        self._observer = self._observe()
        self._begun.set()
        while not self._stop.is_set():
            self._bell.wait(BEAT_SECONDS if self.observing else POLL_SECONDS)
            # Before reading, not after: a turn that comes while it reads rings again and is not missed.
            self._bell.clear()
            self._ingest()
            self._notice_dead_observer()
            self._stop.wait(GATHER_SECONDS)

    def _ingest(self) -> None:
        try:
            count = self.index.ingest()
        except Exception:  # the thread must outlive a locked database and a full disk
            if not self._failing:
                log.exception("new turns could not be taken in; it is tried again")
            self._failing = True
            return
        if self._failing:
            log.info("new turns can be taken in again")
            self._failing = False
        if count:
            self._tell(count)

    def _tell(self, count: int) -> None:
        try:
            self._on_new(count)
        except Exception:  # whatever a listener raises, the next turns are taken in
            log.exception("a listener failed on %d new turns", count)

    # -- the observer --------------------------------------------------------------------------

    def _observe(self) -> Any:
        """A running observer, or None after saying why there is none."""
        try:
            return self._start_observer()
        except Exception as error:  # noqa: BLE001 - each platform has its own, and polling always works
            log.warning("the log folder cannot be observed (%s); looking every %.0f s instead", error, POLL_SECONDS)
            return None

    def _start_observer(self) -> Any:
        # watchdog costs 30 ms to import, and not every host watches.
        from watchdog import events
        from watchdog.observers import Observer

        ring = self._ring

        class Bell(events.FileSystemEventHandler):
            def on_any_event(self, event: Any) -> None:
                ring()

        private.make_folder(self.index.folder)
        observer = Observer()
        # Not "opened" and "closed": our own reading would ring the bell for ever.
        kinds: list[type[events.FileSystemEvent]] = [
            events.FileCreatedEvent,
            events.FileModifiedEvent,
            events.FileMovedEvent,
            events.FileDeletedEvent,
        ]
        observer.schedule(Bell(), str(self.index.folder), event_filter=kinds)
        observer.start()
        return observer

    def _ring(self) -> None:
        try:
            self._bell.set()
        except Exception:  # it would end the observer's thread
            log.exception("an event was lost; the next look will find its turn")

    def _notice_dead_observer(self) -> None:
        if self._observer is not None and not self._observer.is_alive() and not self._stop.is_set():
            log.warning("the observer of the log folder has died; looking every %.0f s instead", POLL_SECONDS)
            self._end_observer()

    def _end_observer(self) -> None:
        observer, self._observer = self._observer, None
        # One without an ident was never started, and cannot be joined.
        if observer is not None and observer.ident is not None:
            observer.stop()
            observer.join()
