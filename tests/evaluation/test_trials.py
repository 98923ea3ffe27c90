"""The gate over seeded trials: no bad candidate gets through, and nearly every good one does."""

from __future__ import annotations

import os

import pytest

from tests.evaluation.trials import BAD, Trial, hopeless

UNLIKE = {"offline backend", "empty held-out set", "breaks tool calls"}
"""Not about the base, or about what a base that never makes a call has none of to lose."""
TRIALS = int(os.environ.get("AEON_FT_TRIALS", "20"))
"""Seeds a kind of candidate; more for a measurement by hand."""


@pytest.mark.parametrize("kind", BAD)
def test_no_bad_candidate_is_accepted_and_the_reason_is_named(kind: str) -> None:
    changes, said = BAD[kind]
    for seed in range(TRIALS):
        verdict = Trial(seed, **changes).verdict()  # type: ignore[arg-type]
        assert not verdict.accepted, (seed, verdict)
        assert any(said in reason for reason in verdict.reasons), (seed, verdict.reasons)


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind not in UNLIKE])
def test_a_poor_base_excuses_none_of_them(kind: str) -> None:
    """The 135M base itself is faulty in nine of ten replies."""
    for seed in range(TRIALS):
        assert not Trial(seed, base_talk=hopeless, **BAD[kind][0]).verdict().accepted, seed  # type: ignore[arg-type]


@pytest.mark.parametrize("gain", [0.08, 0.25])
def test_nearly_every_good_candidate_is_accepted(gain: float) -> None:
    verdicts = [Trial(1000 + seed, gain=gain).verdict() for seed in range(TRIALS)]
    refused = [verdict.reasons for verdict in verdicts if not verdict.accepted]
    assert len(refused) <= TRIALS // 10, refused


def test_a_good_candidate_on_a_poor_base_is_accepted() -> None:
    refused = [s for s in range(TRIALS) if not Trial(2000 + s, base_talk=hopeless).verdict().accepted]
    assert len(refused) <= TRIALS // 10, refused
