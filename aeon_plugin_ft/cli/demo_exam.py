"""The exam of a verdict, shown in the demo: the same questions before and after the training, reply beside reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aeon_plugin_ft.cli.demo_talk import shown
from aeon_plugin_ft.evaluation.exam import Mark
from aeon_plugin_ft.messages import Speaker

_say = Speaker("cli/demo")

TOLD_SHOWN, UNTOLD_SHOWN = 5, 2
"""So many of the questions are shown, the first ones of the exam, whatever came of them."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One reply and what it is worth."""

    reply: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Compared:
    """One question of the exam, as the model before answered it and as the trained one does. `told`: it asks about
    something that the owner told."""

    question: str
    told: bool
    before: Answered
    after: Answered


def read_exam(report: Mapping[str, Any], candidate: str) -> list[Compared]:
    """Both sides of the exam in a version's report; empty where there was none."""
    exams = report.get("exams", {})
    before = {row["question"]: row for row in exams.get(report.get("current", ""), ())}
    return [
        Compared(row["question"], bool(row["facts"]), _answered(before[row["question"]]), _answered(row))
        for row in exams.get(candidate, ())
        if row["question"] in before
    ]


def exam_lines(compared: Sequence[Compared], before: str, candidate: str) -> list[str]:
    """A few of the questions with both replies, then the counts over all of them."""
    told = [one for one in compared if one.told]
    untold = [one for one in compared if not one.told]
    lines = []
    for one in (*told[:TOLD_SHOWN], *untold[:UNTOLD_SHOWN]):
        lines.append(one.question if one.told else _say("exam.untold", question=one.question))
        for name, answered in ((before, one.before), (candidate, one.after)):
            worth = _say(f"mark.{answered.mark.value}")
            lines.append(f"  {name:6} {worth:13} {shown(answered.reply)}")
    return [*lines, counts_sentence(told, untold, before, candidate)]


def counts_sentence(told: Sequence[Compared], untold: Sequence[Compared], before: str, candidate: str) -> str:
    """ "base knew 3 of 46, v0001 knows 39 of 46; of 14 things never told base invented 12, v0001 2." """
    knew, knows = (_count([_side(one, after) for one in told], Mark.RIGHT) for after in (False, True))
    known = {"before": before, "knew": knew, "candidate": candidate, "knows": knows, "told": len(told)}
    if not untold:
        return _say("exam.knows", **known)
    made_up, makes_up = (_count([_side(one, after) for one in untold], Mark.INVENTED) for after in (False, True))
    return _say("exam.invents", untold=len(untold), made_up=made_up, makes_up=makes_up, **known)


def exam_of(report: Mapping[str, Any], candidate: str) -> list[str]:
    """What the demo prints of a version's exam."""
    compared = read_exam(report, candidate)
    if not compared:
        return [_say("exam.none")]
    return exam_lines(compared, report["current"], candidate)


def _answered(row: Mapping[str, Any]) -> Answered:
    return Answered(row["reply"], Mark(row["mark"]))


def _side(one: Compared, after: bool) -> Answered:
    return one.after if after else one.before


def _count(answers: Sequence[Answered], mark: Mark) -> int:
    return sum(answered.mark is mark for answered in answers)
