"""A candidate against what answers the owner today: not worse in anything, better in something, or no winner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.exam import ExamResult
from aeon_plugin_ft.evaluation.model import CheckKind, Verdict
from aeon_plugin_ft.evaluation.report.words import check_words
from aeon_plugin_ft.evaluation.suites import NO_END, Answer, SuiteResult
from aeon_plugin_ft.evaluation.today import WON, Today, against_today
from tests.evaluation.measurements import BETTER, judge, result, suite

GROQ = "groq openai/gpt-oss-20b"
OURS = SuiteResult(tuple(Answer("oi", "Tudo certo.", ()) for _ in range(20)), 0.75, 0.05, 0.5)
RIVAL = Today(GROQ, suite=OURS, exam=result(10))


def verdict(today: Today | None, ours: SuiteResult = OURS, right: int = 41, must_win: bool = True) -> Verdict:
    """One that its base cannot refuse: whatever is refused here, what answers today refused it."""
    exams = {"base": result(0), "v0002": result(right)}
    base = replace(suite(tools=0.0), faulty=0.9)
    return judge(BETTER, {"base": base, "v0002": ours}, exams=exams, questions=60, today=today, must_win=must_win)


def test_one_that_knows_more_and_is_worse_in_nothing_wins() -> None:
    found = verdict(RIVAL)
    assert found.accepted, found.reasons
    assert (found.numbers[WON], found.numbers["exam.right.today"]) == (1.0, 10.0)


@pytest.mark.parametrize(
    ("worse", "what"),
    [
        (replace(OURS, faulty=0.1), replace(OURS, faulty=0.0)),
        (replace(OURS, tool_valid=0.5), OURS),
        (replace(OURS, answers=(*OURS.answers[:18], *[Answer("oi", "Tudo", (NO_END,))] * 2)), OURS),
    ],
    ids=["faulty", "tools", "endless"],
)
def test_better_than_the_base_and_worse_than_what_answers_today_is_not_accepted(
    worse: SuiteResult, what: SuiteResult
) -> None:
    assert verdict(None, worse).accepted, "better than its base by far"
    found = verdict(replace(RIVAL, suite=what), worse)
    assert not found.accepted and found.refusals == (Refusal.WORSE_THAN_TODAY,), found.reasons
    assert found.numbers[WON] == 0.0


def test_as_good_in_everything_is_not_better() -> None:
    found = verdict(RIVAL, right=10)
    assert found.refusals == (Refusal.NOT_BETTER_THAN_TODAY,) and "in nothing better" in found.reasons[0]


def test_only_what_both_were_asked_is_compared() -> None:
    """A cloud's questions a day may end in the middle of the exam."""
    few = ExamResult(result(10).answers[:10])
    assert verdict(replace(RIVAL, exam=few)).refusals == (Refusal.NOT_BETTER_THAN_TODAY,)


def test_one_of_fifty_is_chance() -> None:
    assert verdict(RIVAL, right=12).refusals == (Refusal.NOT_BETTER_THAN_TODAY,)
    assert verdict(RIVAL, right=13).accepted


@pytest.mark.parametrize(
    "rival", [replace(OURS, tool_valid=0.5), replace(OURS, faulty=0.2)], ids=["better calls", "better talk"]
)
def test_without_an_exam_better_talk_or_calls_decide(rival: SuiteResult) -> None:
    assert verdict(Today(GROQ, suite=rival)).numbers[WON] == 1.0
    assert verdict(Today(GROQ, suite=OURS)).refusals == (Refusal.NOT_BETTER_THAN_TODAY,)


def test_an_owner_who_wants_the_trained_one_anyway_gets_it_and_is_told() -> None:
    found = verdict(RIVAL, right=10, must_win=False)
    assert found.accepted and found.numbers[WON] == 0.0


def test_what_could_not_be_asked_is_said_and_nobody_has_won() -> None:
    found = verdict(Today(GROQ, why_not="the owner allows it no question"))
    assert found.accepted and WON not in found.numbers
    check = next(check for check in found.checks if check.kind is CheckKind.TODAY)
    assert check.detail == f"not compared with what answers today ({GROQ}): the owner allows it no question"
    assert "Não foi comparada" in check_words(check, found.numbers, "v0002")


def test_where_a_baseline_answers_today_the_verdict_itself_says_who_won() -> None:
    assert verdict(Today("embedded base", "base")).numbers[WON] == 1.0
    refused = verdict(Today("embedded base", "base"), replace(OURS, faulty=0.3))
    assert not refused.accepted and refused.numbers[WON] == 0.0


def test_the_page_says_who_won() -> None:
    for right, said in ((41, "é melhor que o que responde hoje"), (10, "não é melhor que o que responde hoje")):
        found = verdict(RIVAL, right=right)
        check = next(check for check in found.checks if check.kind is CheckKind.TODAY)
        assert said in check_words(check, found.numbers, "v0002")


def test_a_candidate_without_replies_has_not_won() -> None:
    numbers: dict[str, float] = {}
    assert against_today(RIVAL, None, None, 0.01, True, numbers).passed and WON not in numbers
