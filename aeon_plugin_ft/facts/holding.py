"""Which of the claims about one thing are held: a function of what was said, in whatever order it was read.

- The newest that the owner said (wrote, corrected) is so; what they said before is history.
- What the assistant says counts only where the owner has said nothing: a value that at least two of its replies state,
  none of which the owner complained about or corrected. One of them may say it in passing (heard.py), where no reply
  says otherwise. Beside the owner's words it only counts as saying it again.
- What a model read in the owner's words counts only where nothing else is held, or beside it.
- "It is no longer so" ends the value that it names, or all where it names none.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from aeon_plugin_ft.facts.aliases import ENOUGH_REPLIES, best_spelt
from aeon_plugin_ft.facts.meaning import alike, meaning
from aeon_plugin_ft.facts.model import Claim, Fact, FactSource
from aeon_plugin_ft.facts.table import Mention, has_many

Repeated = Callable[[Claim], Collection[str]]
"""The turns whose replies say again what a claim says, without a claim having been read in them."""


def nobody(_claim: Claim) -> Collection[str]:
    """Where nothing was said in passing."""
    return ()


def hold(mentions: Sequence[Mention], repeated: Repeated = nobody, thing: str | None = None) -> list[Fact]:
    """The facts of one thing, what is so first, then the history, newest first. `mentions` are all of that thing,
    `thing` is what it goes by where they call it differently."""
    certain = [one for one in mentions if one.source is not FactSource.MODEL]
    if 0 < len(certain) < len(mentions) and not any(has_many(one.claim) for one in mentions):
        held = hold(certain, repeated, thing)
        if held:
            return held
    return _Thing(mentions, repeated, thing).facts() if mentions else []


class _Thing:
    """What was said of one thing, by value."""

    def __init__(self, mentions: Sequence[Mention], repeated: Repeated, thing: str | None) -> None:
        self.told = sorted((one for one in mentions if one.source is not FactSource.REPLY), key=_order)
        self.replies = sorted((one for one in mentions if one.source is FactSource.REPLY), key=_order)
        self.several = any(has_many(one.claim) for one in mentions)
        self._same = alike({meaning(one.claim) for one in mentions})
        self._repeated, self._thing = repeated, thing

    def facts(self) -> list[Fact]:
        every = (*self.told, *self.replies)
        values = dict.fromkeys(self._value(one) for one in every if not one.claim.ended)
        held = {value: fact for value in values if (fact := self._fact(value)) is not None}
        if self.told and not self.several:
            held = {value: fact for value, fact in held.items() if fact.source is not FactSource.REPLY}
        so = self._several_so(held) if self.several else self._one_so(held)
        facts = [fact if value in so else replace(fact, current=False) for value, fact in held.items()]
        return sorted(facts, key=lambda fact: (not fact.current, -fact.said_at, fact.id))

    def _value(self, mention: Mention) -> str:
        return self._same[meaning(mention.claim)]

    def _one_so(self, held: Mapping[str, Fact]) -> set[str]:
        """Of a thing with one value: the one that was said last and not ended since."""
        if not self.told:
            believed = max(held, key=lambda value: held[value].said_at, default=None)
            return set() if believed is None else {believed}
        so = ""
        for mention in self.told:
            value = self._value(mention)
            if not mention.claim.ended:
                so = value
            elif value in {"", so}:
                so = ""
        return {so} if so else set()

    def _several_so(self, held: Mapping[str, Fact]) -> set[str]:
        """Of a thing with several values: each that was not ended since it was said last."""
        so = {value for value, fact in held.items() if fact.source is FactSource.REPLY}
        for mention in self.told:
            value = self._value(mention)
            if not mention.claim.ended:
                so.add(value)
            else:
                so = so - {value} if value else set()
        return so

    def _fact(self, value: str) -> Fact | None:
        """The fact with this value; None where nobody who counts has said it."""
        said = [one for one in self.told if not one.claim.ended and self._value(one) == value]
        stated = [one for one in self.replies if self._value(one) == value]
        undisputed = [one for one in stated if not one.disputed]
        passing: list[str] = []
        if not said:
            if len(undisputed) < len(stated):
                return None
            turns = {one.turn for one in stated}
            if len(turns) < ENOUGH_REPLIES:
                passing = self._in_passing(value, stated)
                turns |= set(passing)
            if len(turns) < ENOUGH_REPLIES:
                return None
            said = stated
        return self._made(value, said[-1], sorted({*said, *undisputed}, key=_order), passing)

    def _in_passing(self, value: str, stated: Sequence[Mention]) -> list[str]:
        """The other turns that repeat a value. None where replies state another value of it as well: a word said in
        passing does not say which of them is right."""
        if not self.several and any(self._value(one) != value for one in self.replies if not one.disputed):
            return []
        return sorted({turn for one in stated for turn in self._repeated(one.claim)} - {one.turn for one in stated})

    def _made(self, value: str, newest: Mention, every: Sequence[Mention], passing: Sequence[str]) -> Fact:
        turns = dict.fromkeys([*(one.turn for one in every if one.turn is not None), *passing])
        claim = replace(newest.claim, subject=_usual(every), value=best_spelt([one.claim.value for one in every]))
        times = len(turns) + sum(one.turn is None for one in every)
        id = _id(self._thing or newest.thing, value)
        others = {_id(one.thing, meaning(one.claim)) for one in every} - {id}
        return Fact(id, claim, newest.source, newest.at, newest.turn, tuple(turns), times, others=tuple(sorted(others)))


def _order(mention: Mention) -> tuple[float, bool, str, bool, int]:
    """In time, an edit after what was said in the same moment. What ends comes first within a turn: "moro em Curitiba,
    não moro mais em Joinville"."""
    return mention.at, mention.turn is None, mention.turn or "", not mention.claim.ended, mention.place


def _usual(mentions: Sequence[Mention]) -> str:
    """The subject as it is written most; of equals as it was written last."""
    spellings = [mention.claim.subject for mention in mentions]
    counts = Counter(spellings)
    return max(reversed(spellings), key=counts.__getitem__)


def _id(thing: str, value: str) -> str:
    """Stable for one key and value, whenever and wherever it is computed."""
    return hashlib.blake2b(f"{thing}\x1e{value}".encode(), digest_size=6).hexdigest()
