"""The promotion gate: better than what is in use, by measurement, or refused.

It fails closed. Whatever was not measured (an empty held-out set, a model that is missing from the
losses, a suite that did not run) is a failed check that says so.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from aeon_plugin_ft.evaluation.model import Check, HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.suites import SuiteResult
from aeon_plugin_ft.settings import GateSection

RESAMPLES = 2000
LOWER_TAIL = 0.05
"""One-sided: a gain counts when it is above zero in 95 % of the resamples."""
MAX_EXTRA_FAULTY = 0.10
"""Share of the suite's replies that may be faulty beyond the base's own share."""
MAX_FAULTY = 0.75
"""However poor the base is: a model that is faulty more often than this is never used."""


def gate(
    losses: Mapping[str, HeldoutLoss],
    suites: Mapping[str, SuiteResult],
    settings: GateSection,
    *,
    candidate: str,
    current: str,
    base: str = "base",
) -> Verdict:
    """Judge `candidate` against `base` and against `current` (the version in use; may be the base).

    `losses` and `suites` are keyed by these names. Losses are nats per supervised token.
    """
    rivals = [base] if current == base else [base, current]
    checks = [_heldout_present(losses.get(candidate))]
    numbers: dict[str, float] = {}
    for rival in rivals:
        checks.append(_better(losses, candidate, rival, settings.min_gain, numbers))
    checks.append(_tools(suites, candidate, rivals, settings.tool_drop, numbers))
    checks.append(_replies(suites, candidate, base, numbers))
    return Verdict(all(check.passed for check in checks), tuple(checks), numbers)


def _heldout_present(loss: HeldoutLoss | None) -> Check:
    count = len(loss.per_example) if loss else 0
    tokens = sum(n for _, n in loss.per_example) if loss else 0
    passed = count > 0 and tokens > 0 and loss is not None and math.isfinite(loss.mean)
    return Check("held-out set", passed, f"{count} held-out examples with {tokens} reply tokens were measured")


def _better(
    losses: Mapping[str, HeldoutLoss], candidate: str, rival: str, min_gain: float, numbers: dict[str, float]
) -> Check:
    name = f"held-out loss against {rival}"
    ours, theirs = losses.get(candidate), losses.get(rival)
    if ours is None or theirs is None or not ours.per_example or len(ours.per_example) != len(theirs.per_example):
        return Check(name, False, f"the held-out loss of {candidate} and {rival} could not be measured together")
    gain = 1 - ours.mean / theirs.mean
    low = gain_lower_bound(ours, theirs)
    numbers |= {f"loss.{candidate}": ours.mean, f"loss.{rival}": theirs.mean, f"gain.{rival}": gain}
    numbers[f"gain_low.{rival}"] = low
    passed = math.isfinite(gain) and gain >= min_gain and low > 0
    detail = (
        f"held-out loss {ours.mean:.3f} against {theirs.mean:.3f} of {rival}: {_signed(gain)}"
        f" (95 % sure of {_signed(low)} or more; {min_gain:.0%} is needed)"
    )
    return Check(name, passed, detail)


def gain_lower_bound(ours: HeldoutLoss, theirs: HeldoutLoss, seed: int = 0) -> float:
    """5th percentile of the relative gain over paired bootstrap resamples of the held-out examples."""
    rng = random.Random(seed)
    pairs = list(zip(ours.per_example, theirs.per_example, strict=True))
    gains = []
    for _ in range(RESAMPLES):
        drawn = rng.choices(pairs, k=len(pairs))
        rival_nats = sum(theirs_one[0] for _, theirs_one in drawn)
        gains.append(1 - sum(ours_one[0] for ours_one, _ in drawn) / rival_nats if rival_nats else -math.inf)
    gains.sort()
    return gains[int(LOWER_TAIL * RESAMPLES)]


def _tools(
    suites: Mapping[str, SuiteResult], candidate: str, rivals: list[str], drop: float, numbers: dict[str, float]
) -> Check:
    if candidate not in suites or any(rival not in suites for rival in rivals):
        return Check("tool calls", False, "the tool-call suite did not run on every model")
    ours = suites[candidate].tool_valid
    best = max(suites[rival].tool_valid for rival in rivals)
    numbers |= {f"tool_valid.{name}": suites[name].tool_valid for name in (candidate, *rivals)}
    detail = f"{ours:.0%} of the tool requests got a valid call, {best:.0%} before"
    return Check("tool calls", ours >= best - drop, detail)


def _replies(suites: Mapping[str, SuiteResult], candidate: str, base: str, numbers: dict[str, float]) -> Check:
    if candidate not in suites or base not in suites:
        return Check("replies", False, "the conversation suite did not run on every model")
    ours, theirs = suites[candidate], suites[base]
    numbers |= {f"faulty.{candidate}": ours.faulty, f"faulty.{base}": theirs.faulty}
    allowed = theirs.faulty + MAX_EXTRA_FAULTY
    worst = _commonest_fault(ours)
    detail = f"{ours.faulty:.0%} of the replies are faulty{worst}, {theirs.faulty:.0%} of the base's"
    return Check("replies", ours.faulty <= min(allowed, MAX_FAULTY), detail)


def _commonest_fault(result: SuiteResult) -> str:
    faults = [fault for answer in result.answers for fault in answer.faults]
    if not faults:
        return ""
    commonest = max(sorted(set(faults)), key=faults.count)
    return f" (mostly: {commonest})"


def _signed(share: float) -> str:
    """A fall of the loss is written as minus: gain 0.31 is "-31.0 %"."""
    return f"{-share:+.1%}".replace("%", " %")
