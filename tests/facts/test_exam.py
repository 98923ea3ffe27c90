"""The exam asks what lessons do not, about facts and about what was never told, and the same each time."""

from __future__ import annotations

import time
from dataclasses import replace

from aeon_plugin_ft.facts.exam import Exam, make_exam, mark
from aeon_plugin_ft.facts.known import KnownFacts
from aeon_plugin_ft.facts.lessons import make_lessons
from aeon_plugin_ft.facts.marking import Asks, Mark
from aeon_plugin_ft.facts.model import Relation
from aeon_plugin_ft.facts.style import Style
from aeon_plugin_ft.facts.wording import Person, Speech, topic
from aeon_plugin_ft.facts.wording.phrases import back_answers, short_answers, statements
from aeon_plugin_ft.privacy.folding import fold_to_ascii_words
from tests.facts.told import R, fact, facts

TOLD = facts()
EXAM = make_exam(TOLD, 400)
BY_ID = {one.id: one for one in TOLD}
STYLES = (Style(Person.TU, "Cara,"), Style(Person.VOCE), Style(Person.VOCE, "Ô meu bem,"))


def test_no_exam_question_is_one_that_a_lesson_asks() -> None:
    taught = {fold_to_ascii_words(one.question) for one in make_lessons(TOLD, STYLES[0], 40)}
    asked = {fold_to_ascii_words(one.text) for one in EXAM.questions}
    assert len(taught) > 1000 and len(asked) > 300
    assert not taught & asked


def test_every_fact_is_asked_about_before_any_is_asked_about_twice() -> None:
    asked = {id_ for question in make_exam(TOLD, 120).told for id_ in question.facts}
    assert asked == set(BY_ID)


def test_the_same_facts_give_the_same_exam_in_any_order() -> None:
    assert make_exam(list(reversed(TOLD)), 60) == make_exam(TOLD, 60)


def test_a_fact_keeps_its_questions_when_others_come() -> None:
    some = TOLD[:40]
    before = {one.text for one in make_exam(some, 30).told}
    after = {one.text for one in make_exam([*some, fact("vizinha", R.NAME, "Sônia")], 400).told}
    assert before <= after


def test_those_told_most_often_come_first_and_history_is_not_asked() -> None:
    often = replace(TOLD[5], times=9)
    old = replace(TOLD[6], current=False)
    exam = make_exam([*TOLD[:5], often, old], 10)
    assert exam.told[0].facts == (often.id,)
    assert all(old.id not in one.facts for one in exam.questions)


def test_what_was_trained_on_is_not_asked() -> None:
    first = make_exam(TOLD, 100)
    second = make_exam(TOLD, 100, used=[one.text.upper() for one in first.questions])
    assert not {one.text for one in first.questions} & {one.text for one in second.questions}


def test_a_part_of_the_exam_was_never_told_and_is_not_mentioned_anywhere() -> None:
    assert len(EXAM.never_told) >= 15
    said = ["minha tartaruga morreu", "a academia reabriu", "meu ascendente é peixes", "a Fork nasceu em março"]
    asked = " ".join(one.text for one in make_exam(TOLD, 400, said=said).never_told)
    assert "tartaruga" not in asked and "ascendente" not in asked
    assert "tartaruga" in " ".join(one.text for one in EXAM.never_told)


def test_nothing_is_asked_where_nothing_was_told() -> None:
    assert make_exam([], 50) == Exam(())


def test_the_right_answers_are_marked_right() -> None:
    """In every style, to every question about a fact, whether the statement, the value alone, or yes or no."""
    known = KnownFacts.of(TOLD)
    checked = 0
    for question in EXAM.told:
        if len(question.facts) > 1:
            continue
        about = known.topics[[one.id for one in TOLD].index(question.facts[0])]
        back = question.accepted == (about.subject,)
        for style in STYLES:
            speech = Speech(style.person, known.names)
            replies = back_answers(about, speech) if back else statements(about, speech)
            if question.asks is Asks.VALUE and not back:
                replies = [*replies, *short_answers(about, speech)]
            if question.asks is Asks.NO:
                replies = [f"não, {text}" for text in replies] + ["não", "de jeito nenhum"]
            if question.asks is Asks.YES:
                replies = [*replies, *(f"sim, {text}" for text in replies), "sim", "isso mesmo"]
            for reply in replies:
                assert mark(question, style.say(reply)) is Mark.RIGHT, (question, style.say(reply))
                checked += 1
    assert checked > 2000


def test_wrong_values_are_marked_wrong() -> None:
    known = KnownFacts.of(TOLD)
    checked = 0
    for question in EXAM.told:
        at = [one.id for one in TOLD].index(question.facts[0])
        if question.asks is not Asks.VALUE or question.accepted == (known.topics[at].subject,):
            continue
        for wrong in known.wrong(at):
            other = known.topics[at].with_value(wrong)
            for text in [*statements(other, Speech(Person.TU)), *short_answers(other, Speech(Person.VOCE))]:
                assert mark(question, f"Cara, {text}.") is Mark.WRONG, (question, text)
                checked += 1
    assert checked > 500


def test_the_wrong_yes_or_no_is_marked_wrong() -> None:
    for question in EXAM.told:
        if question.asks is Asks.VALUE:
            continue
        wrong = ["não", "nada disso"] if question.asks is Asks.YES else ["sim", "isso mesmo", "com certeza"]
        for reply in wrong:
            assert mark(question, f"Cara, {reply}.") is Mark.WRONG, question


def test_not_knowing_is_marked_unsure_and_stating_invented() -> None:
    for style in STYLES:
        for reply in style.not_knowing():
            for question in EXAM.questions:
                assert mark(question, reply) is Mark.UNSURE, (question, reply)
    for question in EXAM.never_told:
        for reply in ("Cara, é o Rex.", "Sim.", "Em Curitiba, claro.", "Tu tem três."):
            assert mark(question, reply) is Mark.INVENTED


def test_one_of_several_things_that_are_liked_will_do() -> None:
    question = next(one for one in EXAM.told if "forró" in one.accepted and len(one.facts) > 1)
    assert set(question.accepted) >= {"forró", "pastel de queijo"}
    assert mark(question, "Tu gosta de pastel de queijo.") is Mark.RIGHT
    assert mark(question, "Tu gosta de axé.") is Mark.WRONG


def test_what_else_somebody_likes_is_never_called_wrong() -> None:
    known = KnownFacts.of(TOLD)
    open_ended = {Relation.LIKES, Relation.DISLIKES, Relation.ALLERGY, Relation.NEVER, Relation.NOTE}
    for at, one in enumerate(TOLD):
        if one.claim.relation in open_ended:
            assert known.wrong(at) == []
        key = (one.claim.subject, one.claim.relation, one.claim.attribute)
        same = [
            other.claim for other in TOLD if (other.claim.subject, other.claim.relation, other.claim.attribute) == key
        ]
        true = {topic(claim).answer for claim in same}
        assert not true & set(known.wrong(at))


def test_hundreds_of_facts_are_examined_and_taught_in_a_second() -> None:
    many = [fact(f"{one.claim.subject}{n}" if one.claim.subject else "", one.claim.relation, f"{one.value} {n}",
                 one.claim.attribute) for n in range(4) for one in TOLD]  # fmt: skip
    began = time.process_time()
    assert len(make_exam(many, 50).questions) == 50
    assert len(make_lessons(many, STYLES[0], 8)) > 2000
    assert time.process_time() - began < 6
