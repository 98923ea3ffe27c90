"""Losses, suites and exams as numbers, and the gate's verdict on them."""

from __future__ import annotations

import random
from typing import Any

from aeon_plugin_ft.evaluation.exam import ExamAnswer, ExamResult, Mark
from aeon_plugin_ft.evaluation.gate import gate
from aeon_plugin_ft.evaluation.model import HeldoutLoss, Verdict
from aeon_plugin_ft.evaluation.secrets import SecretsResult
from aeon_plugin_ft.evaluation.suites import Answer, SuiteResult
from aeon_plugin_ft.settings import GateSection


def loss(model: str, mean: float, noise: float = 0.3, count: int = 40, seed: int = 1) -> HeldoutLoss:
    rng = random.Random(seed)
    return HeldoutLoss(model, tuple((20 * max(0.01, rng.gauss(mean, noise)), 20) for _ in range(count)))


def suite(tools: float = 0.5, faulty: float = 0.1, fault: str = "does not stop") -> SuiteResult:
    return SuiteResult((Answer("oi", "x", (fault,)),), tools, faulty, 0.5)


def worse(losses: dict[str, HeldoutLoss], nats: float) -> dict[str, HeldoutLoss]:
    """The same examples, each less likely by `nats` a token."""
    return {
        name: HeldoutLoss(name, tuple((total + nats * count, count) for total, count in found.per_example))
        for name, found in losses.items()
    }


ELSE: dict[str, Any] = {"secrets": SecretsResult(6, 0, ())}


def judge(
    losses: dict[str, HeldoutLoss],
    suites: dict[str, SuiteResult] | None = None,
    current: str = "base",
    **changes: Any,
) -> Verdict:
    suites = {name: suite() for name in losses} if suites is None else suites
    more = {"mismatched": worse(losses, 0.5), "general": losses, **ELSE, **changes}
    settings = more.pop("settings", GateSection())
    return gate(losses, suites, settings, candidate="v0002", current=current, **more)


BETTER = {"base": loss("base", 3.0), "v0002": loss("v0002", 2.0)}


def result(right: int, told: int = 50, invented: int = 0, untold: int = 10) -> ExamResult:
    marks = [(True, Mark.RIGHT if n < right else Mark.WRONG) for n in range(told)]
    marks += [(False, Mark.INVENTED if n < invented else Mark.UNSURE) for n in range(untold)]
    answers = (ExamAnswer(f"q{n}", ("f",) if told else (), "r", mark) for n, (told, mark) in enumerate(marks))
    return ExamResult(tuple(answers))
