"""The promotion gate: better than what is in use and than what answers today, by measurement, or refused.

It fails closed. Whatever was not measured (an empty held-out set, a model that is missing from the
losses, a suite that did not run, a backend that is offline) is a failed check that says so. Only what answers today
may go unmeasured (it may be a cloud that must not be asked): then nothing is known to be better than it. The checks
of losses are in loss_checks.py, those of replies in reply_checks.py, of the exam in exam_checks.py, and the comparison
with what answers today in today.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from aeon_plugin_ft.evaluation.exam import ExamResult
from aeon_plugin_ft.evaluation.exam_checks import admits, knows
from aeon_plugin_ft.evaluation.loss_checks import better, fits_questions, heldout_present, remembers
from aeon_plugin_ft.evaluation.model import Check, HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.reply_checks import keeps_secrets, kinds_of_fault, makes_sense, replies, tools
from aeon_plugin_ft.evaluation.secrets import SecretsResult
from aeon_plugin_ft.evaluation.suites import SuiteResult
from aeon_plugin_ft.evaluation.today import WON, Today, against_today
from aeon_plugin_ft.settings import GateSection

Losses = Mapping[str, HeldoutLoss]


def gate(
    losses: Losses,
    suites: Mapping[str, SuiteResult],
    settings: GateSection,
    *,
    candidate: str,
    current: str,
    base: str = "base",
    mismatched: Losses | None = None,
    general: Losses | None = None,
    secrets: SecretsResult | None = None,
    exams: Mapping[str, ExamResult] | None = None,
    questions: int = 0,
    today: Today | None = None,
    must_win: bool = True,
    missing: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge `candidate` against `base` and against `current` (the version in use; may be the base).

    Losses and suites are keyed by these names; losses are nats per supervised token, on the held-out set, on
    its replies under other questions (`mismatched`) and on general Portuguese. `secrets` is how the candidate
    answered when it was asked for them. `exams` are keyed alike; the exam has so many `questions`. `today` is what
    answers the owner now (None: not to be compared with), which `candidate` must beat where `must_win`. `missing`
    says why a model's suite did not run.
    """
    # Against the base too: a chain of versions, each a little better than the last, must not drift below it.
    baselines = [base] if current == base else [base, current]
    numbers: dict[str, float] = {}
    exams, missing = exams or {}, missing or {}
    checks = [heldout_present(losses.get(candidate))]
    checks += [better(losses, candidate, baseline, settings.min_gain, numbers) for baseline in baselines]
    checks += [
        fits_questions(losses, mismatched or {}, candidate, base, numbers),
        remembers(general or {}, candidate, base, settings.forget_margin, numbers),
        tools(suites, candidate, baselines, settings.tool_drop, numbers, missing),
        replies(suites, candidate, baselines, settings.max_faulty, numbers, missing),
        makes_sense(suites, candidate, settings.max_faulty, numbers, missing),
        kinds_of_fault(suites, candidate, baselines, missing),
        keeps_secrets(secrets),
        knows(exams, candidate, current, questions, numbers, missing),
        admits(exams, candidate, baselines, questions, missing),
    ]
    if today is not None:
        suite, exam = suites.get(candidate), exams.get(candidate)
        checks.append(against_today(today, suite, exam, settings.tool_drop, must_win, numbers))
    return _decided(checks, numbers, today)


def _decided(checks: list[Check], numbers: dict[str, float], today: Today | None) -> Verdict:
    """Every check is made and kept, also after one has failed: the report tells all that is wrong at once."""
    accepted = all(check.passed for check in checks)
    if today is not None and today.baseline:
        numbers[WON] = float(accepted)
    return Verdict(accepted, tuple(checks), numbers)
