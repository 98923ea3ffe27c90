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
_DEFINITE = frozenset(
    ["o", "a", "os", "as", "do", "da", "dos", "das", "no", "na", "nos", "nas", "ao", "aos", "pelo", "pela"]
)
_ARTICLE = re.compile(r"\s*([oa]s?)\s+(?=\S)", re.IGNORECASE)
_MINE = {"o": "meu", "a": "minha", "os": "meus", "as": "minhas"}
_VERB = 1
"""Words that a sentence may have beside those of the fact that it states."""
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


def knows(text: str, facts: Iterable[Fact]) -> bool:
    """Whether a text names, and names nothing but, a thing of which something is known: "a daily", "o Jaburu", "Fork".
    Without an article only what is called so: "futebol" is anybody's, "o futebol" may be the owner's."""
    words = _WORD.findall(fold_accents(text))
    return bool(words) and is_thing(text, facts, definite=words[0] in _DEFINITE)


def is_thing(text: str, facts: Iterable[Fact], *, definite: bool) -> bool:
    """As `knows`; `definite`: its article may be taken for said."""
    sought = stems(text)
    return bool(sought) and any(_is_called(sought, fact, definite) for fact in facts)


def _is_called(sought: frozenset[str], fact: Fact, definite: bool) -> bool:
    subject = stems(fact.claim.subject)
    if sought == subject and (definite or fact.claim.subject[:1].isupper()):
        return True
    if fact.claim.relation is not Relation.NAME or not fact.value.strip():
        return False
    # "Lívia" is enough of "Lívia Souza", and "a gata Fork" no more than "Fork".
    return stems(fact.value.split()[0]) <= sought <= subject | stems(fact.value)


def as_owners(text: str, facts: Iterable[Fact]) -> str:
    """A sentence that only names what it is about, "a Lívia mora em Recife", as one that says whose it is, "minha irmã
    mora em Recife", where something is known of it; any other sentence as it is."""
    article = _ARTICLE.match(text)
    if article is None:
        return text
    named = fold_accents(text[article.end() :])
    things = {name: fact.claim.subject for fact in facts for name in _names(fact)}
    longest = max((name for name in things if _leads(name, named)), key=len, default="")
    if not longest:
        return text
    mine = _MINE[article[1].lower()]
    return f"{mine} {things[longest]}{text[article.end() + len(longest) :]}"


def _names(fact: Fact) -> list[str]:
    """What the thing may be called, folded: its kind, its name, its first name."""
    if fact.claim.subject == OWNER:
        return []
    value = fact.value.strip() if fact.claim.relation is Relation.NAME else ""
    return [fold_accents(name) for name in (fact.claim.subject, value, value.partition(" ")[0]) if name]


def _leads(name: str, text: str) -> bool:
    return text.startswith(name) and not text[len(name) : len(name) + 1].isalnum()


def meant(text: str, claims: Sequence[Claim], facts: Iterable[Fact], *, only: bool = False) -> list[Fact]:
    """The facts that a sentence states: those of its claims, else those of which every word stands in it; with `only`
    the sentence says hardly anything else."""
    every = list(facts)
    stated = {(thing_of(claim), meaning(claim)) for claim in claims}
    by_claim = [fact for fact in every if (thing_of(fact.claim), meaning(fact.claim)) in stated]
    if by_claim:
        return by_claim
    said = stems(text)
    told = [(fact, stems(fact.claim.subject), stems(fact.value)) for fact in every]
    within = [(fact, subject | value) for fact, subject, value in told if value and subject | value <= said]
    return [fact for fact, words in within if not only or len(said - words) <= _VERB]
