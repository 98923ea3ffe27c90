"""Facts by what people say of them: "minha gata", "a Fork", "eu sou vegetariano"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aeon_plugin_ft.facts.meaning import meaning
from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, Relation
from aeon_plugin_ft.facts.table import thing_of
from aeon_plugin_ft.privacy.folding import fold_accents

_WORD = re.compile(r"[^\W_]+")
_SMALL = frozenset(
    word
    for words in (
        "a o as os um uma de do da dos das e em no na nos nas que se por pra para com sobre ao aos",
        "eu tu voce me meu minha meus minhas nosso nossa nossos nossas",
    )
    for word in words.split()
)
_OWNERS = frozenset({"mim", "eu", "me"})
_ENDINGS = re.compile(r"(?:os|as|es|o|a|e|s)$")


def stems(text: str) -> frozenset[str]:
    """The words that say something, without the endings of gender and number: gato, gata and gatos are one."""
    words = [word for word in _WORD.findall(fold_accents(text)) if word not in _SMALL]
    return frozenset(_ENDINGS.sub("", word) if len(word) > 3 else word for word in words)


def about(text: str, facts: Iterable[Fact]) -> list[Fact]:
    """The facts about what is named: by its kind ("gata"), its name ("Fork"), an attribute or a value; for "mim" those
    of the owner. What the name of a thing finds is found by its kind, and the other way round."""
    every = list(facts)
    if set(_WORD.findall(fold_accents(text))) & _OWNERS:
        return [fact for fact in every if fact.claim.subject == OWNER]
    sought = stems(text)
    if not sought:
        return []
    subjects = {subject for subject in (stems(fact.claim.subject) for fact in every) if subject and subject <= sought}
    named = [(stems(fact.claim.subject), stems(fact.value)) for fact in every if fact.claim.relation is Relation.NAME]
    for kind, name in named:
        if kind in subjects or (name and name <= sought):
            subjects |= {kind, name}
    subjects.discard(frozenset())
    direct = [fact for fact in every if stems(fact.claim.subject) in subjects]
    others = [fact for fact in every if fact not in direct and _says(fact, sought)]
    return [*direct, *others]


def _says(fact: Fact, sought: frozenset[str]) -> bool:
    value, attribute = stems(fact.value), stems(fact.claim.attribute)
    return bool(value and value <= sought) or bool(attribute and attribute <= sought) or sought <= value


def meant(text: str, claims: Sequence[Claim], facts: Iterable[Fact]) -> list[Fact]:
    """The facts that a sentence states: those of its claims, else those of which every word stands in it."""
    every = list(facts)
    stated = {(thing_of(claim), meaning(claim)) for claim in claims}
    by_claim = [fact for fact in every if (thing_of(fact.claim), meaning(fact.claim)) in stated]
    if by_claim:
        return by_claim
    said = stems(text)
    return [fact for fact in every if (value := stems(fact.value)) and value | stems(fact.claim.subject) <= said]
