"""What the gate reads from losses: better than its baselines, for the right reason, and nothing else forgotten."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.model import Check, CheckKind, HeldoutLoss, checked, failed
from aeon_plugin_ft.evaluation.sentences import sentence

RESAMPLES = 2000
LOWER_TAIL = 0.05
"""One-sided: a gain counts when it is above zero in 95 % of the resamples."""
SAME = 1e-5
"""Relative difference of every example's loss below which two models are the same one: rounding."""
FIT_KEPT = 0.75
"""Share of the base's fit to its questions that a candidate must keep; see `fits_questions`. On the 135M model and
24 held-out examples a good run kept 107 % (5 % of the resamples below 93 %), one on shuffled replies 53 % (5 % above
62 %): the limit is three standard deviations away from either."""

Losses = Mapping[str, HeldoutLoss]


def heldout_present(loss: HeldoutLoss | None) -> Check:
    """Whether there is anything to judge by."""
    count = len(loss.per_example) if loss else 0
    tokens = sum(n for _, n in loss.per_example) if loss else 0
    passed = count > 0 and tokens > 0 and loss is not None and math.isfinite(loss.mean)
    refusal = None if passed else Refusal.UNMEASURED
    said = sentence("losses.heldout", count=count, tokens=tokens)
    return checked(CheckKind.HELDOUT_SET, passed, said, refusal)


def better(losses: Losses, candidate: str, baseline: str, min_gain: float, numbers: dict[str, float]) -> Check:
    """By `min_gain` at least, and above zero in 95 % of the paired resamples."""
    kind = CheckKind.GAIN
    ours, theirs = losses.get(candidate), losses.get(baseline)
    if ours is None or theirs is None or not paired(ours, theirs):
        said = sentence("losses.unpaired", candidate=candidate, baseline=baseline)
        return failed(kind, Refusal.UNMEASURED, said, baseline)
    gain = 1 - ours.mean / theirs.mean if theirs.mean else -math.inf
    low = gain_lower_bound(ours, theirs)
    numbers |= {f"loss.{candidate}": ours.mean, f"loss.{baseline}": theirs.mean, f"gain.{baseline}": gain}
    numbers[f"gain_low.{baseline}"] = low
    # Before the gain, which would be called too small: that nothing was learnt at all has another cause.
    if same(ours, theirs):
        said = sentence("losses.identical", candidate=candidate, baseline=baseline)
        return failed(kind, Refusal.NO_EFFECT, said, baseline)
    passed = math.isfinite(gain) and gain >= min_gain and low > 0
    said = sentence(
        "losses.gain", ours=f"{ours.mean:.3f}", theirs=f"{theirs.mean:.3f}", baseline=baseline, change=signed(-gain),
        low=signed(-low), needed=f"{min_gain:.0%}",
    )  # fmt: skip
    return checked(kind, passed, said, None if passed else Refusal.NO_GAIN, baseline)


def fits_questions(losses: Losses, mismatched: Losses, candidate: str, base: str, numbers: dict[str, float]) -> Check:
    """The replies must belong to their questions.

    A model trained on shuffled replies learns the owner's style, so its held-out loss falls; but it no longer
    finds a reply likelier under its own question than under another's. That difference, in nats per token, is
    (an estimate of) the mutual information of question and reply; it may not fall below three quarters of the base's.
    """
    kind = CheckKind.FIT
    fits = {model: _fit(losses.get(model), mismatched.get(model)) for model in (candidate, base)}
    ours, theirs = fits[candidate], fits[base]
    if ours is None or theirs is None:
        return failed(kind, Refusal.UNMEASURED, sentence("losses.no_fit"))
    numbers |= {f"fit.{candidate}": ours, f"fit.{base}": theirs}
    said = sentence("losses.fit", ours=f"{ours:.2f}", theirs=f"{theirs:.2f}")
    passed = ours > 0 and ours >= FIT_KEPT * theirs
    return checked(kind, passed, said, None if passed else Refusal.MISMATCHED)


def remembers(general: Losses, candidate: str, base: str, margin: float, numbers: dict[str, float]) -> Check:
    """General Portuguese may become less likely by `margin` at most."""
    ours, theirs = general.get(candidate), general.get(base)
    if ours is None or theirs is None or not paired(ours, theirs) or not theirs.mean:
        return failed(CheckKind.GENERAL, Refusal.UNMEASURED, sentence("losses.no_general"))
    rise = ours.mean / theirs.mean - 1
    numbers |= {f"general.{candidate}": ours.mean, f"general.{base}": theirs.mean}
    said = sentence(
        "losses.general", ours=f"{ours.mean:.3f}", theirs=f"{theirs.mean:.3f}", base=base, change=signed(rise),
        allowed=f"{margin:.0%}",
    )  # fmt: skip
    passed = math.isfinite(rise) and rise <= margin
    return checked(CheckKind.GENERAL, passed, said, None if passed else Refusal.FORGOT)


def _fit(true: HeldoutLoss | None, other: HeldoutLoss | None) -> float | None:
    """Nats a token that the right question is worth; None where it was not measured."""
    if true is None or other is None or not paired(true, other):
        return None
    both = [(a, b) for a, b in zip(true.per_example, other.per_example, strict=True) if a[1] and b[1]]
    tokens = sum(a[1] for a, _ in both)
    nats = sum(b[0] - a[0] for a, b in both) / tokens if tokens else math.nan
    return nats if math.isfinite(nats) else None


def paired(ours: HeldoutLoss, theirs: HeldoutLoss) -> bool:
    """Both measured, on the same number of examples, with numbers that are numbers."""
    measured = bool(ours.per_example) and len(ours.per_example) == len(theirs.per_example)
    return measured and math.isfinite(ours.mean) and math.isfinite(theirs.mean)


def same(ours: HeldoutLoss, theirs: HeldoutLoss) -> bool:
    """Whether every example's loss is the same up to rounding."""
    pairs = zip(ours.per_example, theirs.per_example, strict=True)
    return all(abs(a - b) <= SAME * max(1.0, abs(b)) for (a, _), (b, _) in pairs)


def gain_lower_bound(ours: HeldoutLoss, theirs: HeldoutLoss, seed: int = 0) -> float:
    """5th percentile of the relative gain over paired bootstrap resamples of the held-out examples."""
    # A fixed seed: the same losses give the same verdict.
    rng = random.Random(seed)
    pairs = list(zip(ours.per_example, theirs.per_example, strict=True))
    gains = []
    for _ in range(RESAMPLES):
        # Both models' losses on the same examples: what makes an example hard is the same for both, and cancels.
        drawn = rng.choices(pairs, k=len(pairs))
        baseline_nats = sum(theirs_one[0] for _, theirs_one in drawn)
        gains.append(1 - sum(ours_one[0] for ours_one, _ in drawn) / baseline_nats if baseline_nats else -math.inf)
    gains.sort()
    return gains[int(LOWER_TAIL * RESAMPLES)]


def signed(share: float) -> str:
    """ "+3.1 %", "-31.0 %"."""
    return f"{share:+.1%}".replace("%", " %")
