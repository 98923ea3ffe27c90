"""What the spoken commands can see and do of the facts, and how anything is forgotten: a part of `control`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.facts.model import OWNER, Fact, Relation
from aeon_plugin_ft.forget import Forgetter, Forgetting
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.voice.control import A_HANDFUL, Forgotten, Reason, SaidFacts, Talk
from aeon_plugin_ft.voice.intents import Intent, Name
from aeon_plugin_ft.voice.reasons import reason_of

if TYPE_CHECKING:
    from aeon_plugin_ft.facts.book import FactBook
    from aeon_plugin_ft.runtime import Runtime

FIRST = (Relation.NAME, Relation.CALLED, Relation.LIVES_IN, Relation.JOB, Relation.WORKS_AT, Relation.BIRTHDAY)
"""What is said first of the owner; then what was said most."""
TALKS = 2
"""Conversations that a question names; nobody listens to more."""
MOST_LOOKED_AT = 500
"""Of a plan with more conversations, the newest of these are named."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The turns and facts that the owner was asked about."""

    turns: tuple[str, ...]
    facts: tuple[Fact, ...]
    pattern: re.Pattern[str] | None


class FactControl:
    """The facts' part of voice.control.Control."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def understands(self, intent: Intent) -> bool:
        """Whether the sentence asks about, takes back or states what is, or can be, known. In the owner's turn, before
        the brain is asked: nothing is read that was not read before."""
        return is_about(intent, self.runtime.book)

    def facts(self, about: str = "") -> SaidFacts:
        """What is known about a thing of the owner's, or of everything."""
        self._catch_up()
        book = self.runtime.book
        known = by_weight(book.find(about) if about else book.current())
        return SaidFacts(self._spoken(known), len(known))

    def forget_fact(self, text: str) -> Forgotten:
        """What would go with the facts that a sentence states: these, and the turns that tell them."""
        self._catch_up()
        facts = self.runtime.book.meant(text)
        return self.plan(lambda forgetter: (forgetter.telling(facts), facts))

    def correct_fact(self, text: str) -> SaidFacts:
        """Keep what a sentence states over what was known."""
        # "Private" means that nothing of what is said now is kept, not even what is asked to be.
        if self.runtime.owner.may_be_private():
            return SaidFacts(reason=Reason.IN_PRIVATE)
        try:
            noted = self.runtime.book.add(text)
        except AeonFtError as error:
            return SaidFacts(reason=reason_of(error))
        return SaidFacts(self._spoken(noted), len(noted))

    def plan(
        self,
        which: Callable[[Forgetter], tuple[Sequence[str], Sequence[Fact]]],
        pattern: re.Pattern[str] | None = None,
    ) -> Forgotten:
        """What would go with the turns and facts that `which` finds, and with what Aeon's own files have of them or of
        the `pattern` that was searched."""
        forgetter = self._forgetter()
        # What was said a moment ago must be found: "esquece isso" comes before the watcher's next look.
        self.runtime.index.ingest()
        try:
            ids, facts = which(forgetter)
            planned = forgetter.plan(ids, facts, pattern)
        except AeonFtError as error:
            return Forgotten(0, reason=reason_of(error))
        if planned.nothing:
            return Forgotten(0, reason=Reason.NOTHING_TO_FORGET)
        return self._told(planned, facts, _Asked(planned.turns, tuple(facts), pattern))

    def forget(self, planned: Forgotten) -> Forgotten:
        """Forget exactly what was planned: between the question and the yes something else may have been said."""
        asked = planned.asked
        if not isinstance(asked, _Asked):
            return Forgotten(0, reason=Reason.NOTHING_TO_FORGET)
        try:
            done = self._forgetter().forget(asked.turns, asked.facts, asked.pattern)
        except AeonFtError as error:
            return Forgotten(0, reason=reason_of(error))
        self.runtime.exchanges.forget([*done.turns, *done.quoting])
        in_use = self.runtime.answering in done.versions
        return replace(self._told(done, asked.facts, None), talks=planned.talks, in_use=in_use)

    def _forgetter(self) -> Forgetter:
        return Forgetter(self.runtime.data, self.runtime.store, self.runtime.book)

    def _told(self, forgetting: Forgetting, facts: Sequence[Fact], asked: _Asked | None) -> Forgotten:
        """What goes, or is gone, as the owner hears it."""
        said = self._spoken(by_weight(facts) or by_weight(forgetting.facts))
        count = len(forgetting.turns) + len(forgetting.quoting)
        talks = self._talks(forgetting) if asked is not None else ()
        host = sum(traces.records for traces in forgetting.host)
        return Forgotten(count, forgetting.versions, facts=said, talks=talks, asked=asked, host=host)

    def _talks(self, forgetting: Forgetting) -> tuple[Talk, ...]:
        """The newest of the owner's conversations among these, by what they said."""
        found = filter(None, map(self.runtime.index.get, [*forgetting.turns, *forgetting.quoting][:MOST_LOOKED_AT]))
        newest = sorted(found, key=lambda turn: turn.spoken, reverse=True)
        return tuple(Talk(turn.user, turn.at) for turn in newest[:TALKS])

    def _catch_up(self) -> None:
        """What was said a second ago is known."""
        self.runtime.index.ingest()
        read_facts(self.runtime.book, self.runtime.store, self.runtime.index)

    def _spoken(self, facts: Sequence[Fact]) -> tuple[str, ...]:
        """The first few, to an owner who is "você" in every other sentence of the plugin's."""
        # Here: the wordings' data are read when the first fact is spoken, not at the host's start.
        from aeon_plugin_ft.facts.wording import Person, genders, spoken

        # What other facts tell of a name's gender, and of those that were forgotten a moment ago, counts too.
        names = genders([*self.runtime.book.every(), *facts])
        return tuple(spoken(fact, Person.VOCE, names) for fact in facts[:A_HANDFUL])


def is_about(intent: Intent, book: FactBook) -> bool:
    """Whether one of the commands about facts asks about, takes back or states what is, or can be, known. Where it only
    names its thing, "a daily", that must be the owner's: "o que você sabe sobre a segunda guerra" is for the brain."""
    if intent.name is Name.FACTS:
        return not intent.text or (book.knows(intent.text) if intent.named else bool(book.find(intent.text)))
    if intent.name is Name.FORGET_FACT:
        return bool(book.meant(intent.text, only=intent.named))
    # To be refused with a sentence: the brain may be somebody else's computer.
    if book.is_secret(intent.text):
        return True
    claims = book.claims(intent.text)
    return bool(claims) and (not intent.named or all(map(book.puts_right, claims)))


def by_weight(facts: Iterable[Fact]) -> list[Fact]:
    """The owner's own first, who they are before what they like; then what was said most."""

    def weight(fact: Fact) -> tuple[bool, int, int]:
        relation = fact.claim.relation
        return fact.claim.subject != OWNER, FIRST.index(relation) if relation in FIRST else len(FIRST), -fact.times

    return sorted(facts, key=weight)
