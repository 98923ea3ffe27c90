"""The simulation behind docs/scale.md: nothing is lost, and a fair queue starves nobody."""

from __future__ import annotations

import importlib.util
import random
import sys
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def fleet() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_fleet", REPOSITORY / "benchmarks" / "fleet.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("policy", ["first", "fair"])
def test_every_run_gets_what_it_needs_and_no_more(fleet: ModuleType, policy: str) -> None:
    runs = [fleet.Run(float(n), n % 7, 100.0 + n, 100.0 + n) for n in range(50)]
    done = fleet.simulate(runs, 2, 30, policy)
    assert done.unfinished == 0 and sum(map(len, done.waits.values())) == 50
    assert done.busy == pytest.approx(sum(run.needs for run in runs))
    assert min(done.every_wait()) >= -1e-6


def test_a_run_alone_never_waits(fleet: ModuleType) -> None:
    done = fleet.simulate([fleet.Run(5.0, 1, 300.0, 300.0)], 1, 1, "fair")
    assert done.waits == {1: [pytest.approx(0.0)]}


def test_an_owner_with_thousands_of_turns_does_not_starve_those_with_a_hundred(fleet: ModuleType) -> None:
    waits = fleet.starve(fleet.BASES["8B"], 20.0)
    assert waits["fair"] < waits["first"] / 10


def test_more_cards_wait_less_and_too_few_leave_runs_over(fleet: ModuleType) -> None:
    base, rng = fleet.BASES["8B"], random.Random(1)
    runs = fleet.demand(base, fleet.turns_a_day(2000, rng), 7, 40, 20.0, rng)
    few, many = (fleet.simulate(runs, cards, 7, "fair") for cards in (1, 20))
    assert few.unfinished > many.unfinished
    assert fleet.percentile(many.every_wait(), 0.95) < fleet.percentile(few.every_wait(), 0.95)


def test_an_adapter_is_as_large_as_a_real_one(fleet: ModuleType) -> None:
    # Rank 16 on all linear layers of Llama-3.1-8B: 41.9 million numbers.
    assert fleet.BASES["8B"].adapter_gb(width=1) * 1e9 == pytest.approx(41_943_040)


def test_recent_adapters_are_found(fleet: ModuleType) -> None:
    rng = random.Random(2)
    assert fleet.hit_rate(10, 10, [1.0] * 10, 1000, rng) > 0.97
    # Each talk of five turns loads its adapter once, whoever it is.
    assert fleet.hit_rate(10_000, 1, [1.0] * 10_000, 5000, rng) == pytest.approx(0.8, abs=0.01)
