"""The book of facts: what the owner told, read from the log as it grows, and what they corrected or took back.

It is derived: reading the log anew gives the same book, but for what the owner edited, which belongs to no turn and is
kept in the store. What is held is computed from the claims in the store and kept in memory; a number in the store says
when that is out of date, also where another process changed it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from aeon_plugin_ft.errors import FactError, SecretFactError
from aeon_plugin_ft.facts import finding
from aeon_plugin_ft.facts.aliases import Aliases
from aeon_plugin_ft.facts.gathering import Gathered, Hearing
from aeon_plugin_ft.facts.meaning import meaning
from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, FactSource
from aeon_plugin_ft.facts.reading import LONGEST_VALUE, Opinion, Opinions, Reader, TurnReader, Turns
from aeon_plugin_ft.facts.table import Changed, ClaimTable, Mention, has_many
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns.model import LoggedTurn

_say = Speaker("errors/facts")

GRAMMAR = 3
"""Raise it with a release that reads otherwise: every turn is then read again."""
_READ_BY = "claims_grammar"
BATCH = 50
"""Turns a transaction: few enough that no other writer waits, many enough that a first reading is no commit a turn."""
ALL = -1
_NEWEST = 2**63 - 1
_NO_OPINIONS: Mapping[str, Opinion] = {}


def is_personal_data(text: str) -> bool:
    """Whether a text holds a document, a password or the like; what [privacy] adds to that is for whoever builds a book
    to say."""
    from aeon_plugin_ft.privacy import Redactor

    return bool(Redactor().find(text))


class FactBook:
    """What is known of the owner's world. Safe from any thread; several processes may have one of the same store.

    `reader` reads sentences, by default the grammar; `is_secret` says which texts are never kept.
    """

    def __init__(
        self, store: Store, reader: Reader | None = None, is_secret: Callable[[str], bool] = is_personal_data
    ) -> None:
        self._store, self._table = store, ClaimTable(store)
        self._given, self._is_secret = reader, is_secret
        self._made: TurnReader | None = None
        self._syncing = threading.Lock()
        self._lock = threading.Lock()
        self._gathered = Gathered({}, Aliases(), {})
        self._every: tuple[Fact, ...] = ()
        self._current: tuple[Fact, ...] = ()
        self._version = -1

    # -- what is known -------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Another number after each change, in whichever process it was made."""
        return self._table.changes()

    def current(self) -> tuple[Fact, ...]:
        """What is held to be so, in an order that does not depend on when it was read."""
        self._refresh()
        return self._current

    def history(self, key: tuple[str, str, str]) -> list[Fact]:
        """Every value that the facts with this `Claim.key` have had, what is so first, then the newest."""
        self._refresh()
        with self._lock:
            facts = [fact for fact in self._every if fact.claim.key == key]
        return sorted(facts, key=lambda fact: (not fact.current, -fact.said_at, fact.id))

    def every(self) -> list[Fact]:
        """What is so and what was so, in the order of `current`."""
        self._refresh()
        with self._lock:
            return list(self._every)

    def get(self, start: str) -> Fact:
        """The fact, current or not, whose id begins like this. Raises FactError for none, and for several."""
        matching = [fact for fact in self.every() if fact.id.startswith(start)] if start else []
        if len(matching) != 1:
            told = _say.error("id.several" if matching else "id.none", count=len(matching), start=repr(start))
            raise FactError(*told)
        return matching[0]

    def find(self, text: str) -> list[Fact]:
        """What is known about what a text names: "minha gata", "a Fork", "mim"."""
        return finding.about(text, self.current())

    def knows(self, text: str) -> bool:
        """Whether a text names a thing of which something is known, and nothing else: "a daily", "o Jaburu"."""
        return finding.knows(text, self.current())

    def puts_right(self, claim: Claim) -> bool:
        """Whether a claim is about the owner, or a thing of which something is known."""
        return claim.subject == OWNER or finding.is_thing(claim.subject, self.current(), definite=True)

    def meant(self, text: str, *, only: bool = False) -> list[Fact]:
        """The facts that a sentence states ("eu sou vegetariano"), with `only` where it says hardly anything else;
        none where it states nothing that is known."""
        return finding.meant(text, self.claims(text), self.current(), only=only)

    def is_secret(self, text: str) -> bool:
        """Whether a text holds what is never kept."""
        return self._is_secret(text)

    def claims(self, text: str) -> list[Claim]:
        """What a sentence of the owner says, where it may be kept; nothing is. Of what is known it need not say that it
        is the owner's: "a gata é preta"."""
        return self._reading.owner_says(text) or self._reading.owner_says(finding.as_owners(text, self.current()))

    # -- following the log ---------------------------------------------------------------------

    def due(self, most: int = ALL) -> list[str]:
        """The turns that `sync` will read, the newest first."""
        with self._syncing:
            self._fold(self._queue_what_an_older_grammar_read())
        return [turn for _, turn in self._table.due(_NEWEST, most)]

    def sync(
        self,
        turns: Turns,
        opinions: Opinions = _NO_OPINIONS,
        most: int = ALL,
        only: Collection[str] | None = None,
    ) -> bool:
        """Read the turns that came into the index since (the newest of them, at most so many), and heed the opinions on
        replies that are new or not held any more; whether anything changed. Costs what the new turns cost. `only` these
        are read: another thread may have indexed others meanwhile, of whose opinions nobody knows yet."""
        # One at a time in this process; another process may do the same, to the same end.
        with self._syncing:
            changes = [*self._read_due(turns, most, only), *self._heed(turns, opinions)]
            self._fold(*changes)
        return any(change.things for change in changes)

    def left_for_model(self, most: int) -> list[str]:
        """At most so many turns in whose owner's words the grammar found nothing, and that no model has read yet."""
        return self._table.left_for_model(most)

    def take_in_of_model(self, turn: LoggedTurn, claims: Sequence[Claim]) -> None:
        """Keep what a model read in the owner's words of a turn, which it need not read again."""
        with self._syncing:
            self._fold(self._table.take_in_of_model(turn.id, self._reading.of_model(turn, claims)))

    def rebuild(self, turns: Turns, ids: Iterable[str], opinions: Opinions = _NO_OPINIONS) -> None:
        """Read all these turns anew; what the owner edited and forgot stays."""
        with self._syncing:
            self._fold(self._table.read_all_again(ids))
        self.sync(turns, opinions)

    # -- the owner -----------------------------------------------------------------------------

    def add(self, text: str) -> list[Fact]:
        """Keep what a sentence says, as written by the owner. Raises SecretFactError for secrets, FactError where
        nothing was found in it."""
        if self._is_secret(text):
            raise SecretFactError
        claims = self.claims(text)
        if not claims:
            raise FactError(*_say.error("fact.none_found"))
        return self._write(claims)

    def edit(self, fact: Fact, value: str) -> Fact:
        """Another value in place of a fact's, as written by the owner. Raises SecretFactError for secrets, FactError
        for what is no value."""
        old, value = fact.claim, " ".join(value.split())
        new = Claim(old.subject, old.relation, value, old.attribute, corrects=True)
        if not 0 < len(value) <= LONGEST_VALUE:
            raise FactError(*_say.error("fact.no_value", longest=LONGEST_VALUE))
        if not self._reading.may_keep(new):
            raise SecretFactError
        if not has_many(old) or meaning(old) == meaning(new):
            return self._write([new])[0]
        return self._write([replace(old, ended=True, start=0, end=0), new])[0]

    def forget(self, fact: Fact) -> None:
        """Forget a fact, and where it had other values before, those too: nothing that was said of it up to now counts
        any more, however often the log is read. Its conversations stay: see forget.Forgetter."""
        self._refresh()
        values = {meaning(fact.claim)} if has_many(fact.claim) else None
        with self._lock:
            things = self._gathered.names(fact.claim)
        self._fold(self._table.bury(things, values, self._store.clock()))

    def forget_turns(self, turns: Collection[str]) -> None:
        """Forget what was said in these turns; what others say too stays."""
        self._fold(self._table.forget_turns(turns))

    def told_only_in(self, turns: Collection[str]) -> list[Fact]:
        """The facts, current or not, that go when these turns are forgotten."""
        gone = set(turns)
        left = [one for one in self._table.mentions() if one.turn not in gone and one.about not in gone]
        after = Gathered.of(left, Hearing(self._table, every=True, without=gone))
        # Where the name goes too, what was known by it stays under another id.
        stay = {id for held in after.facts.values() for fact in held for id in (fact.id, *fact.others)}
        return [fact for fact in self.every() if stay.isdisjoint((fact.id, *fact.others))]

    # -- inside --------------------------------------------------------------------------------

    @property
    def _reading(self) -> TurnReader:
        if self._made is None:
            if self._given is None:
                # Here: the host imports the book at its start, and a grammar's patterns take time to compile.
                from aeon_plugin_ft.facts import grammar

                self._given = grammar
            self._made = TurnReader(self._given, self._is_secret)
        return self._made

    def _read_due(self, turns: Turns, most: int, only: Collection[str] | None) -> Iterator[Changed]:
        yield self._queue_what_an_older_grammar_read()
        last, left = _NEWEST, most
        while left and (batch := self._table.due(last, min(BATCH, left) if left > 0 else BATCH)):
            last = batch[-1][0]
            batch = [one for one in batch if only is None or one[1] in only]
            left -= len(batch) if left > 0 else 0
            # A file of the log that was rewritten is indexed anew, and most of its turns were read before.
            fresh = [turns.get(id) for _, id in batch if not self._table.was_read(id)]
            readings = [self._reading.read(turn) for turn in fresh if turn is not None]
            yield self._table.take_in(readings, [number for number, _ in batch])

    def _queue_what_an_older_grammar_read(self) -> Changed:
        unchanged = Changed(frozenset(), self._table.changes())
        read_by = self._store.fact(_READ_BY)
        if read_by == GRAMMAR:
            return unchanged
        with self._store.transaction():
            again = unchanged if read_by is None else self._table.read_all_again(self._table.turns_read())
            self._store.set_fact(_READ_BY, GRAMMAR)
        return again

    def _heed(self, turns: Turns, opinions: Opinions) -> Iterator[Changed]:
        heeded = self._table.opinions()
        for id in sorted(heeded.keys() | opinions.keys()):
            opinion = opinions.get(id)
            digest = opinion.digest if opinion is not None else ""
            if heeded.get(id, "") != digest and self._table.was_read(id):
                yield self._table.heed(id, digest, self._put_right(turns, id, opinion))

    def _put_right(self, turns: Turns, id: str, opinion: Opinion | None) -> list[Mention]:
        judged = turns.get(id)
        if opinion is None or judged is None:
            return []
        said_in = None if opinion.said_in is None else turns.get(opinion.said_in)
        return self._reading.put_right(judged, opinion, said_in)

    def _write(self, claims: Sequence[Claim]) -> list[Fact]:
        """Claims of the owner's own hand; the facts that they make."""
        now = self._store.clock()
        mentions = [Mention(claim, FactSource.EDITED, now, place=place) for place, claim in enumerate(claims)]
        self._fold(self._table.edit(mentions))
        self._refresh()
        with self._lock:
            held = [(claim, self._gathered.group(claim)) for claim in claims if not claim.ended]
        return [fact for claim, facts in held for fact in facts if meaning(fact.claim) == meaning(claim)]

    def _refresh(self) -> None:
        """Compute everything anew where another process, or the start of this one, has left it behind."""
        version = self._table.changes()
        if version == self._version:
            return
        gathered = Gathered.of(self._table.mentions(), Hearing(self._table, every=True))
        with self._lock:
            self._show(gathered, version)

    def _fold(self, *changes: Changed) -> None:
        """Compute the things of these changes anew. Where somebody else has changed others in between, or nothing was
        computed yet, that is left to the next question."""
        made = [change for change in changes if change.things]
        with self._lock:
            expected = range(self._version + 1, self._version + 1 + len(made))
            if not made or self._version < 0 or [change.version for change in made] != list(expected):
                return
            things: dict[str, list[Mention]] = {thing: [] for change in made for thing in change.things}
            for mention in self._table.mentions(things):
                things[mention.thing].append(mention)
            self._show(self._gathered.after(things, Hearing(self._table)), made[-1].version)

    def _show(self, gathered: Gathered, version: int) -> None:
        """With the lock held."""
        self._gathered, self._version = gathered, version
        self._every = tuple(gathered.shown())
        self._current = tuple(fact for fact in self._every if fact.current)
