"""The exam: what was told and what was never told, counted, and what the gate makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.exam import ExamAnswer, ExamResult, Learnt, Mark, ask_exam, learnt
from aeon_plugin_ft.evaluation.exam_checks import admits, knows
from aeon_plugin_ft.evaluation.report.page import html_page
from aeon_plugin_ft.evaluation.report.words import exam_words
from hooks import Message
from tests.evaluation.measurements import result
from tests.evaluation.report.pages import a_report, read
from tests.evaluation.trials import Trial


@dataclass(frozen=True)
class Question:
    """Right when the value is in the reply."""

    text: str
    value: str = ""

    @property
    def facts(self) -> tuple[str, ...]:
        return (self.value,) if self.value else ()

    def mark(self, reply: str) -> Mark:
        if "não sei" in reply:
            return Mark.UNSURE
        if not self.facts:
            return Mark.INVENTED
        return Mark.RIGHT if self.value in reply else Mark.WRONG


QUESTIONS = (Question("como se chama a gata?", "Fork"), Question("e o PC?", "Jaburu"), Question("e o meu barco?"))


def test_each_question_is_put_under_the_prompt_that_is_served_and_counted() -> None:
    heard: list[Sequence[Message]] = []
    replies = iter(["Cara, é a Fork.", "É o Tatu.", "Cara, teu barco é a Iemanjá."])

    def chat(messages: Sequence[Message], limit: int) -> Reply:
        heard.append(messages)
        return Reply(next(replies), True, 0.1)

    found = ask_exam(chat, "Você é o Aeon.", QUESTIONS)
    assert (found.told, found.right, found.untold, found.invented) == (2, 1, 1, 1)
    assert [[m.role for m in messages] for messages in heard] == [["system", "user"]] * 3
    assert [answer.mark for answer in found.answers] == [Mark.RIGHT, Mark.WRONG, Mark.INVENTED]


def test_a_model_that_stops_answering_has_no_result() -> None:
    def chat(*_: object) -> Reply:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        ask_exam(chat, "", QUESTIONS)


@pytest.mark.parametrize(("ours", "passed"), [(41, True), (3, True), (2, False)])
def test_a_model_that_knows_less_than_what_is_in_use_is_refused(ours: int, passed: bool) -> None:
    numbers: dict[str, float] = {}
    check = knows({"v2": result(ours), "v1": result(3)}, "v2", "v1", 60, numbers, {})
    assert check.passed is passed and check.refusal is (None if passed else Refusal.KNOWS_LESS)
    assert (numbers["exam.asked"], numbers["exam.right.v2"], numbers["exam.before"]) == (50, ours, 3)


def test_what_is_known_of_each_fact_is_in_the_numbers() -> None:
    numbers: dict[str, float] = {}
    asked = (("f1", Mark.RIGHT), ("f1", Mark.WRONG), ("f2", Mark.RIGHT))
    ours = ExamResult(tuple(ExamAnswer(f"q{n}", (fact,), "r", mark) for n, (fact, mark) in enumerate(asked)))
    knows({"v2": ours, "v1": result(0)}, "v2", "v1", 60, numbers, {})
    assert (numbers["exam.fact.f1"], numbers["exam.fact.f2"]) == (0.5, 1.0)


@pytest.mark.parametrize(("invented", "passed"), [(3, True), (4, False), (10, False)])
def test_a_fifth_more_inventions_than_before_is_the_most(invented: int, passed: bool) -> None:
    exams = {"v2": result(41, invented=invented), "v1": result(3, invented=1), "base": result(0, invented=9)}
    check = admits(exams, "v2", ["base", "v1"], 60, {})
    assert check.passed is passed and check.refusal is (None if passed else Refusal.INVENTS)


def test_an_exam_that_was_not_held_is_a_refusal_and_one_without_questions_is_not() -> None:
    missing = {"v2": "ollama does not answer"}
    for check in (
        knows({"v1": result(3)}, "v2", "v1", 60, {}, missing),
        admits({"v1": result(3)}, "v2", ["v1"], 60, missing),
    ):
        assert check.refusal is Refusal.UNMEASURED and "ollama does not answer" in check.detail
    assert knows({}, "v2", "v1", 0, {}, {}).passed and admits({}, "v2", ["v1"], 0, {}).passed


def test_it_is_told_in_the_owners_words() -> None:
    numbers = {"exam.asked": 50.0, "exam.right.v2": 41.0, "exam.before": 3.0, "exam.invented.v2": 2.0}
    assert learnt(numbers, "v2") == Learnt(50, 41, 3, 2)
    assert exam_words(numbers, "v2") == "Sabe 41 das 50 coisas que você contou; antes 3; inventou 2."
    assert learnt({}, "v2") is None and exam_words({}, "v2") == ""


def test_the_page_shows_the_exam_and_copes_without_one() -> None:
    verdict = Trial(1).verdict()
    verdict.numbers.update({"exam.asked": 2.0, "exam.right.v0001": 1.0, "exam.before": 0.0, "exam.invented.v0001": 1.0})
    asked = [{"question": "como se chama a gata?", "facts": ["f1"], "reply": "A Fork.", "mark": "right"},
             {"question": "e o meu barco?", "facts": [], "reply": "<b>Iemanjá</b>", "mark": "invented"}]  # fmt: skip
    text = read(html_page("v0001", 1.7e9, verdict, a_report(exams={"v0001": asked}))).text
    for said in ("Sabe 1 das 2 coisas que você contou; antes 0; inventou 1.", "e o meu barco?", "inventou", "certa"):
        assert said in text, said
    assert "O exame" not in read(html_page("v0001", 1.7e9, verdict, a_report(exams=None))).text
