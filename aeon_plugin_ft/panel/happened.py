"""Events in words, for the list of what happened lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_plugin_ft import events
from aeon_plugin_ft.messages.speech import Speech

QUIET = frozenset({events.TurnsLogged.name, events.DatasetFrozen.name})
"""Too common, or too small, to be told."""


def event_words(words: Speech, name: str, data: Mapping[str, Any]) -> str | None:
    """One sentence for an event of the store; None for one that is not told, or that is not known."""
    key = f"event.{name}"
    if name == events.VerdictReached.name:
        key += "_accepted" if data["accepted"] else "_unjudged" if data["version"] is None else "_refused"
    if name == events.TrainingLeft.name:
        return words.say(key, why=words.named("left", data["why"]))
    if name in QUIET or not words.say.has(key):
        return None
    slots = {slot: words.version(str(data[slot])) for slot in ("version", "previous") if data.get(slot)}
    if "cause" in data:
        slots["cause"] = words.named("cause", str(data["cause"] or "unknown"))
    if "trouble" in data:
        slots["trouble"] = words.named("trouble_is", str(data["trouble"]))
    return words.say(key, lost=data.get("lost", 0), **slots)
