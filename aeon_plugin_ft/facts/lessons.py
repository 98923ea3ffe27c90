"""Lessons: each fact asked about in many wordings, with the right answer in the assistant's own voice.

Neighbours (the disk, the memory and the card of one PC; two people with one role) stand side by side, with questions
that name both, since they are what a small model confuses; and what was never told is answered with not knowing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, pairwise

from aeon_plugin_ft.causes import Cause
from aeon_plugin_ft.facts.admitting import admission
from aeon_plugin_ft.facts.known import KnownFacts, shuffled
from aeon_plugin_ft.facts.marking.readings import is_content, read, stem
from aeon_plugin_ft.facts.model import Fact
from aeon_plugin_ft.facts.style import Style
from aeon_plugin_ft.facts.unknown import never_told
from aeon_plugin_ft.facts.wording import Speech, Topic, Use, genders
from aeon_plugin_ft.facts.wording.details import detail_questions
from aeon_plugin_ft.facts.wording.opposite import opposite
from aeon_plugin_ft.facts.wording.phrases import (
    back_answers,
    back_questions,
    capital,
    open_questions,
    sentence,
    statements,
    yes_no_questions,
)
from aeon_plugin_ft.facts.wording.synonyms import OtherWords
from aeon_plugin_ft.facts.wording.templates import CHOICE
from aeon_plugin_ft.privacy.folding import fold_accents

NEVER_TOLD_SHARE = 0.52
"""Lessons of not knowing, of those about facts."""
YES_NO_SHARE = 8
"""One lesson in so many of a fact asks whether it is so, and one whether something else is."""
MOST_WRONG = 3
"""Wrong values that are asked about, of one fact."""
MOST_AT_ONCE = 4
"""Values of one list that one answer names."""


_WITH_ARTICLE = re.compile(r"[oa]s? (?:meu|minha)s?\b")


class LessonKind(Cause):
    """What a lesson asks."""

    ASK = "ask"
    YES = "yes"
    NO = "no"
    BACK = "back"
    """From the value to the subject: "quem é a Fork?"."""
    CHOICE = "choice"
    """Which of two it is, the right one and a neighbour's."""
    PAIR = "pair"
    """Two neighbours in one question."""
    NEVER_TOLD = "never_told"
    READ = "read"
    """What the prompt's memories say."""
    HEARD = "heard"
    """Something that the owner tells now."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """An example made from facts. `facts` and `turns` are their ids, () for what was never told; the answer is in the
    assistant's voice. `turns` includes that of the real reply it was taken from, and the lineage of other facts that
    its prompt tells; `memories` are the sentences in the place that the prompt keeps for them."""

    question: str
    answer: str
    facts: tuple[str, ...]
    kind: LessonKind
    turns: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()


def make_lessons(facts: Sequence[Fact], style: Style, wordings: int, said: Iterable[str] = ()) -> list[Lesson]:
    """About `wordings` lessons for each current fact of `facts`, neighbours together, and lessons of not knowing among
    them. `said` is what was said to and by the assistant (`never_told`). The same facts give the same lessons."""
    names = genders(facts)
    current = sorted((fact for fact in facts if fact.current), key=_beside)
    teacher = _Teacher(KnownFacts.of(current, names), style, wordings)
    lessons = teacher.all()
    wanted = round(NEVER_TOLD_SHARE * len(lessons))
    unknown = {one.wordings[0]: one for one in never_told(facts, Use.LESSON, names, said)}
    admitted = [
        Lesson(typed(text), admission(text, one.whose, style, names), (), LessonKind.NEVER_TOLD)
        for text, one in islice(unknown.items(), wanted)
    ]
    return _spread(lessons, admitted)


def _beside(fact: Fact) -> tuple[str, str, str, str]:
    claim = fact.claim
    return claim.relation.value, fold_accents(claim.attribute), fold_accents(claim.subject), fact.id


def _spread(lessons: list[Lesson], among: list[Lesson]) -> list[Lesson]:
    """The second evenly among the first."""
    if not among:
        return lessons
    step = max(1, len(lessons) // len(among))
    made: list[Lesson] = []
    waiting = iter(among)
    for at, lesson in enumerate(lessons, 1):
        made.append(lesson)
        if at % step == 0:
            made += islice(waiting, 1)
    return [*made, *waiting]


def typed(question: str) -> str:
    """As people type: one in four without accents and question mark, one without the mark, one with a capital; and of
    those that begin with "o meu" or "a minha" every second one without the article. By the question itself, so that no
    manner of typing goes with one kind of answer."""
    if _WITH_ARTICLE.match(question) and lot(f"article {question}") % 2:
        question = question.partition(" ")[2]
    match lot(question.upper()) % 4:
        case 1:
            return fold_accents(question).rstrip("?")
        case 2:
            return question.rstrip("?")
        case 3:
            return capital(question)
    return question


def _content(text: str) -> set[str]:
    return {stem(token) for token in read(text).tokens if is_content(token)}


def lot(text: str) -> int:
    """A number by chance that stays the same."""
    return hashlib.sha256(text.encode()).digest()[0]


class _Teacher:
    """Makes the lessons about what is known, in one style."""

    def __init__(self, known: KnownFacts, style: Style, wordings: int) -> None:
        self.known, self.style, self.wordings = known, style, wordings
        self.words = OtherWords(known.facts)
        self.speech = Speech(style.person, known.names)

    def all(self) -> list[Lesson]:
        lessons: list[Lesson] = []
        for at in range(len(self.known.facts)):
            lessons += self.about(at)
            if at and self._are_neighbours(at - 1, at):
                lessons += self.pair(at - 1, at)
        lessons += self.of_one_subject()
        return list({(fold_accents(one.question), one.memories): one for one in reversed(lessons)}.values())[::-1]

    def about(self, at: int) -> list[Lesson]:
        """All of one fact: open questions, back questions, yes, no, and the choice between it and a neighbour's."""
        about = self.known.topics[at]
        opened = self._asked(at)
        agreed = self._yes_no(at, about, LessonKind.NO if about.answers_no else LessonKind.YES, self._agreeing(about))
        few = max(1, self.wordings // YES_NO_SHARE)
        back, denied, choice = self._back(at)[:few], self._denied(at)[:few], self._choice(at)[:1]
        opened = opened[: self.wordings]
        # What has few or no open questions (what somebody is, has, likes, never does) is asked for a yes instead.
        missing = 2 * (self.wordings - len(opened)) // 3
        return [*opened, *self._read(at), *back, *agreed[: max(few, missing)], *denied, *choice]

    def _read(self, at: int) -> list[Lesson]:
        """As it is asked while its prompt tells it, beside one of another fact: the answer is the same."""
        asked, answers = self._worded(self.known.topics[at], at), self._answers(self.known.topics[at], at)
        if not asked or len(self.known.alike(at)) > 1:
            return []
        beside = [self.known.facts[(at + 1) % len(self.known.facts)]][: len(self.known.facts) - 1]
        told = [self.known.facts[at], *beside]
        lines = shuffled((sentence(fact, self.known.names) for fact in told), asked[0])
        answer, turn = answers[-1]
        lesson = self._lesson([at], asked[0], answer, LessonKind.READ, turn)
        lineage = (name for fact in beside for name in fact.lineage)
        return [replace(lesson, turns=(*lesson.turns, *lineage), memories=tuple(lines))]

    def _asked(self, at: int) -> list[Lesson]:
        about, alike = self.known.topics[at], self.known.alike(at)
        questions = self._open_questions(about, at)
        listed: list[Lesson] = []
        if len(alike) > 1:
            # One question for all that is liked; asked where the first of them stands.
            listed = self._listed(alike) if at == alike[0] else []
            questions = detail_questions(about)
        answers = self._answers(about, at)
        return listed + [
            self._lesson([at], question, answer, LessonKind.ASK, turn)
            for question, (answer, turn) in zip(questions, cycle(answers), strict=False)
        ]

    def _answers(self, about: Topic, at: int) -> list[tuple[str, str]]:
        """(answer, turn of the real reply that it is, or ""): what was really said, and one statement.

        One, whatever the question: what is said in two ways is learnt half as often in each. And of the real replies
        those that name what they speak of: from a question in words that no lesson had, the way to "é Sepultura" leads
        over "tua banda favorita".
        """
        stated = statements(about, self.speech)[0]
        accepted = self.known.accepted(at)
        named = _content(stated) - _content(" ".join(accepted))
        real = [one for one in self.style.real_answers(about, accepted) if named & _content(one.reply)]
        return [*((one.reply, one.turn) for one in real), (self.style.say(stated), "")]

    def _open_questions(self, about: Topic, at: int) -> list[str]:
        """Every wording, each with another of the words for it: the owner's own word in every second one."""
        asked = self._worded(about, at)
        if not asked:
            return []
        # Another word may have fewer wordings: what is asked of a name is not asked of a thing.
        others = [texts for texts in (self._worded(other, at) for other in self.words.of(about)) if texts]
        rounds = [asked, *(part for other in others for part in (other, asked))][: -1 if others else None]
        turns = range(len(rounds) * len(asked))
        return list(dict.fromkeys(rounds[n % len(rounds)][n % len(rounds[n % len(rounds)])] for n in turns))

    def _worded(self, about: Topic, at: int) -> list[str]:
        texts = open_questions(about, Use.LESSON) + detail_questions(about)
        return self.known.shuffled(at, texts)

    def _listed(self, alike: Sequence[int]) -> list[Lesson]:
        named = list(alike)[:MOST_AT_ONCE]
        stated = [statements(self.known.topics[at], self.speech)[0] for at in named]
        questions = open_questions(self.known.topics[named[0]], Use.LESSON)
        answer = self.style.say(joined(stated))
        return [self._lesson(named, text, answer, LessonKind.ASK) for text in questions]

    def _back(self, at: int) -> list[Lesson]:
        about = self.known.topics[at]
        questions = self.known.shuffled(at, back_questions(about, Use.LESSON))
        answers = cycle(back_answers(about, self.speech) or [""])
        return [
            self._lesson([at], question, self.style.say(answer), LessonKind.BACK)
            for question, answer in zip(questions, answers, strict=False)
        ]

    def _agreeing(self, about: Topic) -> str:
        """The fact first and then the yes, as every answer begins: a small model that has to say yes or no before it
        said what it knows says yes to everything."""
        stated = statements(about, self.speech)[0]
        return self.style.say(f"não, {stated}" if about.answers_no else f"{stated}, sim")

    def _yes_no(self, at: int, asked: Topic, kind: LessonKind, answer: str) -> list[Lesson]:
        questions = self.known.shuffled(at, yes_no_questions(asked, Use.LESSON))
        return [self._lesson([at], text, answer, kind) for text in questions]

    def _denied(self, at: int) -> list[Lesson]:
        about = self.known.topics[at]
        stated, contrary = statements(about, self.speech)[0], opposite(about)
        # Who asks for something else hears what is so; who asks for the contrary hears no.
        asked = [(about.with_value(wrong), stated) for wrong in self.known.wrong(at)[:MOST_WRONG]]
        asked += [(contrary, f"não, {stated}")] if contrary else []
        made = [self._yes_no(at, one, LessonKind.NO, self.style.say(answer)) for one, answer in asked]
        # One of each wrong value before a second wording of the first.
        return [part[number] for number in range(2) for part in made if number < len(part)]

    def _choice(self, at: int) -> list[Lesson]:
        about, wrong = self.known.topics[at], self.known.wrong(at)
        if not wrong or about.answers_no:
            return []
        both = shuffled([about.answer, wrong[0]], self.known.facts[at].id)
        questions = yes_no_questions(about.with_value(CHOICE.join(both)), Use.LESSON)
        answer = self.style.say(statements(about, self.speech)[0])
        return [self._lesson([at], text, answer, LessonKind.CHOICE) for text in questions]

    def _are_neighbours(self, one: int, other: int) -> bool:
        first, second = self.known.topics[one], self.known.topics[other]
        same = first.shape == second.shape and fold_accents(first.attribute) == fold_accents(second.attribute)
        return same and first.subject != second.subject

    def of_one_subject(self) -> list[Lesson]:
        """Two sides of one subject in one question: the memory and the card of one PC."""
        by_subject: dict[str, list[int]] = {}
        for at, about in enumerate(self.known.topics):
            if about.subject and open_questions(about, Use.LESSON) and len(self.known.alike(at)) == 1:
                by_subject.setdefault(fold_accents(about.subject), []).append(at)
        pairs = [pair for places in by_subject.values() for pair in pairwise(places)]
        return [lesson for one, other in pairs for lesson in self.pair(one, other)]

    def pair(self, one: int, other: int) -> list[Lesson]:
        """A question that names both, and its answer."""
        topics = [self.known.topics[at] for at in (one, other)]
        asked = [open_questions(about, Use.LESSON)[:1] for about in topics]
        if not all(asked):
            return []
        question = f"{asked[0][0].rstrip('?')} e {asked[1][0]}"
        answer = self.style.say(joined([statements(about, self.speech)[0] for about in topics]))
        return [self._lesson([one, other], question, answer, LessonKind.PAIR)]

    def _lesson(self, places: Sequence[int], question: str, answer: str, kind: LessonKind, turn: str = "") -> Lesson:
        facts = [self.known.facts[at] for at in places]
        turns = [told for fact in facts for told in (*fact.turns, *filter(None, [fact.turn]))] + (
            [turn] if turn else []
        )
        ids = tuple(fact.id for fact in facts)
        return Lesson(typed(question), answer, ids, kind, tuple(dict.fromkeys(turns)))


def joined(parts: Sequence[str]) -> str:
    """Statements as one: "a, b e c"."""
    return " e ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
