"""What an owner may be asked of and never told, in breadth: nouns, deeds and sides of data/untold.toml, for lessons.

A model that is taught not to know a few dozen things answers every other question with the nearest value that it was
taught. It learns where its knowledge ends from many different things, and from sides of the very people, animals and
things that it knows something of.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from aeon_plugin_ft.facts.marking.readings import stem
from aeon_plugin_ft.facts.model import OWNER, Claim, Relation
from aeon_plugin_ft.facts.wording import Topic, Use, topic
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import Names, head_word, is_infinitive
from aeon_plugin_ft.facts.wording.persons import Person, Speech
from aeon_plugin_ft.facts.wording.phrases import open_questions
from aeon_plugin_ft.facts.wording.templates import fill
from aeon_plugin_ft.privacy.folding import fold_accents

_WORD = re.compile(r"[a-z0-9]+")
_OF_OWNER = frozenset({"deeds", "favourites"})
"""Groups whose words are an attribute of the owner's, not a subject."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A question about something that was never told. `about` is the relation that it is like, `wordings` are ways to
    ask it, and `whose` is what it is asked of, to be said again in the answer; None where that has no noun."""

    about: Relation
    wordings: tuple[str, ...]
    whose: Topic | None = None


def stems(text: str) -> frozenset[str]:
    """The stems of a text's words."""
    return frozenset(stem(word) for word in _WORD.findall(fold_accents(text)))


def unmentioned(mentioned: frozenset[str], names: Names) -> Iterator[Unknown]:
    """Whatever nobody ever spoke of: the cousin's age, the drone's name. `mentioned` are the stems of what was said."""
    for _, claim in unmentioned_claims(mentioned):
        asked = topic(claim, names)
        wordings = open_questions(asked, Use.LESSON)
        if wordings:
            yield Unknown(claim.relation, tuple(_shuffled(wordings)), asked)


def unmentioned_claims(mentioned: frozenset[str]) -> Iterator[tuple[str, Claim]]:
    """(group, claim) of whatever nobody ever spoke of; their value is "?". Groups are people, animals, things ..."""
    data, taken = read_toml("untold.toml"), mentioned | _asked_in_exams()
    for group, relations in data["relations"].items():
        for words in _phrases(data["unmentioned"][group]):
            # All of it, or its noun: of "melhor amiga" everybody has said "melhor".
            if {stem(head_word(words)), *(stem(word) for word in words.split() if len(word) > 3)} & taken:
                continue
            for relation in map(Relation, relations):
                yield group, _claim(group, words, relation)


def sides(
    kind: str, subject: str, called: Collection[str], names: Names, texts: Sequence[frozenset[str]]
) -> Iterator[Unknown]:
    """Sides of a known subject that nobody has told: `kind` is people, animals, things, or owner with subject OWNER;
    `called` are its names; `texts` are the stems of each sentence that was said."""
    whose = {stem(head_word(subject)), *(one for name in called for one in stems(name))} - {""}
    ways = [topic(Claim(way, Relation.PROPERTY, "?", "lado"), names) for way in (subject, *called)]
    for words, *questions in read_toml("untold.toml")["sides"][kind]:
        cues = stems(words)
        if any((not whose or whose & text) and cues & text for text in texts):
            continue
        made = {fill(question, about, Speech(Person.EU)): about for question in questions for about in ways}
        asked = _shuffled([text for text in made if text])
        # Of the owner each wording is another question: no noun stands in the place of the person.
        for texts_of_one in [[text] for text in asked] if kind == "owner" else [asked]:
            yield Unknown(Relation.PROPERTY, tuple(texts_of_one), made[texts_of_one[0]])


def in_turns(groups: Iterable[Iterable[Unknown]]) -> list[Unknown]:
    """One of each group after the other, each group in an order that stays the same."""
    waiting = [sorted(group, key=lambda one: _key(one.wordings[0])) for group in groups]
    longest = max(map(len, waiting), default=0)
    return [group[place] for place in range(longest) for group in waiting if place < len(group)]


def _claim(group: str, words: str, relation: Relation) -> Claim:
    if group in _OF_OWNER or is_infinitive(words):
        return Claim(OWNER, relation, "?", words)
    return Claim(words, relation, "?", "cor" if relation is Relation.PROPERTY else "")


def _phrases(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.replace("\n", "|").split("|") if phrase.strip()]


def _asked_in_exams() -> frozenset[str]:
    """Stems of the topics that only exams ask about."""
    return stems(" ".join(one["words"] for one in read_toml("never.toml")["topic"] if "exam" in one))


def _shuffled(texts: Sequence[str]) -> list[str]:
    return sorted(texts, key=_key)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
