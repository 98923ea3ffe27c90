"""A candidate against whatever answers the owner today: Groq's model, an Ollama tag, or the version in use.

Better than the untrained base is no reason to take a large model's place. Whoever stands in the way must not be better
in fluency, tool calls and stopping, and worse in something that counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.exam import ExamResult
from aeon_plugin_ft.evaluation.model import Check, CheckKind, checked, failed
from aeon_plugin_ft.evaluation.reply_checks import share_of
from aeon_plugin_ft.evaluation.sentences import Sentence, sentence
from aeon_plugin_ft.evaluation.suites import NO_END, SuiteResult

NOISE = 0.05
"""Share of the replies, one of twenty, by which greedy answers of equally good models differ."""
WON = "today.won"
"""In a verdict's numbers: 1.0 where the candidate won against what answers today, 0.0 where it did not, absent where
the two were not compared."""


@dataclass(frozen=True, slots=True)
class Today:
    """What answers the owner now, and how it did. `name` is for people ("groq openai/gpt-oss-20b"). `baseline` is the
    name of the baseline that it is ("base", "v0003"), "" where it is none of ours. `suite` is None where it was not
    asked, and `why_not` says why; `exam` is None where it was not put to it."""

    name: str
    baseline: str = ""
    suite: SuiteResult | None = None
    exam: ExamResult | None = None
    why_not: str = ""


def against_today(
    today: Today,
    suite: SuiteResult | None,
    exam: ExamResult | None,
    tool_drop: float,
    must_win: bool,
    numbers: dict[str, float],
) -> Check:
    """Compare the candidate's replies (`suite`, `exam`) with those of what answers today, and note who won.

    `must_win` False: the owner wants the trained model whoever is better ([serve] prefer), so losing is only noted.
    """
    if today.baseline:
        # It is measured against it in every check of its own; the gate notes who won when all are made.
        return checked(CheckKind.TODAY, True, sentence("today.baseline", name=today.name))
    if today.suite is None:
        said = sentence("today.not_compared", name=today.name, why=today.why_not)
        return checked(CheckKind.TODAY, True, said)
    if suite is None:
        return checked(CheckKind.TODAY, True, sentence("today.no_replies", name=today.name))
    numbers |= _numbers(today)
    worse, better = _worse(suite, today.suite, tool_drop), _better(suite, exam, today)
    numbers[WON] = float(not worse and bool(better))
    said = sentence("today.nothing", name=today.name)
    if worse or better:
        said = sentence("today.against", name=today.name, found=[*worse, *better])
    if numbers[WON] or not must_win:
        return checked(CheckKind.TODAY, True, said)
    return failed(CheckKind.TODAY, _refusal(worse), said)


def _refusal(worse: list[Sentence]) -> Refusal:
    return Refusal.WORSE_THAN_TODAY if worse else Refusal.NOT_BETTER_THAN_TODAY


def _worse(ours: SuiteResult, theirs: SuiteResult, tool_drop: float) -> list[Sentence]:
    """In what the candidate is worse, in words with both numbers."""
    compared = (
        ("today.worse_faulty", ours.faulty, theirs.faulty, NOISE),
        ("today.worse_endless", share_of(ours, NO_END), share_of(theirs, NO_END), NOISE),
        # Turned round, so that in every line less is better.
        ("today.worse_tools", 1 - ours.tool_valid, 1 - theirs.tool_valid, tool_drop),
    )
    return [
        sentence(key, ours=f"{a:.0%}", theirs=f"{b:.0%}") for key, a, b, margin in compared if a > b + margin + 1e-9
    ]


def _better(ours: SuiteResult, exam: ExamResult | None, today: Today) -> list[Sentence]:
    """In what that counts it is better: what it knows, what it does, how it talks."""
    better = []
    if exam is not None and today.exam is not None:
        ours_right, theirs_right, told = _same_questions(exam, today.exam)
        if ours_right - theirs_right >= max(1.0, NOISE * told):
            better.append(sentence("today.knows_more", ours=ours_right, told=told, theirs=theirs_right))
    theirs = today.suite
    if theirs is not None and ours.tool_valid > theirs.tool_valid:
        shares = {"ours": f"{ours.tool_valid:.0%}", "theirs": f"{theirs.tool_valid:.0%}"}
        better.append(sentence("today.more_tools", **shares))
    if theirs is not None and ours.faulty < theirs.faulty - NOISE:
        better.append(sentence("today.fewer_faulty", ours=f"{ours.faulty:.0%}", theirs=f"{theirs.faulty:.0%}"))
    return better


def _same_questions(ours: ExamResult, theirs: ExamResult) -> tuple[int, int, int]:
    """(ours right, theirs right, how many) of the told things that both were asked: a cloud may have been asked
    fewer."""
    asked = {answer.question for answer in theirs.answers if answer.told}
    both = ExamResult(tuple(answer for answer in ours.answers if answer.question in asked))
    return both.right, theirs.right, both.told


def _numbers(today: Today) -> dict[str, float]:
    """What was measured of what answers today, under the name "today"."""
    if today.suite is None:
        return {}
    numbers = {
        "faulty.today": today.suite.faulty,
        "tool_valid.today": today.suite.tool_valid,
        "nonsense.today": today.suite.nonsense,
    }
    if today.exam is not None:
        numbers |= {
            "exam.right.today": float(today.exam.right),
            "exam.invented.today": float(today.exam.invented),
            # Groq may have been asked fewer than the others.
            "exam.asked.today": float(today.exam.told),
        }
    return numbers
