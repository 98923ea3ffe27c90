"""Lessons beside the conversation: what facts teach, marked, and never on the side that judges.

A lesson is no conversation: it is made from a fact, in a wording that nobody may have used. It goes to the training
split alone, behind the conversations, with `source` LESSON, so that nothing that counts or shows what was really said
ever takes it for that. Its `turns` are those that told the fact, and the fact itself: forgetting any of them takes the
dataset, and marks what was trained on it, as with any other example.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aeon_plugin_ft.dataset.model import Draft, Example
from aeon_plugin_ft.dataset.system import canonical_system
from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.facts.model import Fact
from hooks import Message
from hooks.memories import put_memories

LESSON = "lesson"
"""`Example.source` of a lesson, and the same in lineage.jsonl."""


class Lesson(Protocol):
    """A question in one wording, and the right answer (facts.lessons.Lesson); `facts` are the ids of those that it
    teaches, none where it teaches to admit not knowing."""

    @property
    def question(self) -> str:
        """What the owner might ask."""

    @property
    def answer(self) -> str:
        """What the assistant should say."""

    @property
    def facts(self) -> tuple[str, ...]:
        """Ids of facts."""

    @property
    def turns(self) -> tuple[str, ...]:
        """Turns whose words are in it beside those that told the facts."""

    @property
    def memories(self) -> tuple[str, ...]:
        """What stands in the prompt's place for memories, a sentence each."""


@dataclass(frozen=True, slots=True)
class LessonCount:
    """How many lessons there are, and how many facts they are about."""

    lessons: int = 0
    facts: int = 0


def with_lessons(draft: Draft, lessons: Iterable[Lesson], facts: Sequence[Fact], system_prompt: str) -> Draft:
    """The draft with lessons behind its conversations.

    `facts` are those that the lessons name. A lesson whose question is judged by, or was really asked and is learnt
    with the owner's own answer, is left out; so is the second of two with one question.
    """
    by_id = {fact.id: fact for fact in facts}
    system = canonical_system(system_prompt)
    head = (Message("system", system),) if system else ()
    # One question may have two answers: with memories that tell, and without.
    taken: set[tuple[str, tuple[str, ...]]] = {(normal(example.user), ()) for example in (*draft.train, *draft.heldout)}
    examples = []
    for lesson in lessons:
        key = (normal(lesson.question), lesson.memories)
        if key in taken:
            continue
        taken.add(key)
        examples.append(_example(lesson, by_id, head))
    return replace(draft, train=(*draft.train, *examples))


def _example(lesson: Lesson, facts: Mapping[str, Fact], head: tuple[Message, ...]) -> Example:
    taught = [facts[name] for name in lesson.facts]
    sources = (*(name for fact in taught for name in fact.lineage), *lesson.turns)
    text = "\n".join([*lesson.memories, lesson.question, lesson.answer])
    return Example(
        id=f"{LESSON}-{hashlib.sha256(text.encode()).hexdigest()[:16]}",
        messages=put_memories(
            (*head, Message("user", lesson.question), Message("assistant", lesson.answer)), lesson.memories
        ),
        turns=tuple(dict.fromkeys(sources)),
        # What belongs together: the lessons of one fact, as the turns of one conversation.
        session=lesson.facts[0] if lesson.facts else "",
        # Of the newest that it teaches; what teaches nothing that was told belongs to no time.
        at=max((fact.said_at for fact in taught), default=0.0),
        source=LESSON,
    )


def count_lessons(train: Iterable[Example]) -> LessonCount:
    """How many of these examples are lessons."""
    sessions = [example.session for example in train if example.source == LESSON]
    return LessonCount(len(sessions), len({name for name in sessions if name}))


def lesson_groups(lineage: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Line of train.jsonl (from 0) to the fact that a lesson is about ("" where it teaches not to know); of the rows
    of lineage.jsonl."""
    return {
        int(row["line"]) - 1: str(row["session"])
        for row in lineage
        if row["split"] == "train" and row["source"] == LESSON
    }
