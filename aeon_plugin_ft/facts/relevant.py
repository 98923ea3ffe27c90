"""The facts that matter for a question, as sentences for the prompt.

An index in memory from the words of each fact (what it is about, its attribute, its value) to the fact; a question is
looked up word by word, with the words' weight by how few facts have them (as in BM25). It is made anew when the facts'
number of changes says so, and asked from the thread of the owner's turn.

Equal questions give equal sentences in an equal order, as long as the facts are the same: a model server keeps what it
computed for a prompt up to the first character that differs.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rapidfuzz import fuzz, process

from aeon_plugin_ft.facts.asking import vocabulary
from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, Relation
from aeon_plugin_ft.privacy.folding import fold_accents

log = logging.getLogger("aeon_ft.facts")

CHARS_PER_TOKEN = 2.5
"""Of Portuguese, with a small vocabulary; a larger one needs fewer tokens, so the budget is never exceeded."""
LINE_TOKENS = 2
"""What a line's dash and end cost."""
QUESTION_CHARS = 2000
"""Of a longer question only the end is looked at, where it asks."""
SAME_WORD = 85.0
"""Similarity in percent from which an unknown word stands for a known one: speech recognition spells freely."""
SHORTEST_MISSPELT = 5
SUBJECT, ATTRIBUTE, VALUE, ASKED = 3.0, 2.5, 2.0, 1.0
"""Weights of a word by what it names; ASKED is a word that asks for the fact's relation ("onde", "nome")."""
NEAR = 0.6
"""Weight of a word that means the same, against the word itself."""
CLEAREST = 2.0
"""So many words that ask for a relation count: "em que cidade fica a minha casa?" has two."""
WEAKEST = 0.25
"""Facts with less than this share of the best one's score are not told: a small model is confused by them."""
_ALWAYS = (Relation.CALLED, Relation.NAME)
"""What is told about the owner whatever is asked: how to address them, and who they are."""
_ALIASES = (Relation.NAME, Relation.KIND)
"""Their value is another word for the subject: who asks for the Fork asks for the gata."""
_ORDER = {relation: number for number, relation in enumerate(Relation)}


class HeldFacts(Protocol):
    """What is held to be so now. Asked from any thread, each turn: `version` must cost microseconds."""

    @property
    def version(self) -> int:
        """Another number after each change."""

    def current(self) -> Sequence[Fact]:
        """Every fact that holds."""


class NothingKnown:
    """The facts of an owner of whom nothing is known."""

    version = 0

    def current(self) -> Sequence[Fact]:
        """None at all."""
        return ()


@dataclass(frozen=True, slots=True)
class _Index:
    """Of one state of the facts, which are named by their number. `places`: for each stem the facts that it names, with
    its weight in them; `asked`: the facts of each relation; `aliases`: the stems of other names for a thing."""

    version: int
    facts: tuple[Fact, ...] = ()
    always: tuple[int, ...] = ()
    places: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    asked: dict[Relation, list[int]] = field(default_factory=dict)
    aliases: dict[str, set[str]] = field(default_factory=dict)

    def rarity(self, facts: int) -> float:
        """How much a word says that so many of the facts have."""
        return math.log(1 + (len(self.facts) - facts + 0.5) / (facts + 0.5))


class RelevantFacts:
    """`sentence` says a fact in the third person, for the prompt."""

    def __init__(self, source: HeldFacts, sentence: Callable[[Fact], str]) -> None:
        self._source, self._sentence = source, sentence
        self._index = _Index(-1)
        self._making = threading.Lock()
        self._stale = False
        self._said: dict[Fact, str] = {}
        self._terms: dict[Claim, dict[str, float]] = {}

    def refresh(self) -> None:
        """Make the index anew where the facts have changed; called in the background as well, so that a turn seldom
        has to. Some milliseconds for a thousand facts. Raises what the store raises."""
        if self._source.version == self._index.version:
            return
        with self._making:
            # Before the facts are read: what changes in between is seen at the next look.
            version = self._source.version
            if version != self._index.version:
                self._index = self._make(version, tuple(self._source.current()))

    def sentences(self, question: str, tokens: int, without: Collection[str] = ()) -> tuple[str, ...]:
        """What to tell a model before it answers this question, in at most so many tokens; `without` are the ids of
        facts to leave out. () where nothing is known that matters. While the store cannot be read, the facts of the
        last refresh are told: the owner's turn goes on without it."""
        self._refresh_if_possible()
        index = self._index
        told: list[tuple[bool, Fact]] = []
        for number in dict.fromkeys((*index.always, *_best(index, question[-QUESTION_CHARS:]))):
            fact = index.facts[number]
            cost = math.ceil(len(self._say(fact)) / CHARS_PER_TOKEN) + LINE_TOKENS
            if fact.id not in without and cost <= tokens:
                tokens -= cost
                told.append((number not in index.always, fact))
        return tuple(self._say(fact) for _, fact in sorted(told, key=lambda one: (one[0], *_place(one[1]))))

    def _refresh_if_possible(self) -> None:
        # In the turn too: what was forgotten or corrected a moment ago must not be told.
        try:
            self.refresh()
        except sqlite3.Error as error:
            if not self._stale:
                log.warning("the facts cannot be looked up (%s); those of the last look are told", error)
            self._stale = True
        else:
            self._stale = False

    def _say(self, fact: Fact) -> str:
        said = self._said.get(fact)
        if said is None:
            said = self._said[fact] = self._sentence(fact)
        return said

    def _make(self, version: int, facts: tuple[Fact, ...]) -> _Index:
        terms = {fact.claim: self._terms.get(fact.claim) or _terms(fact.claim) for fact in facts}
        # Of facts that hold no more nothing stays, in memory neither.
        self._terms, self._said = terms, {}
        always = (number for kind in _ALWAYS for number, fact in enumerate(facts) if _names_the_owner(fact.claim, kind))
        index = _Index(version, facts, tuple(always))
        for number, fact in enumerate(facts):
            index.asked.setdefault(fact.claim.relation, []).append(number)
            for term, weight in terms[fact.claim].items():
                index.places.setdefault(term, []).append((number, weight))
            if fact.claim.relation in _ALIASES and fact.claim.subject != OWNER:
                _note_alias(index.aliases, fact.claim)
        return index


def _names_the_owner(claim: Claim, relation: Relation) -> bool:
    return claim.subject == OWNER and claim.relation is relation and not claim.attribute


def _terms(claim: Claim) -> dict[str, float]:
    """The stems that name a fact, with the weight of the weightiest part that each stands in."""
    terms: dict[str, float] = {}
    for text, weight in ((claim.subject, SUBJECT), (claim.attribute, ATTRIBUTE), (claim.value, VALUE)):
        for one in vocabulary().stems(text):
            terms.setdefault(one, weight)
    return terms


def _note_alias(aliases: dict[str, set[str]], claim: Claim) -> None:
    subject, value = vocabulary().stems(claim.subject), vocabulary().stems(claim.value)
    for one in subject:
        aliases.setdefault(one, set()).update(value)
    for one in value:
        aliases.setdefault(one, set()).update(subject)


def _best(index: _Index, question: str) -> list[int]:
    """The facts that a question is about, best first; of equally good ones those that were said more often, then the
    newer."""
    stems = vocabulary().stems(question)
    scores: dict[int, float] = {}
    for term, trust in _asked_for(index, stems).items():
        places = index.places.get(term, ())
        worth = trust * index.rarity(len(places))
        for number, weight in places:
            scores[number] = scores.get(number, 0.0) + worth * weight
    for relation, clearly in vocabulary().asked(stems).items():
        numbers = index.asked.get(relation, ())
        worth = ASKED * min(clearly, CLEAREST) * index.rarity(len(numbers))
        for number in numbers:
            # "Onde?" alone asks for the owner, and not for every other thing that has a place.
            if number in scores or index.facts[number].claim.subject == OWNER:
                scores[number] = scores.get(number, 0.0) + worth
    enough = WEAKEST * max(scores.values(), default=0.0)
    near = [(-score, -index.facts[number].times, -index.facts[number].said_at, number) for number, score in
            scores.items() if score >= enough]  # fmt: skip
    return [number for *_, number in sorted(near)]


def _asked_for(index: _Index, stems: Iterable[str]) -> dict[str, float]:
    """The stems to look up, each with its trust: those of the question, those that mean the same, other names."""
    trusts: dict[str, float] = {}
    for one in stems:
        near = vocabulary().near.get(one, ())
        known = one in index.places or one in vocabulary().relations
        own = one if known or near else _misspelt(index, one)
        if own is None:
            continue
        trusts[own] = 1.0
        for meant, trust in ((own, NEAR), *((other, NEAR * NEAR) for other in near)):
            for alias in sorted(index.aliases.get(meant, ())):
                trusts[alias] = max(trust, trusts.get(alias, 0.0))
        for other in near:
            trusts[other] = max(NEAR, trusts.get(other, 0.0))
    return trusts


def _misspelt(index: _Index, unknown: str) -> str | None:
    """The stem that an unknown one is most likely a spelling of."""
    if len(unknown) < SHORTEST_MISSPELT:
        return None
    best = process.extractOne(unknown, index.places.keys(), scorer=fuzz.ratio, score_cutoff=SAME_WORD)
    return None if best is None else str(best[0])


def _place(fact: Fact) -> tuple[str, int, str, str, str]:
    """The order in which facts are told: by what they are about, whatever was asked."""
    claim = fact.claim
    about, attribute = fold_accents(claim.subject), fold_accents(claim.attribute)
    return about, _ORDER[claim.relation], attribute, fold_accents(claim.value), fact.id
