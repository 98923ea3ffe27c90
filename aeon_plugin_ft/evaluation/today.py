"""A candidate against whatever answers the owner today: Groq's model, an Ollama tag, or the version in use.

Better than the untrained base is no reason to take a large model's place. Whoever stands in the way must not be better
in fluency, tool calls and stopping, and worse in something that counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.exam import ExamResult
from aeon_plugin_ft.evaluation.model import Check, CheckKind
from aeon_plugin_ft.evaluation.reply_checks import share_of
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
        return Check(CheckKind.TODAY, True, f"{today.name} answers today, which is what it was judged against")
    if today.suite is None:
        return Check(CheckKind.TODAY, True, f"not compared with what answers today ({today.name}): {today.why_not}")
    if suite is None:
        return Check(CheckKind.TODAY, True, f"there are no replies to compare with {today.name}")
    numbers |= _numbers(today)
    worse, better = _worse(suite, today.suite, tool_drop), _better(suite, exam, today)
    numbers[WON] = float(not worse and bool(better))
    detail = f"against {today.name}: " + ("; ".join([*worse, *better]) or "in nothing better")
    if numbers[WON] or not must_win:
        return Check(CheckKind.TODAY, True, detail)
    return Check(CheckKind.TODAY, False, detail, _refusal(worse))


def _refusal(worse: list[str]) -> Refusal:
    return Refusal.WORSE_THAN_TODAY if worse else Refusal.NOT_BETTER_THAN_TODAY


def _worse(ours: SuiteResult, theirs: SuiteResult, tool_drop: float) -> list[str]:
    """In what the candidate is worse, in words with both numbers."""
    compared = (
        ("faulty replies", ours.faulty, theirs.faulty, NOISE),
        ("replies without an end", share_of(ours, NO_END), share_of(theirs, NO_END), NOISE),
        # Turned round, so that in every line less is better.
        ("requests without a valid tool call", 1 - ours.tool_valid, 1 - theirs.tool_valid, tool_drop),
    )
    return [f"{a:.0%} {what} to {b:.0%} (worse)" for what, a, b, margin in compared if a > b + margin + 1e-9]


def _better(ours: SuiteResult, exam: ExamResult | None, today: Today) -> list[str]:
    """In what that counts it is better: what it knows, what it does, how it talks."""
    better = []
    if exam is not None and today.exam is not None:
        ours_right, theirs_right, told = _same_questions(exam, today.exam)
        if ours_right - theirs_right >= max(1.0, NOISE * told):
            better.append(f"it knows {ours_right} of {told} things that were told to {theirs_right}")
    theirs = today.suite
    if theirs is not None and ours.tool_valid > theirs.tool_valid:
        better.append(f"{ours.tool_valid:.0%} of the tool requests got a call that counts to {theirs.tool_valid:.0%}")
    if theirs is not None and ours.faulty < theirs.faulty - NOISE:
        better.append(f"{ours.faulty:.0%} faulty replies to {theirs.faulty:.0%}")
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
