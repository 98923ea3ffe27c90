"""A small linear model over a sentence: praise, complaint, or neither. Where the rules end.

The weights (data/opinion.tsv) are made by `benchmarks/feedback_model.py` and read at the first sentence;
`opinion_features.py` says what they weigh. Plain Python: a sentence takes a fraction of a millisecond, and no library
is loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from aeon_plugin_ft.dataset.feedback.opinion_features import features

KINDS = ("praise", "complaint", "none")


@dataclass(frozen=True, slots=True)
class Weights:
    """For each feature how rare it is, in hundredths of a nat (its inverse document frequency), and its weight for each
    of `KINDS` with that multiplied in, as whole numbers of `unit`; "" is the bias."""

    unit: float
    of: dict[str, tuple[int, ...]]


def opinion(text: str, reply: str | None) -> dict[str, float]:
    """The probability of each of `KINDS`."""
    weights = _weights()
    known = [row for feature in features(text, reply) if (row := weights.of.get(feature)) is not None]
    # A long sentence is no surer than a short one.
    scale = weights.unit / math.sqrt(sum((row[0] / 100) ** 2 for row in known) or 1)
    bias = weights.of[""]
    sums = [scale * sum(row[at] for row in known) + weights.unit * bias[at] for at in range(1, len(KINDS) + 1)]
    powers = [math.exp(value - max(sums)) for value in sums]
    return {kind: power / sum(powers) for kind, power in zip(KINDS, powers, strict=True)}


@lru_cache(1)
def _weights() -> Weights:
    text = files("aeon_plugin_ft.dataset.feedback").joinpath("data/opinion.tsv").read_text(encoding="utf-8")
    first, *lines = text.split("\n")
    rows = (line.split("\t") for line in lines if line)
    return Weights(float(first), {name: tuple(map(int, row)) for name, *row in rows})
