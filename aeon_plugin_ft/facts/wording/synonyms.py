"""The same question in other words for what it is about: "minha gata" as "minha gatinha", "o Jaburu" as "meu PC".

Only lessons use them: what is learnt in one word for a thing is not known in another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from aeon_plugin_ft.facts.model import OWNER, Fact, Relation
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import head_word, is_name, of_somebody
from aeon_plugin_ft.facts.wording.topics import Topic
from aeon_plugin_ft.privacy.folding import fold_accents

_NAMED = ("name_being", "name_thing")


class OtherWords:
    """Other words for the subjects and attributes of one owner's facts, as far as each means one thing there."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        told = list(facts)
        named = [fact.claim for fact in told if fact.claim.relation is Relation.NAME and fact.claim.subject]
        self._nouns: Mapping[str, str] = {fold_accents(claim.value): claim.subject for claim in named}
        self._names: Mapping[str, str] = {fold_accents(claim.subject): claim.value for claim in named}
        self._subjects = {self._noun_of(fact.claim.subject) for fact in told if fact.claim.subject}

    def of(self, about: Topic) -> list[Topic]:
        """The topic with another subject, another attribute, or both; never itself."""
        subjects = [about.subject, *self._other_subjects(about)]
        attributes = [about.attribute, *_other_attributes(about)]
        longest = max(len(subjects), len(attributes))
        # Side by side rather than each with each: what is wanted is every word once.
        pairs = [(subjects[at % len(subjects)], attributes[at % len(attributes)]) for at in range(longest)]
        return [replace(about, subject=subject, attribute=attribute) for subject, attribute in pairs[1:]]

    def _other_subjects(self, about: Topic) -> list[str]:
        if about.subject == OWNER or of_somebody(about.subject):
            return []
        noun = self._noun_of(about.subject)
        words = [word for word in _synonyms("subjects", noun) if self._is_clear(word, noun)]
        known = [noun] if noun != about.subject else []
        # Asked for its name, nobody calls it by its name.
        name = self._names.get(fold_accents(about.subject), "") if about.shape not in _NAMED else ""
        return [*known, *([name] if name else []), *words]

    def _noun_of(self, subject: str) -> str:
        """What it is, where it is called by name: "PC" of "Jaburu"."""
        return self._nouns.get(fold_accents(subject), subject)

    def _is_clear(self, word: str, noun: str) -> bool:
        """Whether no other thing of the owner's is called so, or would be by another of its words."""
        others = {one for one in self._subjects if fold_accents(one) != fold_accents(noun)}
        taken = {fold_accents(text) for one in others for text in (one, *_synonyms("subjects", one))}
        return fold_accents(word) not in taken


def _other_attributes(about: Topic) -> list[str]:
    return _synonyms("attributes", about.attribute) if about.attribute else []


def _synonyms(section: str, phrase: str) -> list[str]:
    """The phrase with another noun in its place; of "HD de backup" nothing, where "HD" says which."""
    listed: Mapping[str, str] = read_toml("synonyms.toml")[section]
    whole = listed.get(fold_accents(phrase), "")
    if whole:
        return whole.split("|")
    head = head_word(phrase)
    words = listed.get(head, "") if not is_name(phrase) and " de " not in phrase else ""
    parts = re.split(r"(\s+)", phrase)
    at = next((number for number, part in enumerate(parts) if fold_accents(part) == head), None)
    if not words or at is None:
        return []
    return ["".join([*parts[:at], word, *parts[at + 1 :]]) for word in words.split("|")]
