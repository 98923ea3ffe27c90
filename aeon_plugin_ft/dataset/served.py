"""The system prompt that the owner's talk is served with: imported turns are trained under it, servers warm it up."""

from __future__ import annotations

from aeon_plugin_ft.dataset.system import canonical_system
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import TurnIndex

FACT = "system_prompt"
LOOKED_AT = 20
"""It is looked for among so many of the newest turns: most calls of Aeon's modules have a prompt of their own."""


def keep_served_prompt(store: Store, index: TurnIndex) -> None:
    """Keep that of the owner's newest talk. By whoever brings turns into the index: the watcher in a host, and a
    dataset that is built before the watcher came to it, which must not train under another prompt, or under none."""
    served = (turn.system for turn in index.latest(LOOKED_AT) if turn.caller == "chat" and turn.system)
    newest = next(served, None)
    if newest is not None and canonical_system(newest) != served_prompt(store):
        store.set_fact(FACT, canonical_system(newest))


def served_prompt(store: Store) -> str:
    """Without what changes from minute to minute; "" before the first conversation."""
    return str(store.fact(FACT, ""))
