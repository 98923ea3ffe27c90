"""Which of the claims about one thing are held: a function of what was said, in whatever order it was read.

- The newest that the owner said (wrote, corrected) is so; what they said before is history.
- What the assistant says counts only where the owner has said nothing: a value that at least two of its replies state,
  none of which the owner complained about or corrected. Beside the owner's words it only counts as saying it again.
- "It is no longer so" ends the value that it names, or all where it names none.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aeon_plugin_ft.facts.model import Fact, FactSource
from aeon_plugin_ft.facts.table import Mention, canonical, has_many

ENOUGH_REPLIES = 2
"""Replies that must state a value before it is believed without a word of the owner."""


def hold(mentions: Sequence[Mention]) -> list[Fact]:
    """The facts of one thing, what is so first, then the history, newest first. `mentions` are all of that thing."""
    told = sorted((one for one in mentions if one.source is not FactSource.REPLY), key=_order)
    replies = sorted((one for one in mentions if one.source is FactSource.REPLY), key=_order)
    values = dict.fromkeys(canonical(one.claim.value) for one in (*told, *replies) if not one.claim.ended)
    several = any(has_many(one.claim) for one in mentions)
    held = [fact for value in values if (fact := _fact(value, told, replies)) is not None]
    if told and not several:
        held = [fact for fact in held if fact.source is not FactSource.REPLY]
    so = _several_so(told, held) if several else _one_so(told, held)
    facts = [fact if canonical(fact.value) in so else replace(fact, current=False) for fact in held]
    return sorted(facts, key=lambda fact: (not fact.current, -fact.said_at, fact.id))


def _order(mention: Mention) -> tuple[float, bool, str, bool, int]:
    """In time, an edit after what was said in the same moment. What ends comes first within a turn: "moro em Curitiba,
    não moro mais em Joinville"."""
    return mention.at, mention.turn is None, mention.turn or "", not mention.claim.ended, mention.place


def _one_so(told: Sequence[Mention], held: Iterable[Fact]) -> set[str]:
    """Of a thing with one value: the one that was said last and not ended since."""
    if not told:
        believed = max(held, key=lambda fact: fact.said_at, default=None)
        return set() if believed is None else {canonical(believed.value)}
    so = ""
    for mention in told:
        value = canonical(mention.claim.value)
        if not mention.claim.ended:
            so = value
        elif value in {"", so}:
            so = ""
    return {so} if so else set()


def _several_so(told: Sequence[Mention], held: Iterable[Fact]) -> set[str]:
    """Of a thing with several values: each that was not ended since it was said last."""
    so = {canonical(fact.value) for fact in held if fact.source is FactSource.REPLY}
    for mention in told:
        value = canonical(mention.claim.value)
        if not mention.claim.ended:
            so.add(value)
        else:
            so = so - {value} if value else set()
    return so


def _fact(value: str, told: Sequence[Mention], replies: Sequence[Mention]) -> Fact | None:
    """The fact with this value (canonical); None where nobody who counts has said it."""
    said = [one for one in told if not one.claim.ended and canonical(one.claim.value) == value]
    stated = [one for one in replies if canonical(one.claim.value) == value]
    repeated = [one for one in stated if not one.disputed]
    if not said:
        if len(repeated) < len(stated) or len({one.turn for one in stated}) < ENOUGH_REPLIES:
            return None
        said = stated
    newest = said[-1]
    every = sorted({*said, *repeated}, key=_order)
    turns = tuple(dict.fromkeys(one.turn for one in every if one.turn is not None))
    claim = replace(newest.claim, subject=_usual(every), value=_best_spelt(every))
    times = len(turns) + sum(one.turn is None for one in every)
    return Fact(_id(newest.thing, value), claim, newest.source, newest.at, newest.turn, turns, times)


def _usual(mentions: Sequence[Mention]) -> str:
    """The subject as it is written most; of equals as it was written last."""
    spellings = [mention.claim.subject for mention in mentions]
    counts = Counter(spellings)
    return max(reversed(spellings), key=counts.__getitem__)


def _best_spelt(mentions: Sequence[Mention]) -> str:
    """The value with its capitals and accents, where anybody has written them: people type "fork" and "livia"."""

    def care(value: str) -> int:
        return (value != value.lower() and not (len(value) > 3 and value.isupper())) + (not value.isascii())

    return max((mention.claim.value for mention in reversed(mentions)), key=care)


def _id(thing: str, value: str) -> str:
    """Stable for one key and value, whenever and wherever it is computed."""
    return hashlib.blake2b(f"{thing}\x1e{value}".encode(), digest_size=6).hexdigest()
