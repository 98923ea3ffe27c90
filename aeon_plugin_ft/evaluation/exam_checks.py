"""What the gate reads from the exam: a new model may not know less than what is in use, nor make up more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.exam import ExamResult
from aeon_plugin_ft.evaluation.model import Check, CheckKind, checked, failed
from aeon_plugin_ft.evaluation.reply_checks import absent_sentence
from aeon_plugin_ft.evaluation.sentences import Sentence, sentence

EXTRA_INVENTED = 0.20
"""Share of the questions about things never told to which a candidate may make something up beyond its baseline."""

OF_FACT = "exam.fact."
"""Before the id of a fact, the number in a verdict: the share of the questions about it that the candidate answered
right. What it knows for certain need not stand in its prompt any more."""

Exams = Mapping[str, ExamResult]


def knows(
    exams: Exams, candidate: str, current: str, questions: int, numbers: dict[str, float], missing: Mapping[str, str]
) -> Check:
    """As much of what was told as what is in use, at least. `questions` is how many the exam has."""
    lost = _unmeasured(exams, (candidate, current), questions, missing)
    if lost:
        return failed(CheckKind.EXAM, Refusal.UNMEASURED, lost)
    if not questions:
        return checked(CheckKind.EXAM, True, sentence("exam.none"))
    numbers |= {f"exam.right.{name}": float(result.right) for name, result in exams.items()}
    numbers |= {f"exam.invented.{name}": float(result.invented) for name, result in exams.items()}
    ours, theirs = exams[candidate], exams[current]
    numbers |= {"exam.asked": float(ours.told), "exam.untold": float(ours.untold), "exam.before": float(theirs.right)}
    numbers |= {f"{OF_FACT}{fact}": share for fact, share in ours.by_fact.items()}
    said = sentence("exam.knows", right=ours.right, told=ours.told, before=theirs.right)
    if ours.right < theirs.right:
        return failed(CheckKind.EXAM, Refusal.KNOWS_LESS, said)
    return checked(CheckKind.EXAM, True, said)


def admits(exams: Exams, candidate: str, baselines: Sequence[str], questions: int, missing: Mapping[str, str]) -> Check:
    """About what was never told it makes up hardly more than the baseline that makes up least."""
    lost = _unmeasured(exams, (candidate,), questions, missing)
    if lost:
        return failed(CheckKind.INVENTION, Refusal.UNMEASURED, lost)
    if not questions or not exams[candidate].untold:
        return checked(CheckKind.INVENTION, True, sentence("exam.none"))
    ours = _invented_share(exams[candidate])
    theirs = min((_invented_share(exams[name]) for name in baselines if name in exams), default=0.0)
    said = sentence("exam.invents", ours=f"{ours:.0%}", theirs=f"{theirs:.0%}")
    if ours > theirs + EXTRA_INVENTED + 1e-9:
        return failed(CheckKind.INVENTION, Refusal.INVENTS, said)
    return checked(CheckKind.INVENTION, True, said)


def _invented_share(result: ExamResult) -> float:
    return result.invented / result.untold if result.untold else 0.0


def _unmeasured(exams: Exams, names: Sequence[str], questions: int, missing: Mapping[str, str]) -> Sentence | None:
    absent = [name for name in names if questions and name not in exams]
    return absent_sentence("exam.not_put", absent, missing)
