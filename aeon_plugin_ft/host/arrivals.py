"""Turns that reached the index, read from the log by the watcher's thread."""

from __future__ import annotations

from aeon_plugin_ft.dataset.served import keep_served_prompt
from aeon_plugin_ft.events import EventBus, TurnsLogged
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.watch.watch import Watch


class Arrivals:
    """Keeps the prompt that is served, and tells the others."""

    def __init__(self, store: Store, index: TurnIndex, watch: Watch, events: EventBus) -> None:
        self._store, self._index, self._watch, self._events = store, index, watch, events

    def arrived(self, count: int) -> None:
        """The watcher has read `count` new turns into the store."""
        keep_served_prompt(self._store, self._index)
        self._watch.turns_indexed()
        self._events.publish(TurnsLogged(count=count))
