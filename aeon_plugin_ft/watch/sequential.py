"""A test that may be looked at after every turn: has this model become worse than the one before it?

Made for tens of turns a day. Each signal (a failed call, a faulty reply, a complaint, ...) is a yes or no a
turn. Against "the rate is at most r" the e-process is a mixture of likelihood ratios over all higher rates
(the method of mixtures; Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference", 2023):
a non-negative supermartingale that starts at 1, so by Ville's inequality it ever reaches 1/alpha with
probability alpha at most, however often one looks. Weighted means of e-processes are e-processes, whatever
the dependence between the signals.

r comes from the record of the model before: the upper end of a 90 % Wilson interval of its rate, with a small
prior for where there is no record yet. So the guarantee is conditional on that limit; the simulated rates of
false and missed alarms are held by tests/watch/test_sequential.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from aeon_plugin_ft.causes import Cause

ALPHA = 0.05
"""Chance of ever alarming about a model that is no worse than its reference."""
FIRST_SHARE = 0.8
"""Of ALPHA, spent on the first stretch; each later stretch gets half of what is left, so the sum stays below it."""
STRETCH = 200
"""Turns after which the evidence starts anew: a thousand good turns must not hide that it is bad now."""
GRID = 24
"""Rates that the mixture bets on."""
Z_UPPER = 1.2816
"""Normal quantile of the reference's upper limit: 90 %, one-sided."""
PRIOR_TURNS = 20


class SignalName(Cause):
    """What may go wrong with a reply."""

    FAILED = "failed"
    """The model did not answer, and something else had to."""
    FAULTY = "faulty"
    UNHAPPY = "unhappy"
    """The owner complained or corrected it."""
    SLOW = "slow"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Signal:
    """`usual` is the rate assumed where nothing is known, `weight` the share of the bets on this signal."""

    name: SignalName
    usual: float
    weight: float


SIGNALS = (
    Signal(SignalName.FAILED, 0.02, 0.25),
    Signal(SignalName.FAULTY, 0.10, 0.30),
    Signal(SignalName.UNHAPPY, 0.08, 0.25),
    Signal(SignalName.SLOW, 0.05, 0.10),
    Signal(SignalName.LONG, 0.05, 0.10),
)


@dataclass(frozen=True, slots=True)
class Count:
    """`bad` of `turns`."""

    bad: int = 0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Assessment:
    """`evidence` is the e-value and `needed` what it takes to alarm. `worst` names the signal that weighs most,
    `rate` its rate now and `limit` the highest that the reference allows."""

    evidence: float
    needed: float
    worst: SignalName
    rate: float
    limit: float

    @property
    def degraded(self) -> bool:
        """Whether the evidence is enough to say that the model is worse."""
        return self.evidence >= self.needed


def assess(now: Mapping[SignalName, Count], before: Mapping[SignalName, Count], stretch: int = 0) -> Assessment:
    """The evidence that `now` (this stretch's counts, by signal) is worse than `before` (the reference's)."""
    total, weighed = 0.0, []
    for signal in SIGNALS:
        seen, limit = now.get(signal.name, Count()), upper_rate(before.get(signal.name, Count()), signal.usual)
        value = e_value(seen, limit)
        # The weights sum to one, so the total is an e-process like its parts.
        total += signal.weight * value
        weighed.append((signal.weight * value, signal.name, seen.bad / max(1, seen.turns), limit))
    _, worst, rate, limit = max(weighed)
    return Assessment(total, 1 / alpha_of(stretch), worst, rate, limit)


def alpha_of(stretch: int) -> float:
    """What may be spent on the n-th stretch, from 0."""
    # 0.8 + 0.1 + 0.05 + ... of ALPHA: all stretches together never spend more than it.
    return ALPHA * FIRST_SHARE if stretch == 0 else ALPHA * (1 - FIRST_SHARE) * 0.5**stretch


def e_value(seen: Count, limit: float) -> float:
    """Evidence against "the rate is at most `limit`": the mean likelihood ratio of GRID higher rates."""
    # No evidence either way: an e-value of 1 is what the bets began with.
    if not seen.turns or limit >= 1:
        return 1.0
    good = seen.turns - seen.bad
    logs = []
    for step in range(GRID):
        # The middles of equal steps above the limit; at the ends a logarithm would be infinite.
        rate = limit + (1 - limit) * (step + 0.5) / GRID
        logs.append(seen.bad * math.log(rate / limit) + good * math.log((1 - rate) / (1 - limit)))
    # e^710 is more than a float holds; far below that it is an alarm anyway.
    return sum(math.exp(min(log, 600.0)) for log in logs) / GRID


def upper_rate(seen: Count, usual: float) -> float:
    """The highest rate that the record leaves plausible (Wilson's upper limit), with PRIOR_TURNS turns of `usual`."""
    turns = seen.turns + PRIOR_TURNS
    share = (seen.bad + usual * PRIOR_TURNS) / turns
    z2 = Z_UPPER**2
    middle = share + z2 / (2 * turns)
    spread = Z_UPPER * math.sqrt(share * (1 - share) / turns + z2 / (4 * turns**2))
    return min(0.999, (middle + spread) / (1 + z2 / turns))
