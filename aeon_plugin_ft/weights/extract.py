"""The LoRA in a model that was merged: what it differs by from its base, as A and B of the lowest rank that holds it.

A merge adds scale * B @ A to each linear layer, so the difference from the base has that rank, up to the rounding of
the file's numbers. It is found by a randomised singular value decomposition (Halko, Martinsson and Tropp,
https://arxiv.org/abs/0909.4061), layer by layer and without torch. A model that differs by more than that, or in
anything but its linear layers, is refused: it is no LoRA of this base.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import BaseModelError, InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.weights.adapter import Update
from aeon_plugin_ft.weights.sources import SafetensorsSource, WeightSource

Matrix = npt.NDArray[np.float32]
RANKS = (4, 8, 16, 32, 64, 128)
ENOUGH = 0.995
"""Of a difference's squared size: a rank that holds so much of it is the adapter's, the rest is rounding."""
LEAST = 0.95
"""Below it the highest rank does not hold the difference either."""
SAME = 1e-2
"""Numbers other than those of linear layers may differ by this share of their size: bf16 keeps eight bits."""
_say = Speaker("errors/weights")


@dataclass(frozen=True, slots=True)
class Extracted:
    """`updates` by module, and the smallest share of a layer's difference that they hold."""

    updates: dict[str, Update]
    kept: float


def read_whole(source: WeightSource, name: str) -> Matrix:
    """One tensor as float32. Raises OSError, ValueError."""
    tensor = np.empty(source.shapes[name], np.float32)
    source.read_into(name, tensor)
    return tensor


def extract(merged: Path, ours: WeightSource) -> Extracted:
    """What `merged`, a Hugging Face folder, adds to its base. Raises InputFileError for one that is no merged LoRA."""
    try:
        theirs = SafetensorsSource(merged)
        updates, kept = {}, 1.0
        for module, difference in _differences(merged, theirs, ours):
            a, b, share = low_rank(difference)
            if share < LEAST:
                fits = f"{share:.0%}"
                raise _other_than_a_lora(merged, _say("brought.no_lora", module=module, rank=RANKS[-1], share=fits))
            kept = min(kept, share)
            updates[module] = Update(module, a, b, 1.0)
    except (OSError, ValueError, KeyError, TypeError, BaseModelError) as error:
        raise InputFileError(merged, *_say.error("brought.no_model", reason=error)) from error
    if not updates:
        raise InputFileError(merged, *_say.error("brought.nothing_learnt"))
    return Extracted(updates, kept)


def _differences(merged: Path, theirs: WeightSource, ours: WeightSource) -> Iterator[tuple[str, Matrix]]:
    """Module and difference of each linear layer that was changed."""
    # A head that is tied to the embeddings may stand in the one file and not in the other.
    head, before_it, in_it = {"lm_head.weight"}, set(ours.shapes), set(theirs.shapes)
    missing, more = before_it - in_it - head, in_it - before_it - head
    if missing or more:
        odd = sorted(missing or more)[0]
        raise _other_than_a_lora(merged, _say("brought.in_one_only", name=odd))
    for name in sorted(before_it & in_it):
        if ours.shapes[name] != theirs.shapes[name]:
            both = {"theirs": theirs.shapes[name], "ours": ours.shapes[name]}
            raise _other_than_a_lora(merged, _say("brought.other_shape", name=name, **both))
        before, after = read_whole(ours, name), read_whole(theirs, name)
        if not np.isfinite(after).all():
            raise InputFileError(merged, *_say.error("brought.not_finite", name=name))
        difference = after - before
        size, change = float(np.linalg.norm(before)), float(np.linalg.norm(difference))
        linear = before.ndim == 2 and name.endswith("proj.weight")
        if not linear and change > SAME * size:
            raise _other_than_a_lora(merged, _say("brought.more_changed", name=name))
        # Rounded to bf16 a layer that was not trained differs by less than a 256th, in no direction.
        if linear and change > 0 and not _is_rounding(difference, before):
            yield name.removesuffix(".weight"), difference


def _other_than_a_lora(merged: Path, why: str) -> InputFileError:
    return InputFileError(merged, why, _say("brought.as_merged"))


def _is_rounding(difference: Matrix, before: Matrix) -> bool:
    """Whether each number differs by no more than bf16 rounds it."""
    return bool((np.abs(difference) <= np.abs(before) / 256 + 1e-12).all())


def low_rank(difference: Matrix) -> tuple[Matrix, Matrix, float]:
    """(A (rank, in), B (out, rank), the share of the squared difference that B @ A holds), for the lowest rank that
    holds ENOUGH, else the highest."""
    rows, columns = difference.shape
    most = min(RANKS[-1], rows, columns)
    # Drawn the same each time: the same model must give the same adapter, and the same run.
    draw = np.random.default_rng(0).normal(size=(columns, min(columns, most + 16))).astype(np.float32)
    basis, _ = np.linalg.qr(difference @ draw)
    left, sizes, right = np.linalg.svd(basis.T @ difference, full_matrices=False)
    whole = float((difference.astype(np.float64) ** 2).sum())
    held = np.cumsum(sizes.astype(np.float64) ** 2) / whole
    rank = next((r for r in RANKS if r <= most and held[r - 1] >= ENOUGH), most)
    root = np.sqrt(sizes[:rank]).astype(np.float32)
    b = (basis @ left[:, :rank]) * root
    a = root[:, None] * right[:rank]
    return np.ascontiguousarray(a), np.ascontiguousarray(b), float(min(1.0, held[rank - 1]))
