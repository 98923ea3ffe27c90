"""Everything that was said, gathered by what it is about under all its names, and what of it is held.

A pure function of the mentions and the words heard; `Gathered.after` computes only what a change can touch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from aeon_plugin_ft.facts.aliases import Aliases, aliases
from aeon_plugin_ft.facts.holding import hold
from aeon_plugin_ft.facts.meaning import meaning, plain
from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, FactSource, Relation
from aeon_plugin_ft.facts.table import APART, ClaimTable, Mention, hashes, thing_of

Things = Mapping[str, Sequence[Mention]]
"""Mentions by their own thing."""


class Hearing:
    """What was said in passing, by the words that the table keeps. `every`: read them all at once, rather than those
    of a word at a time. `without` are turns that do not count."""

    def __init__(self, table: ClaimTable, every: bool = False, without: Collection[str] = ()) -> None:
        self._table, self._every, self._without = table, every, frozenset(without)
        self._turns: dict[bytes, list[_Heard]] | None = None
        self._asked: dict[str, list[_Heard]] = {}

    def repeating(self, claim: Claim, subjects: Iterable[str]) -> list[str]:
        """The turns that say a claim again, of one of these subjects."""
        from aeon_plugin_ft.facts.heard import key_words, repeats

        called = tuple(subjects)
        turns = {one.turn: one for key in key_words(claim.relation, claim.value) for one in self._with(key)}
        return [turn for turn, heard in turns.items() if repeats(claim, called, heard)]

    def _with(self, word: str) -> list[_Heard]:
        if self._every:
            return self._index().get(self._table.hash_of_word(word), [])
        if word not in self._asked:
            self._asked[word] = self._of(self._table.heard(word))
        return self._asked[word]

    def _index(self) -> dict[bytes, list[_Heard]]:
        if self._turns is None:
            self._turns = defaultdict(list)
            for one in self._of(self._table.heard()):
                for word in one.words:
                    self._turns[word].append(one)
        return self._turns

    def _of(self, rows: Iterable[tuple[str, bytes]]) -> list[_Heard]:
        return [_Heard(self._table, turn, words) for turn, words in rows if turn not in self._without]


class _Heard:
    """The words of one turn; `word in heard` is asked with the plain word."""

    __slots__ = ("_table", "turn", "words")

    def __init__(self, table: ClaimTable, turn: str, heard: bytes) -> None:
        self._table, self.turn, self.words = table, turn, hashes(heard)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._table.hash_of_word(word) in self.words


class Gathered:
    """What is held: `facts`, by group. Not changed once made."""

    def __init__(self, things: Things, called: Aliases, facts: Mapping[str, list[Fact]]) -> None:
        self.things, self.aliases, self.facts = things, called, facts

    @classmethod
    def of(cls, mentions: Iterable[Mention], hearing: Hearing) -> Gathered:
        """From every mention there is."""
        things: dict[str, list[Mention]] = defaultdict(list)
        for mention in mentions:
            things[mention.thing].append(mention)
        called = aliases(things, partial(_repeated, hearing, Aliases()))
        made = cls(things, called, {})
        members: dict[str, list[str]] = defaultdict(list)
        for thing in things:
            members[called.group(thing)].append(thing)
        return cls(things, called, made._held(members, hearing))

    def after(self, changed: Things, hearing: Hearing) -> Gathered:
        """The same with other mentions of these things; none, where nothing is said of one any more."""
        things = {thing: said for thing, said in self.things.items() if thing not in changed}
        things.update((thing, said) for thing, said in changed.items() if said)
        called = self.aliases
        if any(thing.partition(APART)[0] != OWNER for thing in changed):
            called = aliases(things, partial(_repeated, hearing, Aliases()))
        touched = self._touched(things, changed, called)
        members: dict[str, list[str]] = {group: [] for group in touched}
        for thing in things:
            if (group := called.group(thing)) in members:
                members[group].append(thing)
        made = Gathered(things, called, {})
        facts = {group: held for group, held in self.facts.items() if group not in touched}
        return Gathered(things, called, facts | made._held(members, hearing))

    def group(self, claim: Claim) -> list[Fact]:
        """What is held of the thing that a claim is about."""
        return self.facts.get(self.aliases.group(thing_of(claim)), [])

    def shown(self) -> list[Fact]:
        """Every fact, by group. What replies say of a thing in two ways ("o Jaburu tem 16 GB", "a memória do PC é 16
        GB") only once, in the way that says more; each word of the owner counts for itself."""
        every = [(group, fact) for group, held in sorted(self.facts.items()) for fact in held]
        closest: dict[tuple[str, str], int] = {}
        for group, fact in every:
            if (rank := _closeness(fact.claim)) and fact.current:
                key = group.partition(APART)[0], meaning(fact.claim)
                closest[key] = max(rank, closest.get(key, 0))
        return [
            fact for group, fact in every
            if fact.source is not FactSource.REPLY or not (rank := _closeness(fact.claim))
            or rank >= closest.get((group.partition(APART)[0], meaning(fact.claim)), 0)
        ]  # fmt: skip

    def names(self, claim: Claim) -> list[str]:
        """The thing that a claim is about, under each of its names."""
        _, apart, rest = thing_of(claim).partition(APART)
        return [f"{subject}{apart}{rest}" for subject in self.aliases.names(plain(claim.subject))]

    def _touched(self, things: Things, changed: Collection[str], called: Aliases) -> set[str]:
        moved = self.aliases.differing(called) if called is not self.aliases else frozenset()
        touched = set(changed)
        for thing, said in (*self.things.items(), *things.items()) if moved else ():
            subject, relation, _ = thing.split(APART)
            named = relation == Relation.NAME.value and any(plain(one.claim.value) in moved for one in said)
            if subject in moved or named:
                touched.add(thing)
        return {other.group(thing) for thing in touched for other in (self.aliases, called)}

    def _held(self, members: Mapping[str, Collection[str]], hearing: Hearing) -> dict[str, list[Fact]]:
        repeated = partial(_repeated, hearing, self.aliases)
        held: dict[str, list[Fact]] = {}
        for group, things in members.items():
            mentions = [one for thing in things for one in self.things[thing] if self.aliases.counts(one)]
            if facts := hold(mentions, repeated, group):
                held[group] = [self._spelt(fact) for fact in facts]
        return held

    def _spelt(self, fact: Fact) -> Fact:
        spelt = self.aliases.spelt.get(plain(fact.claim.subject), fact.claim.subject)
        return fact if spelt == fact.claim.subject else replace(fact, claim=replace(fact.claim, subject=spelt))


def _closeness(claim: Claim) -> int:
    """How much a relation says beside its value, of those that say the same of one thing; 0 for the others."""
    if claim.relation is Relation.USES:
        return 3 if claim.attribute else 2
    return {Relation.PROPERTY: 4, Relation.KIND: 2, Relation.HAS: 1}.get(claim.relation, 0)


def _repeated(hearing: Hearing, called: Aliases, claim: Claim) -> list[str]:
    return hearing.repeating(claim, called.names(plain(claim.subject)))
