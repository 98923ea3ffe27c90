"""Turns that reached the index, read from the log by the watcher's thread."""

from __future__ import annotations

from aeon_plugin_ft.dataset.feedback.opinions import corrections_since, newest_feedback
from aeon_plugin_ft.dataset.served import keep_served_prompt
from aeon_plugin_ft.events import EventBus, ReplyCorrected, TurnsLogged
from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.watch.watch import Watch

AT_ONCE = 50
"""Turns read for facts before the log is looked at again; of an old log the rest is `Backlog`'s."""
JUST_NOW = 300.0
"""Seconds since a correction was said, within which the owner is told that it was understood."""


class Arrivals:
    """Keeps the prompt that is served and what the owner told, and tells the others."""

    def __init__(self, store: Store, index: TurnIndex, book: FactBook, watch: Watch, events: EventBus) -> None:
        self._store, self._index, self._book, self._watch, self._events = store, index, book, watch, events
        self._opinions_seen = newest_feedback(store)

    def arrived(self, count: int) -> None:
        """The watcher has read `count` new turns into the store."""
        keep_served_prompt(self._store, self._index)
        self._watch.turns_indexed()
        self._events.publish(TurnsLogged(count=count))
        self.read_facts()
        self._tell_of_corrections()

    def _tell_of_corrections(self) -> None:
        """Those that were just said here: not those of an import, nor what an older log turns out to hold."""
        seen, self._opinions_seen = self._opinions_seen, newest_feedback(self._store)
        if self._opinions_seen == seen:
            return
        for turn, said_in in corrections_since(self._store, seen):
            said = self._index.get(said_in)
            if said is not None and said.source == "live" and abs(self._store.clock() - said.at) < JUST_NOW:
                self._events.publish(ReplyCorrected(turn=turn))

    def read_facts(self) -> bool:
        """Read the newest turns that were not read for facts yet; whether there were any."""
        return read_facts(self._book, self._store, self._index, AT_ONCE)
