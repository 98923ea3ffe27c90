"""What was measured about a candidate, and the gate's decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeldoutLoss:
    """Loss of one model on the held-out split, nats per supervised token.

    `per_example` pairs (summed nats, supervised tokens) in the order of heldout.jsonl, so that two models
    are compared example by example.
    """

    model: str
    per_example: tuple[tuple[float, int], ...]

    @property
    def mean(self) -> float:
        tokens = sum(count for _, count in self.per_example)
        return sum(nats for nats, _ in self.per_example) / tokens if tokens else float("nan")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the gate looked at: its name, whether it passed, and a sentence with the numbers."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision with every number it rests on. A missing measurement is a failed check."""

    accepted: bool
    checks: tuple[Check, ...]
    numbers: dict[str, float]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was refused; empty when accepted."""
        return tuple(check.detail for check in self.checks if not check.passed)
