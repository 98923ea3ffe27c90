"""The command grammar, read once from data/grammar.toml into tables that the matcher can search quickly."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.normal import plain, sound

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).parent / "data"

NUMBER = "NUMBER"
"""Stands for any number in a pattern."""

WANT = "WANT"
"""Stands for a polite opening that wants something: "quero o modelo base" is a command, "o modelo base" is not."""

_LIGHT = "HOW BE WHAT MUCH NOW THIS NOT HAVE EVERYTHING WILL EVERY ONLY LIST ENTER BEGIN AGAIN WANT"
LIGHT = frozenset(_LIGHT.split())
"""Concepts that occur in any talk; they prove little."""

LIGHT_WEIGHT = 0.3

NAMED = "named"
"""What stands behind the name of an intent whose slot only names something: [intent."facts.named"]."""

_WORDS = ("may", "never", "needs")
"""What an intent lists words and concepts under, beside its patterns."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`parts` must all be found, each on a word of its own; `ordered` ones from the start, what follows is a slot. Of
    those the last `kept` belong to the slot as well, `never` may not come right behind them, and one of `needs`, where
    there are any, must be in the slot.

    `topic` says which setting a SETTING is about. A `named` one's slot is about anything at all, and so it is tried
    only where nothing else fits."""

    intent: Name
    topic: str
    parts: tuple[str, ...]
    weights: tuple[float, ...]
    may: frozenset[str]
    ordered: bool
    kept: int = 0
    never: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    named: bool = False

    @property
    def weight(self) -> float:
        """What it takes to fit, the light parts counting little: the heavier of two patterns says more."""
        return sum(self.weights)


@dataclass(frozen=True, slots=True)
class Grammar:
    """`concepts` maps a plain word to what it can stand for, `sounds` a sound key to the same (`keys`: those keys,
    for the search); `free` words change
    nothing; `confusable` words are ordinary ones that sound like a command word."""

    concepts: dict[str, frozenset[str]]
    sounds: dict[str, frozenset[str]]
    keys: tuple[str, ...]
    free: frozenset[str]
    confusable: frozenset[str]
    polite: tuple[tuple[str, ...], ...]
    patterns: tuple[Pattern, ...]
    yes: frozenset[str]
    no: frozenset[str]
    beside: frozenset[str]
    never_mind: frozenset[str]
    deeds: frozenset[str]
    objects: frozenset[str]


@lru_cache(maxsize=8)
def read_toml(name: str) -> dict[str, Any]:
    """A data file of this package, read once; not to be changed by its readers."""
    return cast(dict[str, Any], tomllib.loads((DATA / name).read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def grammar() -> Grammar:
    """The grammar; raises ValueError when the file names a concept that has no words."""
    raw = read_toml("grammar.toml")
    sections = {**raw["intent"], **{f"setting.{topic}": section for topic, section in raw["setting"].items()}}
    concepts, sounds = _lexicon(raw["words"], sections)
    return Grammar(
        concepts=concepts,
        sounds=sounds,
        keys=tuple(sounds),
        free=frozenset(plain(word) for words in raw["free"].values() for word in words.split()),
        confusable=_set(raw["confusable"]["words"]),
        polite=tuple(sorted((tuple(plain(text).split()) for text in raw["polite"]["phrases"]), key=len, reverse=True)),
        yes=_set(raw["answer"]["yes"]),
        no=_set(raw["answer"]["no"]),
        beside=_set(raw["answer"]["beside"]),
        never_mind=_set(raw["answer"]["never_mind"]),
        deeds=_set(raw["answer"]["deeds"]),
        objects=_set(raw["answer"]["objects"]),
        patterns=tuple(_patterns(sections, frozenset(raw["words"]) | {NUMBER, WANT})),
    )


def _set(listed: str) -> frozenset[str]:
    return frozenset(plain(word) for word in listed.split())


def _lexicon(
    words: dict[str, str], intents: dict[str, dict[str, Any]]
) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Words and literals of patterns (a literal is its own concept, in lower case)."""
    concepts: dict[str, set[str]] = {}
    sounds: dict[str, set[str]] = {}
    spelled = [(form, concept) for concept, listed in words.items() for word in listed.split() for form in _forms(word)]
    for intent in intents.values():
        texts = [*intent.get("patterns", ()), *intent.get("slots", ()), *(intent.get(key, "") for key in _WORDS)]
        spelled += [(part, plain(part)) for text in texts for part in text.split() if part.islower()]
    for word, concept in spelled:
        concepts.setdefault(plain(word), set()).add(concept)
        # "ç" loses its sound with its accent; recognisers write both.
        for variant in (plain(word), plain(word.replace("ç", "ss"))):
            sounds.setdefault(sound(variant), set()).add(concept)
    return _frozen(concepts), _frozen(sounds)


def _forms(word: str) -> tuple[str, ...]:
    """ "ligar*" as the forms of a request (ligar, liga, ligue, liguem, ligasse); other words as they are."""
    if not word.endswith("ar*"):
        return (word,)
    stem = word[:-3]
    # Spelling keeps the sound before an e: ficar, fique; ligar, ligue; começar, comece.
    soft = {"c": stem[:-1] + "qu", "g": stem + "u", "ç": stem[:-1] + "c"}.get(stem[-1], stem)
    return (f"{stem}ar", f"{stem}a", f"{soft}e", f"{soft}em", f"{stem}asse")


def _frozen(table: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(values) for key, values in table.items()}


def _patterns(intents: dict[str, dict[str, Any]], concepts: frozenset[str]) -> list[Pattern]:
    patterns = []
    for section, intent in intents.items():
        name, _, topic = section.partition(".")
        listed = {key: frozenset(_part(part, concepts) for part in intent.get(key, "").split()) for key in _WORDS}
        for text in (*intent.get("patterns", ()), *intent.get("slots", ())):
            head, _, kept = text.partition(" + ")
            parts = tuple(_part(part, concepts) for part in f"{head} {kept}".split() if part != ">")
            weights = tuple(LIGHT_WEIGHT if part in LIGHT or part.islower() else 1.0 for part in parts)
            slot = (len(kept.split()), listed["never"], listed["needs"], topic == NAMED)
            patterns.append(Pattern(Name(name), topic, parts, weights, listed["may"], text.startswith(">"), *slot))
    return sorted(patterns, key=lambda pattern: pattern.weight, reverse=True)


def _part(part: str, concepts: frozenset[str]) -> str:
    if part.islower():
        return plain(part)
    if part not in concepts:
        raise ValueError(f"grammar.toml: no words for the concept {part}")
    return part
