"""Turns that reached the index, read from the log by the watcher's thread."""

from __future__ import annotations

from aeon_plugin_ft.dataset.system import canonical_system
from aeon_plugin_ft.events import EventBus, TurnsLogged
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.watch.watch import Watch

PROMPT_TURNS = 20
"""The newest system prompt is looked for among so many turns: most calls of Aeon's modules have one of their own."""


class Arrivals:
    """Keeps the prompt that is served, and tells the others."""

    def __init__(self, store: Store, index: TurnIndex, watch: Watch, events: EventBus) -> None:
        self._store, self._index, self._watch, self._events = store, index, watch, events

    def arrived(self, count: int) -> None:
        """The watcher has read `count` new turns into the store."""
        self._keep_prompt()
        self._watch.turns_indexed()
        self._events.publish(TurnsLogged(count=count))

    def _keep_prompt(self) -> None:
        """The system prompt of the owner's newest talk: imported turns are trained under it, servers warm it up."""
        served = (turn.system for turn in self._index.latest(PROMPT_TURNS) if turn.caller == "chat" and turn.system)
        newest = next(served, None)
        if newest is not None and canonical_system(newest) != self._store.fact("system_prompt"):
            self._store.set_fact("system_prompt", canonical_system(newest))
