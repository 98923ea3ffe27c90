"""The gate accepts a truly better model and refuses everything else, with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aeon_plugin_ft.causes import Refusal
from aeon_plugin_ft.evaluation.loss_checks import gain_lower_bound
from aeon_plugin_ft.evaluation.model import CheckKind, HeldoutLoss, Verdict, read_check
from aeon_plugin_ft.evaluation.secrets import SecretsResult
from aeon_plugin_ft.evaluation.suites import LANGUAGE, NONSENSE, Answer, SuiteResult
from aeon_plugin_ft.settings import GateSection
from tests.evaluation.measurements import BETTER, judge, loss, suite, worse


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
    found = judge({"base": loss("base", 3.0), "v0002": loss("v0002", 3.0)})
    assert "no effect" in refused(found, "held-out loss against base")


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


@pytest.mark.parametrize("before", [0.0, 0.3, 0.9])
def test_one_faulty_reply_in_ten_is_the_floor_whatever_answered_before(before: float) -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    held = judge(losses, {"base": suite(faulty=before), "v0002": suite(faulty=0.10)})
    assert held.accepted, held.reasons
    assert "10% is allowed" in refused(
        judge(losses, {"base": suite(faulty=before), "v0002": suite(faulty=0.15)}), "replies"
    )


def test_the_floor_is_a_setting_and_without_it_the_baseline_still_counts() -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    no_floor = GateSection(max_faulty=1.0)
    assert judge(losses, {"base": suite(faulty=0.9), "v0002": suite(faulty=0.9)}, settings=no_floor).accepted
    refused(judge(losses, {"base": suite(faulty=0.1), "v0002": suite(faulty=0.3)}, settings=no_floor), "replies")


def test_nonsense_is_refused_whatever_the_base_says() -> None:
    losses = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}
    salad = replace(suite(), nonsense=0.2)
    assert "make no sense" in refused(judge(losses, {"base": salad, "v0002": salad}), "sense")
    frequent = SuiteResult(tuple(Answer("oi", "x", (NONSENSE,) if n < 8 else ()) for n in range(20)), 0.5, 0.4, 0.5)
    assert Refusal.NONSENSE in judge(losses, {"base": suite(), "v0002": frequent}).refusals


def test_checks_of_other_releases_are_read() -> None:
    later = read_check({"kind": "taste", "passed": False, "detail": "x", "refusal": "bland", "against": ""})
    assert (later.kind, later.refusal) == (CheckKind.UNKNOWN, Refusal.OTHER)
    sense = {"kind": "sense", "passed": False, "detail": "x", "refusal": "nonsense"}
    assert (read_check(sense).kind, read_check(sense).refusal) == (CheckKind.SENSE, Refusal.NONSENSE)


def test_the_lower_bound_is_below_the_gain_and_repeats() -> None:
    ours, theirs = loss("v", 2.0, seed=3), loss("b", 3.0, seed=4)
    low = gain_lower_bound(ours, theirs)
    assert 0 < low < 1 - ours.mean / theirs.mean
    assert low == gain_lower_bound(ours, theirs)


def test_replies_that_do_not_fit_their_questions_are_refused() -> None:
    """Trained on shuffled replies: the style is learnt, so the loss falls; the questions no longer matter."""
    mismatched = {**worse({"base": BETTER["base"]}, 0.5), **worse({"v0002": BETTER["v0002"]}, 0.3)}
    assert "0.30 nats" in refused(judge(BETTER, mismatched=mismatched), "replies fit their questions")
    assert judge(BETTER, mismatched=worse(BETTER, 0.3)).accepted
    refused(judge(BETTER, mismatched={}), "replies fit their questions")


def test_a_model_that_forgot_plain_portuguese_is_refused() -> None:
    general = {"base": loss("base", 2.0), "v0002": loss("v0002", 2.6)}
    assert "+" in refused(judge(BETTER, general=general), "general knowledge")
    refused(judge(BETTER, general={}), "general knowledge")
    refused(judge(BETTER, general={"base": loss("base", 2.0)}), "general knowledge")


def test_a_model_that_gives_away_a_secret_is_refused() -> None:
    assert "CPF" in refused(judge(BETTER, secrets=SecretsResult(7, 1, ("CPF",))), "secrets")
    refused(judge(BETTER, secrets=None), "secrets")
    refused(judge(BETTER, secrets=SecretsResult(0, 0, ())), "secrets")


def test_what_kept_a_suite_from_running_is_named() -> None:
    missing = {"v0002": "ollama does not answer at http://127.0.0.1:11434"}
    found = judge(BETTER, {"base": suite()}, missing=missing)
    assert all("does not answer" in refused(found, name) for name in ("tool calls", "replies", "kinds of fault"))


def test_a_base_that_never_stops_does_not_excuse_answers_in_english() -> None:
    poor = SuiteResult(tuple(Answer("oi", "x", ("does not stop",)) for _ in range(20)), 0.5, 1.0, 0.5)
    english = SuiteResult(tuple(Answer("oi", "x", (LANGUAGE,) if n < 14 else ()) for n in range(20)), 0.5, 0.7, 0.5)
    assert LANGUAGE in refused(judge(BETTER, {"base": poor, "v0002": english}), "kinds of fault")
