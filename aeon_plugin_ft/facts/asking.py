"""The words that a question asks with, as they are compared with the words of a fact.

Portuguese says one thing in many forms: gata, gatas, gatinha; moro, mora, morava. `stem` takes endings off, by a few
rules and without a dictionary, so that these are equal; what it leaves is no word and is shown to nobody. Words that
mean the same, and the words that ask for a relation ("onde eu moro?"), stand in data/relevance.toml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from aeon_plugin_ft.facts.model import Relation
from aeon_plugin_ft.privacy.folding import fold_accents

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).with_name("data") / "relevance.toml"
_WORD = re.compile(r"[^\W_]+")
_JOINED = re.compile(r"\b(\w{1,2})-(?=\w)")
"""Words that are written in one as well: Wi-Fi, e-mail."""
_PLURALS = (("oes", "ao"), ("aes", "ao"), ("ais", "al"), ("eis", "el"), ("ns", "m"), ("res", "r"), ("zes", "z"),
            ("s", ""))  # fmt: skip
_SMALL = ("zinho", "zinha", "inho", "inha")
_VERBS = ("ando", "endo", "indo", "aram", "eram", "iram", "avam", "iam", "ava", "eu", "ou", "ei", "ar", "er", "ir",
          "am", "em")  # fmt: skip
VAGUE = 0.5
SHORTEST = 3
"""Characters that an ending leaves at least."""


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return _WORD.findall(_JOINED.sub(r"\1", fold_accents(text)))


@lru_cache(4096)
def stem(word: str) -> str:
    """A folded word without the endings of number, size, person, time and gender."""
    word = next((word[: -len(old)] + new for old, new in _PLURALS if _ends(word, old)), word)
    word = next((word[: -len(small)] for small in _SMALL if _ends(word, small)), word)
    word = next((word[: -len(verb)] for verb in _VERBS if _ends(word, verb)), word)
    return word[:-1] if word[-1:] in ("a", "e", "i", "o") and len(word) > SHORTEST else word


def _ends(word: str, ending: str) -> bool:
    return word.endswith(ending) and len(word) - len(ending) >= SHORTEST


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`empty` are words that name nothing; `near` gives for a stem the others that it asks for as well; `relations`
    gives for a stem the relations that it asks for; of these stems the `vague` ones ask for little."""

    empty: frozenset[str]
    vague: frozenset[str]
    near: Mapping[str, tuple[str, ...]]
    relations: Mapping[str, frozenset[Relation]]

    def stems(self, text: str) -> list[str]:
        """The stems of a text that name something, each once, in order."""
        # Whole words: "como" is empty, and its stem is that of "comer".
        return list(dict.fromkeys(stem(word) for word in words(text) if word not in self.empty))

    def asked(self, stems: Iterable[str]) -> dict[Relation, float]:
        """The relations that stems ask for, by themselves or by what means the same, each with how clearly: 1 for a
        word, VAGUE for a vague one. Always in the same order."""
        clearly: dict[Relation, float] = {}
        for one in stems:
            asked = {relation for other in (one, *self.near.get(one, ())) for relation in self.relations.get(other, ())}
            for relation in asked:
                clearly[relation] = clearly.get(relation, 0.0) + (VAGUE if one in self.vague else 1.0)
        return {relation: clearly[relation] for relation in sorted(clearly)}


@lru_cache(1)
def vocabulary() -> Vocabulary:
    """The one of data/relevance.toml."""
    raw: dict[str, Any] = tomllib.loads(DATA.read_text(encoding="utf-8"))
    near: dict[str, set[str]] = {}
    for group in raw["same"]:
        stems = _stems(group)
        for one in stems:
            near.setdefault(one, set()).update(stems - {one})
    for word, sorts in raw["wider"].items():
        wanted = _stems(sorts)
        # The sorts' own synonyms too: who asks for their bichos asks for the cadela.
        near.setdefault(stem(fold_accents(word)), set()).update(wanted, *(near.get(one, ()) for one in wanted))
    relations: dict[str, set[Relation]] = {}
    for name, asking in raw["relations"].items():
        for one in _stems(asking.split()):
            relations.setdefault(one, set()).add(Relation(name))
    return Vocabulary(
        frozenset(words(raw["empty"])),
        frozenset(_stems(raw["vague"]["words"].split())),
        # In order: sums of the same weights in another order differ in their last digit, and with it the prompt.
        {one: tuple(sorted(others)) for one, others in near.items()},
        {one: frozenset(asked) for one, asked in relations.items()},
    )


def _stems(raw: Iterable[str]) -> set[str]:
    return {stem(fold_accents(word)) for word in raw}
