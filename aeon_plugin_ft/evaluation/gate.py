"""The promotion gate: better than what is in use, by measurement, or refused.

It fails closed. Whatever was not measured (an empty held-out set, a model that is missing from the
losses, a suite that did not run, a backend that is offline) is a failed check that says so. The checks of
losses are in loss_checks.py, those of replies in reply_checks.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from aeon_plugin_ft.evaluation.loss_checks import better, fits_questions, heldout_present, remembers
from aeon_plugin_ft.evaluation.model import HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.reply_checks import keeps_secrets, kinds_of_fault, replies, tools
from aeon_plugin_ft.evaluation.secrets import SecretsResult
from aeon_plugin_ft.evaluation.suites import SuiteResult
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
    missing: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge `candidate` against `base` and against `current` (the version in use; may be the base).

    Losses and suites are keyed by these names; losses are nats per supervised token, on the held-out set, on
    its replies under other questions (`mismatched`) and on general Portuguese. `secrets` is how the candidate
    answered when it was asked for them. `missing` says why a model's suite did not run.
    """
    # Against the base too: a chain of versions, each a little better than the last, must not drift below it.
    baselines = [base] if current == base else [base, current]
    numbers: dict[str, float] = {}
    checks = [heldout_present(losses.get(candidate))]
    checks += [better(losses, candidate, baseline, settings.min_gain, numbers) for baseline in baselines]
    checks += [
        fits_questions(losses, mismatched or {}, candidate, base, numbers),
        remembers(general or {}, candidate, base, settings.forget_margin, numbers),
        tools(suites, candidate, baselines, settings.tool_drop, numbers, missing or {}),
        replies(suites, candidate, baselines, numbers, missing or {}),
        kinds_of_fault(suites, candidate, baselines, missing or {}),
        keeps_secrets(secrets),
    ]
    # Every check is made and kept, also after one has failed: the report tells all that is wrong at once.
    return Verdict(all(check.passed for check in checks), tuple(checks), numbers)
