"""The owner chooses between two models' replies without knowing whose they are; table `choices`.

Only hashes of the questions are kept, so nothing has to be forgotten here.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aeon_plugin_ft.store import Store

TIE = "tie"


@dataclass(frozen=True, slots=True)
class Pair:
    """One question; `left` and `right` are (model, reply) in the order in which they are shown."""

    question: str
    left: tuple[str, str]
    right: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each was chosen. `chance`: how likely a split at least this uneven is if both were equally good
    (two-sided sign test, ties left out)."""

    first: int
    second: int
    ties: int

    @property
    def chance(self) -> float:
        """Likelihood of a split at least this uneven if both were equally good, 0 to 1; 1.0 before the first choice."""
        total, best = self.first + self.second, max(self.first, self.second)
        tail = float(sum(math.comb(total, k) for k in range(best, total + 1))) / 2.0**total
        return min(1.0, 2 * tail)


def shuffled(
    questions: Sequence[str], first: str, second: str, replies: Mapping[str, Sequence[str]], rng: random.Random
) -> Iterator[Pair]:
    """Every question on which the two say something different, sides at random."""
    for question, one, other in zip(questions, replies[first], replies[second], strict=True):
        # Nothing to choose between; a tie would only be noise.
        if one.strip() == other.strip():
            continue
        sides = [(first, one), (second, other)]
        rng.shuffle(sides)
        yield Pair(question, sides[0], sides[1])


def choose(store: Store, pair: Pair, first: str, second: str, winner: str) -> None:
    """Keep a choice; `winner` is a model's name or TIE."""
    question = hashlib.sha256(pair.question.encode()).hexdigest()[:16]
    store.execute(
        "INSERT INTO choices (at, question, first, second, winner) VALUES (?, ?, ?, ?, ?)",
        store.clock(), question, first, second, winner,
    )  # fmt: skip


def tally(store: Store, first: str, second: str) -> Tally:
    """Every choice ever made between the two, whichever was named first."""
    rows = store.rows(
        "SELECT winner, count(*) AS n FROM choices WHERE (first = ? AND second = ?) OR (first = ? AND second = ?)"
        " GROUP BY winner",
        first, second, second, first,
    )  # fmt: skip
    chosen = {row["winner"]: int(row["n"]) for row in rows}
    return Tally(chosen.get(first, 0), chosen.get(second, 0), chosen.get(TIE, 0))
