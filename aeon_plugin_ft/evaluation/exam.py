"""The exam: what the owner told, asked of a served model in fresh wordings, and what nobody ever told.

The questions come from the facts; who makes them also marks the replies. Here they are put to a model and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aeon_plugin_ft.causes import Cause
from aeon_plugin_ft.evaluation.asking import Chat, ask_all, under

MAX_ANSWER_TOKENS = 48
"""Room for a persona's opener and the answer, of which the longest in the sample conversations takes 36 of a small
vocabulary. A base that rambles takes all of it, for each question."""


class Mark(Cause):
    """What a reply to a question of the exam is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"
    """It admits not to know: the right answer to what was never told."""
    INVENTED = "invented"
    """It states something that nobody told."""


class ExamQuestion(Protocol):
    """One question. Whoever made it knows what a right answer is."""

    @property
    def text(self) -> str:
        """As the owner would ask it."""

    @property
    def facts(self) -> tuple[str, ...]:
        """The ids of the facts that it asks about; () for what nobody ever told."""

    def mark(self, reply: str) -> Cause:
        """What a reply is worth, by the value of a Mark."""


@dataclass(frozen=True, slots=True)
class ExamAnswer:
    """One question, the facts that it is about, what was answered, and what that is worth."""

    question: str
    facts: tuple[str, ...]
    reply: str
    mark: Mark

    @property
    def told(self) -> bool:
        """Whether it asks about something that the owner told."""
        return bool(self.facts)


@dataclass(frozen=True, slots=True)
class ExamResult:
    """How one model did."""

    answers: tuple[ExamAnswer, ...]

    @property
    def told(self) -> int:
        """How many questions were about something that the owner told."""
        return sum(answer.told for answer in self.answers)

    @property
    def right(self) -> int:
        """How many of those it answered."""
        return sum(answer.told and answer.mark is Mark.RIGHT for answer in self.answers)

    @property
    def by_fact(self) -> dict[str, float]:
        """Of each fact that was asked about, the share of the questions about it that were answered right."""
        marks: dict[str, list[bool]] = {}
        for answer in self.answers:
            for fact in answer.facts:
                marks.setdefault(fact, []).append(answer.mark is Mark.RIGHT)
        return {fact: sum(right) / len(right) for fact, right in marks.items()}

    @property
    def untold(self) -> int:
        """How many were about something that nobody told."""
        return len(self.answers) - self.told

    @property
    def invented(self) -> int:
        """To how many of those it made something up."""
        return sum(not answer.told and answer.mark is Mark.INVENTED for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Learnt:
    """An exam in four counts, for the owner: of so many things that were told it knows so many, what is in use knew
    so many, and so often it made something up."""

    told: int
    known: int
    before: int
    invented: int


def learnt(numbers: Mapping[str, float], candidate: str) -> Learnt | None:
    """From the numbers of a verdict on `candidate`; None where there was no exam."""
    told = int(numbers.get("exam.asked", 0))
    if not told:
        return None
    known, before = numbers.get(f"exam.right.{candidate}", 0), numbers.get("exam.before", 0)
    return Learnt(told, int(known), int(before), int(numbers.get(f"exam.invented.{candidate}", 0)))


def ask_exam(chat: Chat, system_prompt: str, questions: Sequence[ExamQuestion], at_once: int = 1) -> ExamResult:
    """Put every question to one served model, `at_once` of them side by side, without any fact in its prompt. Whatever
    `chat` raises goes through: an exam that was broken off counts for nothing."""
    replies = ask_all(chat, [under(system_prompt, question.text) for question in questions], MAX_ANSWER_TOKENS, at_once)
    return ExamResult(
        tuple(
            ExamAnswer(question.text, question.facts, reply.text, Mark(question.mark(reply.text).value))
            for question, reply in zip(questions, replies, strict=True)
        )
    )
