"""The sequential test: what it alarms about, how soon, and how seldom without a cause, over simulated owners."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from aeon_plugin_ft.watch.sequential import ALPHA, SIGNALS, STRETCH, Count, alpha_of, assess, e_value, upper_rate
from aeon_plugin_ft.watch.signals import TurnSignal, counts

RUNS = int(os.environ.get("AEON_FT_WATCH_RUNS", "200"))


@dataclass(frozen=True)
class Behaviour:
    """How a model does with an owner: rates a turn, seconds to the reply (median), characters (median)."""

    failed: float = 0.005
    faulty: float = 0.06
    unhappy: float = 0.05
    seconds: float = 2.0
    chars: float = 90.0

    def turns(self, rng: random.Random, count: int, version: str) -> list[TurnSignal]:
        return [self._turn(rng, number, version) for number in range(count)]

    def _turn(self, rng: random.Random, number: int, version: str) -> TurnSignal:
        said = "complaint" if rng.random() < self.unhappy else "praise" if rng.random() < 0.08 else None
        return TurnSignal(
            turn=f"{version}-{number}",
            at=float(number),
            session=str(number // 6),
            version=version,
            provider="embedded",
            failed=rng.random() < self.failed,
            faults=("is not Portuguese",) if rng.random() < self.faulty else (),
            seconds=rng.lognormvariate(math.log(self.seconds), 0.4),
            chars=int(rng.lognormvariate(math.log(self.chars), 0.6)),
            opinion=said,
        )


def some_owner(rng: random.Random) -> Behaviour:
    """Owners and base models differ; what is healthy for one is not for another."""
    return Behaviour(
        failed=rng.uniform(0, 0.02),
        faulty=rng.uniform(0, 0.15),
        unhappy=rng.uniform(0, 0.10),
        seconds=rng.uniform(0.5, 6),
        chars=rng.uniform(40, 250),
    )


DEGRADED: dict[str, Callable[[Behaviour], Behaviour]] = {
    "answers in English": lambda b: replace(b, faulty=0.85, unhappy=0.3),
    "repeats itself": lambda b: replace(b, faulty=0.7, unhappy=0.3, seconds=b.seconds * 4, chars=b.chars * 8),
    "answers wrongly": lambda b: replace(b, unhappy=0.55),
    "leaks its reasoning": lambda b: replace(b, faulty=0.95),
    "backend fails": lambda b: replace(b, failed=0.5),
    "breaks tool calls and talk": lambda b: replace(b, faulty=0.6, unhappy=0.3),
}


def first_alarm(now: list[TurnSignal], before: list[TurnSignal], step: int = 1) -> int | None:
    """After how many turns the watch goes back; None: never. It looks after every `step` turns."""
    for seen in range(step, len(now) + 1, step):
        stretch = (seen - 1) // STRETCH
        if assess(*counts(now[stretch * STRETCH : seen], before), stretch).degraded:
            return seen
    return None


def record_of(rng: random.Random, usual: Behaviour) -> list[TurnSignal]:
    """The reference: from next to nothing to months of talk."""
    return usual.turns(rng, rng.choice((15, 40, 100, 300)), "base")


def test_a_degraded_model_is_left_within_thirty_turns() -> None:
    late: list[str] = []
    for run in range(RUNS):
        rng = random.Random(run)
        usual, kind = some_owner(rng), list(DEGRADED)[run % len(DEGRADED)]
        before, now = record_of(rng, usual), DEGRADED[kind](usual).turns(rng, 30, "v0001")
        if first_alarm(now, before) is None:
            late.append(kind)
    assert len(late) <= 0.05 * RUNS, late


def test_a_healthy_model_is_hardly_ever_left() -> None:
    """As good as the one before, over its whole first stretch: at tens of turns a day, more than a week."""
    left = []
    for run in range(RUNS):
        rng = random.Random(10_000 + run)
        usual = some_owner(rng)
        if first_alarm(usual.turns(rng, STRETCH, "v0001"), record_of(rng, usual), step=5) is not None:
            left.append(run)
    assert len(left) <= 0.05 * RUNS, left


def test_a_model_that_turns_bad_after_a_long_good_time_is_left() -> None:
    rng = random.Random(5)
    usual = Behaviour()
    good, bad = usual.turns(rng, 2 * STRETCH, "v0001"), replace(usual, faulty=0.8).turns(rng, 60, "v0001")
    before = usual.turns(rng, 300, "base")
    assert first_alarm(good, before, step=20) is None
    assert first_alarm([*good, *bad], before, step=20) is not None


def test_the_bets_are_spent_once() -> None:
    assert sum(alpha_of(stretch) for stretch in range(60)) == pytest.approx(ALPHA)
    assert sum(signal.weight for signal in SIGNALS) == pytest.approx(1)


@pytest.mark.parametrize("limit", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("turns", [1, 5, 12])
def test_the_evidence_is_fair_where_nothing_changed(limit: float, turns: int) -> None:
    """Its mean is exactly 1 at the limit and no more below it: what Ville's inequality rests on."""

    def mean(rate: float) -> float:
        return sum(
            math.comb(turns, bad) * rate**bad * (1 - rate) ** (turns - bad) * e_value(Count(bad, turns), limit)
            for bad in range(turns + 1)
        )

    assert mean(limit) == pytest.approx(1)
    assert mean(limit / 2) < 1


def test_the_limit_shrinks_towards_the_record() -> None:
    limits = [upper_rate(Count(n // 10, n), 0.1) for n in (0, 30, 300, 3000)]
    assert limits == sorted(limits, reverse=True) and 0.1 < limits[-1] < 0.12
    assert e_value(Count(5, 5), 1.0) == 1.0 == e_value(Count(), 0.1)


def test_slow_is_measured_by_the_providers_own_pace() -> None:
    """A local model is slower than the cloud before it; that alone is no degradation."""
    rng = random.Random(1)
    cloud = [replace(s, provider="groq", version="base@groq") for s in Behaviour(seconds=0.5).turns(rng, 100, "b")]
    local = Behaviour(seconds=8.0).turns(rng, 60, "v0001")
    assert first_alarm(local, cloud) is None
    assert first_alarm([replace(s, seconds=45.0) for s in local], cloud) is not None


def test_praise_outweighs_a_rule() -> None:
    signal = replace(Behaviour(faulty=1.0).turns(random.Random(0), 1, "v")[0], opinion="praise")
    assert not signal.faulty and replace(signal, opinion=None).faulty
