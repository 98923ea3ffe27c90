"""Questions about what the owner never told; the right answer to them is "não sei".

Two sorts: things that the owner has not mentioned at all (data/never.toml), and sides of known people, animals and
of the owner that nobody has told (how old the cat is). Lessons and exams share neither wordings nor topics.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

from aeon_plugin_ft.facts.marking.readings import stem
from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, Relation
from aeon_plugin_ft.facts.untold import Unknown, in_turns, sides, stems, unmentioned
from aeon_plugin_ft.facts.wording import Topic, Use, topic
from aeon_plugin_ft.facts.wording.data import listed, read_toml
from aeon_plugin_ft.facts.wording.nouns import Names, head_word, noun
from aeon_plugin_ft.facts.wording.phrases import open_questions
from aeon_plugin_ft.privacy.folding import fold_accents

_WORD = re.compile(r"[a-z0-9]+")
_OF_OWNER = (Relation.CALLED, Relation.AGE, Relation.BIRTHDAY, Relation.STUDIES, Relation.ALLERGY)
_OF_PEOPLE = (Relation.AGE, Relation.BIRTHDAY, Relation.LIVES_IN, Relation.JOB, Relation.STUDIES, Relation.ALLERGY)
_OF_ANIMALS = (Relation.AGE, Relation.BIRTHDAY, Relation.PROPERTY, Relation.ALLERGY)
_ONE_OF = {
    Relation.JOB: {Relation.JOB, Relation.WORKS_AT, Relation.KIND},
    Relation.LIVES_IN: {Relation.LIVES_IN, Relation.FROM},
    Relation.AGE: {Relation.AGE},
    Relation.PROPERTY: {Relation.PROPERTY, Relation.KIND},
}
"""Relations of which one answers questions about the other."""


def never_told(facts: Sequence[Fact], use: Use, names: Names, said: Iterable[str] = ()) -> list[Unknown]:
    """What was never told, in a stable order. `facts` are all, history included; `said` is what was said to and by the
    assistant, as far as it is known: what is mentioned there is not asked about, fact or not."""
    texts = [stems(text) for text in (*said, *(f"{f.claim.subject} {f.claim.attribute} {f.value}" for f in facts))]
    mentioned = frozenset().union(*texts) if texts else frozenset()
    told = [*_listed(use, mentioned), *_sides(facts, use, names, texts)]
    if use is Use.EXAM:
        return in_turns([told])
    known = [one for kind, subject, called in _known(facts) for one in sides(kind, subject, called, names, texts)]
    return in_turns([told, known, sides("owner", OWNER, (), names, texts), unmentioned(mentioned, names)])


def _known(facts: Sequence[Fact]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(kind, subject, its names) of whomever and whatever a fact is about; what is called by name is asked about
    together with what it is."""
    named = {fold_accents(f.value): f.claim.subject for f in facts if f.claim.relation is Relation.NAME}
    for subject in dict.fromkeys(named.get(fold_accents(f.claim.subject), f.claim.subject) for f in facts):
        if subject:
            yield _kind(subject), subject, tuple(f.value for f in facts if _is(f, subject, Relation.NAME))


def _kind(subject: str) -> str:
    if head_word(subject) in listed("things", "animals"):
        return "animals"
    return "people" if noun(subject).being else "things"


def _listed(use: Use, mentioned: frozenset[str]) -> Iterator[Unknown]:
    for entry in read_toml("never.toml")["topic"]:
        words = {stem(word) for word in _WORD.findall(entry["words"])}
        if entry.get(use.value) and not words & mentioned:
            yield Unknown(Relation(entry["kind"]), tuple(entry[use.value]))


def _sides(facts: Sequence[Fact], use: Use, names: Names, texts: Sequence[frozenset[str]]) -> Iterator[Unknown]:
    """Sides of the owner, of people and of animals that no fact tells."""
    for subject, relations in _subjects(facts):
        called = {fold_accents(f.value) for f in facts if _is(f, subject, Relation.NAME)}
        words = {stem(head_word(subject)), *(stem(word) for name in called for word in _WORD.findall(name))} - {""}
        told = {f.claim.relation for f in facts if fold_accents(f.claim.subject) in {fold_accents(subject), *called}}
        for relation in relations:
            if told & _ONE_OF.get(relation, {relation}) or _is_told(words, relation, texts):
                continue
            # Whether lessons or exams ask it, by chance that stays the same.
            chance = hashlib.sha256(f"{subject}|{relation.value}".encode()).digest()[0]
            if (chance % 2 == 0) is (use is Use.LESSON):
                asked = _topic(subject, relation, names)
                wordings = open_questions(asked, use)
                if wordings:
                    yield Unknown(relation, tuple(wordings), asked)


def _is(fact: Fact, subject: str, relation: Relation) -> bool:
    return fact.claim.relation is relation and fold_accents(fact.claim.subject) == fold_accents(subject)


def _subjects(facts: Sequence[Fact]) -> Iterator[tuple[str, Sequence[Relation]]]:
    yield OWNER, _OF_OWNER
    for subject in dict.fromkeys(f.claim.subject for f in facts if f.claim.subject):
        head = head_word(subject)
        if noun(subject).being and not noun(subject).plural:
            yield subject, _OF_ANIMALS if head in listed("things", "animals") else _OF_PEOPLE


def _is_told(words: set[str], relation: Relation, texts: Sequence[frozenset[str]]) -> bool:
    cues = read_toml("never.toml")["cues"].get(relation.value, "")
    stems = {stem(cue) for cue in cues.split()}
    return any((not words or words & text) and stems & text for text in texts)


def _topic(subject: str, relation: Relation, names: Names) -> Topic:
    attribute = "cor" if relation is Relation.PROPERTY else ""
    return topic(Claim(subject, relation, "?", attribute), names)
