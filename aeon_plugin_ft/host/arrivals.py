"""Turns that reached the index, read from the log by the watcher's thread."""

from __future__ import annotations

from aeon_plugin_ft.dataset.served import keep_served_prompt
from aeon_plugin_ft.events import EventBus, TurnsLogged
from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.watch.watch import Watch

AT_ONCE = 50
"""Turns read for facts before the log is looked at again; of an old log the rest is `Backlog`'s."""


class Arrivals:
    """Keeps the prompt that is served and what the owner told, and tells the others."""

    def __init__(self, store: Store, index: TurnIndex, book: FactBook, watch: Watch, events: EventBus) -> None:
        self._store, self._index, self._book, self._watch, self._events = store, index, book, watch, events

    def arrived(self, count: int) -> None:
        """The watcher has read `count` new turns into the store."""
        keep_served_prompt(self._store, self._index)
        self._watch.turns_indexed()
        self._events.publish(TurnsLogged(count=count))
        self.read_facts()

    def read_facts(self) -> bool:
        """Read the newest turns that were not read for facts yet; whether there were any."""
        return read_facts(self._book, self._store, self._index, AT_ONCE)
