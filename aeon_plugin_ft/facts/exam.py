"""The exam in the morning: what of what the owner told does a model know, and does it admit what it was never told?

Each fact is asked about in wordings that no lesson uses; beside them stand questions whether something wrong is so,
and questions about what was never told. The same facts give the same questions, so that two models, or two nights,
can be compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from aeon_plugin_ft.facts.known import KnownFacts, shuffled
from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply
from aeon_plugin_ft.facts.model import Fact, Relation
from aeon_plugin_ft.facts.unknown import never_told
from aeon_plugin_ft.facts.wording import Use, genders
from aeon_plugin_ft.facts.wording.nouns import Names
from aeon_plugin_ft.facts.wording.opposite import opposite
from aeon_plugin_ft.facts.wording.phrases import back_questions, open_questions, yes_no_questions
from aeon_plugin_ft.privacy.folding import fold_to_ascii_words

_USE = Use.EXAM
NEVER_TOLD_SHARE = 0.25
"""Of the questions; never more than a third of those about facts."""


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """One question. `facts` are the ids of the facts that it asks about, () for what was never told; `accepted` are
    the values of which one has to be said, `asked` the value that a yes-no question asks about."""

    text: str
    asks: Asks
    accepted: tuple[str, ...]
    facts: tuple[str, ...]
    relation: Relation
    asked: str = ""

    def mark(self, reply: str) -> Mark:
        """What the reply is worth."""
        return mark_reply(self.asks, self.text, self.accepted, reply, self.asked)


@dataclass(frozen=True, slots=True)
class Exam:
    """Questions about facts first, the most often told first; then those about what was never told."""

    questions: tuple[ExamQuestion, ...]

    @property
    def told(self) -> tuple[ExamQuestion, ...]:
        """Those about facts."""
        return tuple(question for question in self.questions if question.asks is not Asks.NEVER_TOLD)

    @property
    def never_told(self) -> tuple[ExamQuestion, ...]:
        """Those about what was never told."""
        return tuple(question for question in self.questions if question.asks is Asks.NEVER_TOLD)


def make_exam(facts: Sequence[Fact], most: int, used: Iterable[str] = (), said: Iterable[str] = ()) -> Exam:
    """At most `most` questions about the current ones of `facts`. `used` are questions that the model was trained on:
    none of them is asked. `said` is what was said to and by the assistant (`never_told`)."""
    names = genders(facts)
    current = sorted((fact for fact in facts if fact.current), key=lambda fact: (-fact.times, fact.id))[:most]
    taken = {fold_to_ascii_words(text) for text in used}
    unknown = _unknown(facts, names, said, taken)
    never = min(len(unknown), int(most * NEVER_TOLD_SHARE), max(1, len(current) // 3) if current else 0)
    told = _rounds(_about_facts(KnownFacts.of(current, names)), most - never, taken)
    return Exam((*told, *unknown[: min(never, max(1, len(told) // 3) if told else 0)]))


def mark(question: ExamQuestion, reply: str) -> Mark:
    """What the reply to the question is worth."""
    return question.mark(reply)


def _about_facts(known: KnownFacts) -> list[list[ExamQuestion]]:
    """For each fact its questions, those first that say most about whether it is known."""
    made = []
    for at in range(len(known.facts)):
        asked, agreed, denied, back = (part(known, at) for part in (_asked, _agreed, _denied, _back))
        first = [asked[:1] or agreed[:1], denied[:1], back[:1], asked[1:2] or agreed[1:2], agreed[:1]]
        rest = [asked[2:], denied[1:], back[1:], agreed[1:]]
        made.append(list(dict.fromkeys(question for part in (*first, *rest) for question in part)))
    return made


def _asked(known: KnownFacts, at: int) -> list[ExamQuestion]:
    """Open questions; where other facts answer them as well, each of those will do."""
    same = known.alike(at)
    accepted = tuple(dict.fromkeys(value for other in same for value in known.accepted(other)))
    ids = tuple(known.facts[other].id for other in same)
    return [
        _question(known, at, text, Asks.VALUE, accepted, ids=ids)
        for text in known.shuffled(at, open_questions(known.topics[at], _USE))
    ]


def _agreed(known: KnownFacts, at: int) -> list[ExamQuestion]:
    """Questions whether it is so; whether what is never done is done, the answer is no."""
    about = known.topics[at]
    asks, accepted = (Asks.NO, ()) if about.answers_no else (Asks.YES, known.accepted(at))
    return [
        _question(known, at, text, asks, accepted, about.answer)
        for text in known.shuffled(at, yes_no_questions(about, _USE))
    ]


def _denied(known: KnownFacts, at: int) -> list[ExamQuestion]:
    """Questions whether something else is so, or the contrary."""
    about, made = known.topics[at], []
    for wrong in known.wrong(at)[:2]:
        texts = known.shuffled(at, yes_no_questions(about.with_value(wrong), _USE))
        made += [_question(known, at, text, Asks.NO, known.accepted(at), wrong) for text in texts[:2]]
    contrary = opposite(about)
    if contrary is not None:
        made += [_question(known, at, text, Asks.NO, (), about.answer) for text in yes_no_questions(contrary, _USE)]
    return made


def _back(known: KnownFacts, at: int) -> list[ExamQuestion]:
    """Questions from the value to whom or what it is."""
    about = known.topics[at]
    return [
        _question(known, at, text, Asks.VALUE, (about.subject,))
        for text in known.shuffled(at, back_questions(about, _USE))
    ]


def _question(
    known: KnownFacts, at: int, text: str, asks: Asks, accepted: tuple[str, ...], asked: str = "",
    ids: tuple[str, ...] = (),
) -> ExamQuestion:  # fmt: skip
    fact = known.facts[at]
    return ExamQuestion(text, asks, accepted, ids or (fact.id,), fact.claim.relation, asked)


def _rounds(by_fact: Sequence[Sequence[ExamQuestion]], most: int, taken: Collection[str]) -> list[ExamQuestion]:
    """One question for each fact, then a second, and so on; none twice, none of those that were trained on."""
    chosen: dict[str, ExamQuestion] = {}
    unused = [[one for one in questions if fold_to_ascii_words(one.text) not in taken] for questions in by_fact]
    for one_round in zip_longest(*unused):
        for question in one_round:
            if question is not None and len(chosen) < most:
                chosen.setdefault(fold_to_ascii_words(question.text), question)
    order = {fact: at for at, questions in enumerate(by_fact) for one in questions for fact in one.facts}
    return sorted(chosen.values(), key=lambda question: min(order[fact] for fact in question.facts))


def _unknown(facts: Sequence[Fact], names: Names, said: Iterable[str], taken: Collection[str]) -> list[ExamQuestion]:
    made = []
    for one in never_told(facts, Use.EXAM, names, said):
        wordings = [text for text in shuffled(one.wordings, one.wordings[0]) if fold_to_ascii_words(text) not in taken]
        if wordings:
            made.append(ExamQuestion(wordings[0], Asks.NEVER_TOLD, (), (), one.about))
    return made
