"""The gate accepts a truly better model and refuses everything else, with the reason."""

from __future__ import annotations

import random

import pytest

from aeon_plugin_ft.evaluation.gate import gain_lower_bound, gate
from aeon_plugin_ft.evaluation.model import HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.suites import Answer, SuiteResult
from aeon_plugin_ft.settings import GateSection


def loss(model: str, mean: float, noise: float = 0.3, count: int = 40, seed: int = 1) -> HeldoutLoss:
    rng = random.Random(seed)
    return HeldoutLoss(model, tuple((20 * max(0.01, rng.gauss(mean, noise)), 20) for _ in range(count)))


def suite(tools: float = 0.5, faulty: float = 0.1, fault: str = "does not stop") -> SuiteResult:
    return SuiteResult((Answer("oi", "x", (fault,)),), tools, faulty, 0.5)


def judge(
    losses: dict[str, HeldoutLoss], suites: dict[str, SuiteResult] | None = None, current: str = "base"
) -> Verdict:
    suites = {name: suite() for name in losses} if suites is None else suites
    return gate(losses, suites, GateSection(), candidate="v0002", current=current)


def refused(verdict: Verdict, check: str) -> str:
    failed = {c.name: c.detail for c in verdict.checks if not c.passed}
    assert not verdict.accepted
    assert check in failed, failed
    return failed[check]


def test_a_truly_better_model_is_accepted() -> None:
    verdict = judge({"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)})
    assert verdict.accepted, verdict.reasons
    assert verdict.numbers["gain.base"] == pytest.approx(1 / 3, abs=0.05)


def test_identical_weights_are_refused() -> None:
    refused(judge({"base": loss("base", 3.0), "v0002": loss("v0002", 3.0)}), "held-out loss against base")


def test_a_gain_within_the_noise_is_refused() -> None:
    noisy = judge({"base": loss("base", 3.0, 2.0, 10, seed=1), "v0002": loss("v0002", 2.9, 2.0, 10, seed=2)})
    assert "sure of" in refused(noisy, "held-out loss against base")


def test_better_than_base_but_worse_than_current_is_refused() -> None:
    losses = {"base": loss("base", 3.0), "v0001": loss("v0001", 1.5), "v0002": loss("v0002", 2.0)}
    refused(judge(losses, current="v0001"), "held-out loss against v0001")


def test_an_empty_heldout_set_is_refused() -> None:
    empty = {name: HeldoutLoss(name, ()) for name in ("base", "v0002")}
    assert "0 held-out examples" in refused(judge(empty), "held-out set")


def test_a_model_that_was_not_measured_is_refused() -> None:
    refused(judge({"v0002": loss("v0002", 2.0)}), "held-out loss against base")
    refused(judge({"base": loss("base", 3.0)}), "held-out set")


def test_a_loss_that_is_not_a_number_is_refused() -> None:
    broken = HeldoutLoss("v0002", ((float("nan"), 20),) * 40)
    refused(judge({"base": loss("base", 3.0), "v0002": broken}), "held-out set")


def test_suites_that_did_not_run_are_refused() -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    refused(judge(losses, {}), "tool calls")
    refused(judge(losses, {"base": suite()}), "replies")


def test_a_breaker_of_tool_calls_is_refused() -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    broken = judge(losses, {"base": suite(tools=0.75), "v0002": suite(tools=0.5)})
    assert "50%" in refused(broken, "tool calls")


def test_faulty_replies_are_refused_and_named() -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    broken = judge(losses, {"base": suite(), "v0002": suite(faulty=0.6, fault="is not Portuguese")})
    assert "is not Portuguese" in refused(broken, "replies")


def test_a_poor_base_does_not_excuse_a_candidate_that_is_mostly_broken() -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    refused(judge(losses, {"base": suite(faulty=0.9), "v0002": suite(faulty=0.8)}), "replies")


def test_the_lower_bound_is_below_the_gain_and_repeats() -> None:
    ours, theirs = loss("v", 2.0, seed=3), loss("b", 3.0, seed=4)
    low = gain_lower_bound(ours, theirs)
    assert 0 < low < 1 - ours.mean / theirs.mean
    assert low == gain_lower_bound(ours, theirs)
