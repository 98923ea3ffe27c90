"""What things are called: the name that the owner's cat, sister or machine has, and other words for the same.

"A Lívia faz aniversário em 12 de março" and "minha irmã nasceu em 12 de março" are about one person where the sister is
known to be called Lívia. "PC" and "computador" are one machine only where both have one name. Like everything that is
held, it is a function of what was said, in whatever order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from aeon_plugin_ft.facts.meaning import plain
from aeon_plugin_ft.facts.model import Claim, FactSource, Relation
from aeon_plugin_ft.facts.table import APART, Mention

SURE = 0.75
"""A claim that is less sure speaks of something that is only named ("o Farol é um bot"): perhaps of something that all
the world knows. It counts where the owner is known to have that."""
ENOUGH_REPLIES = 2
"""Replies that must state a value before it is believed without a word of the owner."""


_NAMED = f"{APART}{Relation.NAME.value}{APART}"


@dataclass(frozen=True, slots=True)
class Aliases:
    """Subjects are plain (meaning.plain). `stands`: a subject to the one that it goes by; `called`: that one to
    everything that it is called; `known`: what the owner is known to have; `spelt`: a subject as it is written with
    care, for people type "jaburu"."""

    stands: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    spelt: Mapping[str, str] = field(default_factory=dict)

    def group(self, thing: str) -> str:
        """The thing, by what its subject goes by: mentions of one group are looked at together."""
        subject, apart, rest = thing.partition(APART)
        return f"{self.stands.get(subject, subject)}{apart}{rest}"

    def names(self, subject: str) -> tuple[str, ...]:
        """Everything that a (plain) subject is called, itself included."""
        return self.called.get(self.stands.get(subject, subject), (subject,))

    def counts(self, mention: Mention) -> bool:
        """Whether what is said is said of something of the owner's."""
        claim = mention.claim
        if claim.sure >= SURE or mention.source is FactSource.EDITED or plain(claim.subject) in self.known:
            return True
        return claim.relation is Relation.NAME and plain(claim.value) in self.known

    def differing(self, other: Aliases) -> frozenset[str]:
        """The subjects that are looked at otherwise by another one."""
        called = self.called.items() ^ other.called.items()
        spelt = self.spelt.items() ^ other.spelt.items()
        stand = {subject for _, subjects in called for subject in subjects}
        return frozenset(stand | {subject for subject, _ in spelt} | (self.known ^ other.known))


def aliases(things: Mapping[str, Sequence[Mention]], repeated: Callable[[Claim], Collection[str]]) -> Aliases:
    """From every mention, by thing; `repeated` gives the turns that say a claim again in passing."""
    known = frozenset(_known(things))
    gated = Aliases(known=known)
    named = {thing: [one for one in mentions if gated.counts(one)]
             for thing, mentions in things.items() if _is_named(thing)}  # fmt: skip
    kinds: dict[str, set[str]] = defaultdict(set)
    for thing, mentions in named.items():
        name = _name(mentions, repeated)
        if name and not is_common(name):
            kinds[name].add(thing.partition(APART)[0])
    for thing, mentions in named.items():
        # "Computador" has it from one reply alone, and the PC is known to have it.
        subject = thing.partition(APART)[0]
        for name in {plain(one.claim.value) for one in mentions if not one.claim.ended and not one.disputed}:
            if any(_are_one(subject, kind) for kind in kinds.get(name, ())):
                kinds[name].add(subject)
    return replace(_joined(kinds, known), spelt=_spelt(things))


def _spelt(things: Mapping[str, Sequence[Mention]]) -> dict[str, str]:
    """The subjects and names that are written in several ways, each as it is written with most care."""
    spellings: dict[str, list[str]] = defaultdict(list)
    for thing, mentions in things.items():
        subject = thing.partition(APART)[0]
        if not subject:
            continue
        spellings[subject] += [one.claim.subject for one in mentions]
        if _is_named(thing):
            for one in mentions:
                spellings[plain(one.claim.value)].append(one.claim.value)
    return {name: _spelling(sorted(written)) for name, written in spellings.items() if len(set(written)) > 1}


def _spelling(written: Sequence[str]) -> str:
    """Of a name with its capitals; of a common noun as most write it."""
    best = best_spelt(written)
    return best if best[:1].isupper() and not is_common(best) else Counter(written).most_common(1)[0][0]


def best_spelt(values: Sequence[str]) -> str:
    """Of spellings of one word that with its capitals and accents, where anybody has written them, the last of equals:
    people type "fork" and "livia"."""

    def care(value: str) -> int:
        return (value != value.lower() and not (len(value) > 3 and value.isupper())) + (not value.isascii())

    return max(reversed(values), key=care)


def _is_named(thing: str) -> bool:
    return _NAMED in thing and not thing.startswith(APART)


def _known(things: Mapping[str, Sequence[Mention]]) -> Iterable[str]:
    for thing, mentions in things.items():
        subject = thing.partition(APART)[0]
        if not subject:
            continue
        sure = [one for one in mentions if not one.disputed and not one.claim.ended and one.claim.sure >= SURE]
        if sure:
            yield subject
        if _is_named(thing):
            yield from (plain(one.claim.value) for one in sure)


def _name(mentions: Sequence[Mention], repeated: Callable[[Claim], Collection[str]]) -> str:
    """What a thing is called, plain; "" where that is not known, or not only one."""
    told = sorted((one for one in mentions if one.source is not FactSource.REPLY), key=lambda one: (one.at, one.place))
    if told:
        return "" if told[-1].claim.ended else plain(told[-1].claim.value)
    turns: dict[str, set[str | None]] = defaultdict(set)
    disputed = {plain(one.claim.value) for one in mentions if one.disputed}
    for one in mentions:
        turns[plain(one.claim.value)].add(one.turn)
    stated = {name: by for name, by in turns.items() if name not in disputed}
    enough = [name for name, by in stated.items() if len(by) >= ENOUGH_REPLIES]
    if not enough and len(stated) == 1:
        enough = [name for name, by in stated.items()
                  for one in mentions[:1] if len(by | set(repeated(one.claim))) >= ENOUGH_REPLIES]  # fmt: skip
    return enough[0] if len(enough) == 1 else ""


def _joined(kinds: Mapping[str, Collection[str]], known: frozenset[str]) -> Aliases:
    """Where two things that are not one have the same name, the name alone says of neither that it is meant."""
    stands: dict[str, str] = {}
    for name in sorted(kinds):
        every = sorted(kinds[name])
        if name in every or not all(_are_one(every[0], kind) for kind in every):
            continue
        first = stands.get(every[0], every[0])
        stands.update(dict.fromkeys((*every, name), first))
    called: dict[str, list[str]] = defaultdict(list)
    for subject, first in sorted(stands.items()):
        called[first].append(subject)
    return Aliases(stands, {first: tuple(subjects) for first, subjects in called.items()}, known)


@lru_cache(maxsize=1024)
def _are_one(noun: str, other: str) -> bool:
    """Whether two words are used for one thing: "pc" and "computador"."""
    from aeon_plugin_ft.facts.asking import stem, vocabulary

    near = vocabulary().near
    one, two = stem(noun), stem(other)
    # Both ways: "bicho" asks for the gata, and is no other word for one.
    return one == two or (two in near.get(one, ()) and one in near.get(two, ()))


@lru_cache(maxsize=16384)
def is_common(word: str) -> bool:
    """Whether it says what something is, and is no name: "gata", "computador", "Raspberry Pi"."""
    # Here: its lists take time to read, and the host imports this at its start.
    from aeon_plugin_ft.facts.wording.data import listed
    from aeon_plugin_ft.facts.wording.nouns import head_word, is_being

    head = head_word(word)
    return head in listed("things", "common") or is_being(head)
