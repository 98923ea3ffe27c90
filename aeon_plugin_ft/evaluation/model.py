"""What was measured about a candidate, and the gate's decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aeon_plugin_ft.causes import Cause, Refusal
from aeon_plugin_ft.evaluation import sentences
from aeon_plugin_ft.evaluation.sentences import Sentence


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
        """Nats per supervised token over all examples; NaN where there is none."""
        tokens = sum(count for _, count in self.per_example)
        return sum(nats for nats, _ in self.per_example) / tokens if tokens else float("nan")


class CheckKind(Cause):
    """What the gate looks at. The values stand in manifests and are shown as they are."""

    HELDOUT_SET = "held-out set"
    GAIN = "held-out loss"
    """Against one baseline; see `Check.against`."""
    FIT = "replies fit their questions"
    GENERAL = "general knowledge"
    TOOLS = "tool calls"
    REPLIES = "replies"
    FAULT_KINDS = "kinds of fault"
    SECRETS = "secrets"
    SENSE = "sense"
    """Whether its talk is Portuguese that means something."""
    EXAM = "what was told"
    INVENTION = "what was never told"
    TODAY = "what answers today"
    UNKNOWN = "a check of another release"


_KINDS = {kind.value for kind in CheckKind}
_REFUSALS = {refusal.value for refusal in Refusal}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the gate looked at. `detail` is an English sentence with the numbers, for people, and `said` the same
    for any language (sentences.py); `refusal` is why the check failed, None when it passed; `against` is the baseline
    of a check that has one of its own."""

    kind: CheckKind
    passed: bool
    detail: str
    refusal: Refusal | None = None
    against: str = ""
    said: Sentence | None = None

    @property
    def name(self) -> str:
        """For scripts: the kind, and the baseline where there is one."""
        return f"{self.kind} against {self.against}" if self.against else self.kind.value


def checked(kind: CheckKind, passed: bool, said: Sentence, refusal: Refusal | None = None, against: str = "") -> Check:
    """A check with what it found."""
    return Check(kind, passed, sentences.english(said), refusal, against, said)


def failed(kind: CheckKind, refusal: Refusal, said: Sentence, against: str = "") -> Check:
    """A check that did not pass."""
    return checked(kind, False, said, refusal, against)


def read_check(raw: Mapping[str, Any]) -> Check:
    """A check from a manifest. Those of before causes were kept have only a name, in which the baseline stood too."""
    kind, _, against = str(raw.get("kind") or raw["name"]).partition(" against ")
    refusal = raw.get("refusal") or (None if raw["passed"] else Refusal.OTHER)
    return Check(
        CheckKind(kind) if kind in _KINDS else CheckKind.UNKNOWN,
        raw["passed"],
        raw["detail"],
        # Of a later release one that is not known here: it was refused all the same.
        None if refusal is None else Refusal(refusal) if refusal in _REFUSALS else Refusal.OTHER,
        raw.get("against") or against,
        sentences.read_sentence(raw.get("said")),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's decision with every number it rests on. A missing measurement is a failed check."""

    accepted: bool
    checks: tuple[Check, ...]
    numbers: dict[str, float]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was refused, for people; empty when accepted."""
        return tuple(check.detail for check in self.checks if not check.passed)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why it was refused, in the order of `reasons`."""
        return tuple(check.refusal or Refusal.OTHER for check in self.checks if not check.passed)
