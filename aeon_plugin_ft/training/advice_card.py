"""What training a base takes on a graphics card, by arithmetic from its shape and from what a probe measured.

Torch-free. The shares are those of an H100 (docs/training.md): a step of an 8B reaches 0.45 of the rate of bare
products, and a step of a 1B is bound by the 3 ms that calling a layer's kernels takes, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.training.advice import ModelShape

SHARE = 0.45
LAYER_SECONDS = 0.003
"""The least that a layer takes in a step: its kernels are called one by one."""
FOUR_BITS = 0.52
"""Bytes of a weight in NF4 with its scales (https://arxiv.org/abs/2305.14314, double quantisation)."""
CONTEXT_BYTES = 600_000_000
"""CUDA itself, PyTorch's kernels and their libraries, and what the allocator cannot use of what it has."""


class CardForm(str, Enum):
    """How a base is kept on a card."""

    WHOLE = "on the card"
    FOUR_BITS = "on the card, in 4 bits"


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card: `memory` bytes are free, `rate` floating-point operations a second in bf16 (fp32 where it
    computes in no bf16, `width` 4), `bandwidth` bytes a second to and from its memory."""

    name: str
    memory: int
    rate: float
    bandwidth: float
    width: int = 2

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> Card:
        """As `training.worker.rates` tells it."""
        return cls(
            str(measured["name"]), int(measured["memory"]), float(measured["rate"]), float(measured["bandwidth"]),
            int(measured["width"]),
        )  # fmt: skip


def form_on(shape: ModelShape, card: Card, tokens: int, rank: int) -> tuple[CardForm, int]:
    """(how a base is kept so that it fits, the bytes that a run of steps of `tokens` takes); 4 bits where neither
    fits."""
    whole = card_bytes(shape, card, CardForm.WHOLE, tokens, rank)
    if whole <= card.memory:
        return CardForm.WHOLE, whole
    return CardForm.FOUR_BITS, card_bytes(shape, card, CardForm.FOUR_BITS, tokens, rank)


def card_bytes(shape: ModelShape, card: Card, form: CardForm, tokens: int, rank: int) -> int:
    """The least that a run takes: layers keep their inputs alone, and are computed again."""
    inside = shape.layers * shape.layer
    if form is CardForm.WHOLE:
        weights = card.width * (inside + shape.outside)
    else:
        # The table of words stays in the machine's memory, where it is not the head as well.
        weights = round(FOUR_BITS * inside) + card.width * shape.head
    inputs = card.width * shape.layers * tokens * shape.width
    work = card.width * (tokens * (6 * shape.inner + 12 * shape.width) + 2 * shape.inner * shape.width)
    # The adapter, its gradient and AdamW's two moments in fp32, and the copies to compute with.
    adapter = (16 + 2 * card.width) * rank * shape.adapter
    return CONTEXT_BYTES + weights + inputs + work + adapter


def card_seconds(shape: ModelShape, card: Card, form: CardForm, tokens: int, scored: int) -> float:
    """One step of so many tokens, of which so many are scored."""
    inside = shape.layers * shape.layer
    products = (4.0 * inside * tokens + 4.0 * scored * shape.head) / (SHARE * card.rate)
    # In 4 bits each matrix is written and read once more, both ways, and computed again on the way back.
    decoded = 6.0 * card.width * inside / card.bandwidth if form is CardForm.FOUR_BITS else 0.0
    return max(products + decoded, LAYER_SECONDS * shape.layers)
