"""The phrases by which an unmodified Aeon routes a sentence to the plugin's module.

Aeon takes the longest trigger that is a substring of the sentence, so a whole phrase of ours wins over any
trigger inside it; what only resembles one is asked of `match`, which declines, and Aeon goes on.
"""

from __future__ import annotations

import re

from aeon_plugin_ft.voice.grammar import read_toml
from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.normal import plain


def phrases() -> dict[Name, tuple[str, ...]]:
    """The documented phrases of every command; "{...}" stands for a slot."""
    return {Name(name): tuple(listed) for name, listed in read_toml("phrases.toml")["phrases"].items()}


def triggers() -> list[str]:
    """Triggers for the module, longest first, as Aeon normalises them: the documented phrases up to their slot, and
    pieces of words for freer wordings (see phrases.toml for why they take nothing from other modules)."""
    triggers = {_normal(phrase.partition("{")[0]) for listed in phrases().values() for phrase in listed}
    pieces = read_toml("phrases.toml")["pieces"]
    stems = pieces["stems"].split()
    triggers.update(stems, (f"{before} {stem}" for before in pieces["before"].split() for stem in stems))
    return sorted(triggers, key=lambda trigger: (-len(trigger), trigger))


def _normal(text: str) -> str:
    """Like Aeon's own: no accents, lower case, only letters, digits and single spaces."""
    return " ".join(re.sub(r"[^a-z0-9\s]", " ", plain(text)).split())
