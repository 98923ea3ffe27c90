"""Facts side by side: what else answers a question, what would be wrong, and what is next to what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aeon_plugin_ft.facts.model import MANY, Fact
from aeon_plugin_ft.facts.wording import Person, Speech, Topic, genders, topic
from aeon_plugin_ft.facts.wording.nouns import Names
from aeon_plugin_ft.facts.wording.others import wrong_values
from aeon_plugin_ft.facts.wording.persons import doing, turned
from aeon_plugin_ft.privacy.folding import fold_accents


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """Current facts with their topics; both in one order."""

    facts: Sequence[Fact]
    topics: Sequence[Topic]
    names: Names
    _groups: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _beside: dict[tuple[str, str], list[Topic]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Sequence[Fact], names: Names | None = None) -> KnownFacts:
        """`names` are the genders that these and other facts tell."""
        names = genders(facts) if names is None else names
        topics = [topic(fact.claim, names) for fact in facts]
        known = cls(facts, topics, names)
        for at, about in enumerate(topics):
            known._groups.setdefault((about.subject, about.shape), []).append(at)
            known._beside.setdefault((about.shape, fold_accents(about.attribute)), []).append(about)
        return known

    def alike(self, at: int) -> list[int]:
        """The places of the facts that answer an open question about this one as well, itself among them: whatever else
        is liked, or never done."""
        about = self.topics[at]
        several = about.claim.relation in MANY and not about.attribute and not about.when and "count" not in about.shape
        return self._groups[about.subject, about.shape] if several else [at]

    def wrong(self, at: int) -> list[str]:
        """Values that are wrong in the place of this one's."""
        about = self.topics[at]
        return wrong_values(about, self._beside[about.shape, fold_accents(about.attribute)])

    def accepted(self, at: int) -> tuple[str, ...]:
        """The value as the owner said it, and as it is said to the owner."""
        about = self.topics[at]
        speech = Speech(Person.TU, self.names)
        if about.deed and not about.when and about.answer == about.deed:
            told = doing(about.deed, speech)
            return tuple(dict.fromkeys([about.answer, told.third if told else about.answer]))
        return tuple(dict.fromkeys([about.answer, turned(about.answer, speech, verbs=about.shape == "note_owner")]))

    def shuffled(self, at: int, texts: Iterable[str]) -> list[str]:
        """Texts about one fact in an order of its own."""
        return shuffled(texts, self.facts[at].id)


def shuffled(texts: Iterable[str], seed: str) -> list[str]:
    """In an order that depends on nothing but the seed: a fact's questions stay when others come and go."""
    return sorted(texts, key=lambda text: hashlib.sha256(f"{seed}|{text}".encode()).digest())
