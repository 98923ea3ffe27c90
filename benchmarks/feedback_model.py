"""Makes the small model that tells praise from complaint where the rules end.

    python benchmarks/feedback_model.py            make aeon_plugin_ft/dataset/feedback/data/opinion.tsv again
    python benchmarks/feedback_model.py --folds    its F1 on the fresh development half, each fifth judged by the rest

Softmax regression over the features of `opinion_features.py`, fitted by plain gradient descent in numpy without any
chance in it, so that the same data give the same file. It sees `data/feedback_training.tsv` (sentences of our own,
written for this), the first development set and the development half of the fresh one; a correction counts as neither.
Features are weighed by how rare they are, those of one sentence are left out, and weights are rounded to whole numbers.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from feedback import rows_of
from numpy.typing import NDArray

from aeon_plugin_ft.dataset.feedback.opinion_features import features
from aeon_plugin_ft.dataset.feedback.opinion_model import KINDS

REPOSITORY = Path(__file__).parent.parent
TRAINING = Path(__file__).parent / "data" / "feedback_training.tsv"
MODEL = REPOSITORY / "aeon_plugin_ft" / "dataset" / "feedback" / "data" / "opinion.tsv"
STEPS, RATE, DECAY = 300, 10.0, 5e-5
LEAST = 1
"""A feature of no more sentences is left out."""
UNIT = 0.04
"""The weight that is 1 in the file."""

Row = tuple[str, "str | None", str]
"""Sentence, reply before it, label."""


def training_rows() -> list[Row]:
    """The sentences that no figure is quoted from."""
    lines = (line.split("\t") for line in TRAINING.read_text(encoding="utf-8").splitlines())
    written: list[Row] = [(text, reply[0] if reply else None, label) for label, text, *reply in lines]
    return written + labelled("development")


def labelled(name: str) -> list[Row]:
    """The rows of a labelled set."""
    return [(row["text"], row.get("reply"), row["label"]) for row in rows_of(name)]


@dataclass(frozen=True)
class Fitted:
    """`weights` of each feature in `names` for each kind (features + 1, kinds), the last row the bias; `rarity` of each
    feature, in nats."""

    names: list[str]
    rarity: NDArray[np.float32]
    weights: NDArray[np.float32]


def fit(rows: list[Row]) -> Fitted:
    """The model of some rows."""
    seen = [features(text, reply) for text, reply, _ in rows]
    counts = Counter(feature for one in seen for feature in one)
    names = sorted(name for name, count in counts.items() if count > LEAST)
    rarity = np.array([np.log(len(rows) / counts[name]) for name in names], np.float32)
    number = {name: at for at, name in enumerate(names)}
    # One more feature for the bias, of weight 1, in each row.
    known = [sorted(number[name] for name in one if name in number) for one in seen]
    places = [np.array([*one, len(names)], np.intp) for one in known]
    values = [np.append(_to_length_one(rarity[one]), np.float32(1)) for one in known]
    labels = np.array([KINDS.index(label) if label in KINDS else KINDS.index("none") for *_, label in rows])
    x = _Sparse(np.concatenate(places), np.concatenate(values), np.array([len(one) for one in places]), len(names) + 1)
    return Fitted(names, rarity, _descend(x, np.eye(len(KINDS), dtype=np.float32)[labels]))


def _to_length_one(row: NDArray[np.float32]) -> NDArray[np.float32]:
    return row / np.maximum(np.sqrt((row**2).sum(keepdims=True)), np.float32(1e-6))


class _Sparse:
    """A matrix of few values: `places` (columns) and `values` row by row, `lengths` of the rows. A dense one of some
    thousand sentences would take hundreds of megabytes."""

    def __init__(
        self, places: NDArray[np.intp], values: NDArray[np.float32], lengths: NDArray[np.intp], width: int
    ) -> None:
        self.places, self.values, self.width = places, values, width
        self.starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.rows = np.repeat(np.arange(len(lengths)), lengths)

    def times(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, kinds)."""
        parts = [np.add.reduceat(self.values * column[self.places], self.starts) for column in weights.T]
        return np.stack(parts, axis=1)

    def transposed_times(self, error: NDArray[np.float32]) -> NDArray[np.float32]:
        """(width, kinds)."""
        parts = [np.bincount(self.places, self.values * column[self.rows], self.width) for column in error.T]
        return np.stack(parts, axis=1).astype(np.float32)


def _descend(x: _Sparse, y: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.zeros((x.width, y.shape[1]), np.float32)
    speed = np.zeros_like(weights)
    for _ in range(STEPS):
        scores = x.times(weights)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = powers / powers.sum(axis=1, keepdims=True) - y
        speed = 0.9 * speed - RATE * (x.transposed_times(error) / len(y) + DECAY * weights)
        weights += speed
    return weights


def write(model: Fitted) -> int:
    """The file; features that weigh nothing are left out. The number of those that are left."""
    weights = np.rint(model.weights[:-1] * model.rarity[:, None] / UNIT).astype(int)
    rarity = np.rint(model.rarity * 100).astype(int)
    rows = [("", 0, np.rint(model.weights[-1] / UNIT).astype(int))]
    rows += [(name, rare, row) for name, rare, row in zip(model.names, rarity, weights, strict=True) if np.any(row)]
    lines = [str(UNIT), *("\t".join([name, str(rare), *map(str, row)]) for name, rare, row in rows)]
    MODEL.parent.mkdir(exist_ok=True)
    MODEL.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return len(rows) - 1


def folds() -> None:
    """Each fifth of the fresh development half judged by a model of everything else."""
    rows, judged = labelled("fresh-development"), []
    for fold in range(5):
        model = fit(training_rows() + [row for at, row in enumerate(rows) if at % 5 != fold])
        number = {name: at for at, name in enumerate(model.names)}
        for text, reply, label in rows[fold::5]:
            known = [number[one] for one in features(text, reply) if one in number]
            rare = model.rarity[known]
            scores = rare @ model.weights[known] / max(1e-6, float(np.sqrt(rare @ rare))) + model.weights[-1]
            powers = np.exp(scores - scores.max())
            judged.append((text, label, powers / powers.sum()))
    for most in (0.4, 0.5, 0.6, 0.7, 0.8):
        line = []
        for at, kind in enumerate(KINDS[:2]):
            said = [label for _, label, share in judged if share[at] > most and share.argmax() == at]
            there = sum(label == kind for _, label, _ in judged)
            line.append(f"{kind} P {said.count(kind) / max(1, len(said)):.3f} R {said.count(kind) / there:.3f}")
        print(f"above {most}: " + ", ".join(line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", action="store_true", help="judge the fresh development half by fifths")
    if parser.parse_args().folds:
        folds()
        return
    count = write(fit(training_rows() + labelled("fresh-development")))
    print(f"{count} features, {MODEL.stat().st_size / 1e3:.0f} kB in {MODEL.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    sys.exit(main())
