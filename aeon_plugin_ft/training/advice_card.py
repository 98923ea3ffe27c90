"""What training a base takes on a graphics card, by arithmetic from its shape and from what a probe measured.

Torch-free. The shares are those of an H100 (docs/training.md). A step of an 8B in bf16 reaches 0.45 of the rate of bare
products; where models are small, calling a layer's kernels is what takes time: 3 ms, both ways, and 25 ms where its
weights are decoded from the file's own form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.training.advice import ModelShape

SHARE = 0.45
LAYER_SECONDS, DECODED_LAYER_SECONDS = 0.003, 0.025
WEIGHTS_SHARE = 0.75
"""Of the card's free memory may be taken by a whole base in bf16; a larger one stays in its file's own form."""
FOUR_BITS, IN_FILE = 0.52, 0.61
"""Bytes of a weight in NF4 with its scales (https://arxiv.org/abs/2305.14314), and in the mix of types of Q4_K_M."""
CONTEXT_BYTES = 600_000_000
"""CUDA itself, PyTorch's kernels and their libraries, and what the allocator cannot use of what it has."""
DECODING_BYTES = 1_100_000_000
"""What a layer at a time takes beside: a decoded layer, blocks of the head, inputs in fp32."""


class CardForm(str, Enum):
    """How a base is kept on a card."""

    WHOLE = "on the card"
    AS_FILED = "on the card, in its file's form"
    FOUR_BITS = "on the card, in 4 bits"


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card: `memory` bytes are free, `rate` floating-point operations a second in the type of `width` bytes
    that it computes in, `bandwidth` bytes a second to and from its memory."""

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


def form_on(shape: ModelShape, card: Card, *, four_bits: bool) -> CardForm:
    """How a training would keep it; `four_bits`: [train] quantize says so."""
    if four_bits:
        return CardForm.FOUR_BITS
    whole = card.width * shape.parameters <= WEIGHTS_SHARE * card.memory
    return CardForm.WHOLE if whole else CardForm.AS_FILED


def card_bytes(shape: ModelShape, card: Card, form: CardForm, tokens: int, rank: int) -> int:
    """The least that a run of steps of `tokens` takes: layers keep their inputs alone, and are computed again."""
    inside = shape.layers * shape.layer
    # The adapter, its gradient and AdamW's two moments in fp32, and the copies to compute with.
    adapter = (16 + 2 * card.width) * rank * shape.adapter
    if form is CardForm.AS_FILED:
        # Layers come from the machine's memory where the card has no room for them.
        return CONTEXT_BYTES + DECODING_BYTES + round(IN_FILE * (shape.outside + 4 * shape.layer)) + adapter
    if form is CardForm.WHOLE:
        weights = card.width * (inside + shape.outside)
    else:
        # The table of words stays in the machine's memory, where it is not the head as well.
        weights = round(FOUR_BITS * inside) + card.width * shape.head
    inputs = card.width * shape.layers * tokens * shape.width
    work = card.width * (tokens * (6 * shape.inner + 12 * shape.width) + 2 * shape.inner * shape.width)
    return CONTEXT_BYTES + weights + inputs + work + adapter


def card_seconds(shape: ModelShape, card: Card, form: CardForm, tokens: int, scored: int) -> float:
    """One step of so many tokens, of which so many are scored."""
    inside = shape.layers * shape.layer
    head = 4.0 * scored * shape.head
    if form is CardForm.AS_FILED:
        return max((6.0 * inside * tokens + head) / (SHARE * card.rate), DECODED_LAYER_SECONDS * shape.layers)
    products = (4.0 * inside * tokens + head) / (SHARE * card.rate)
    # In 4 bits each matrix is written and read once more, both ways, and once again where a layer is computed again.
    decoded = 6.0 * card.width * inside / card.bandwidth if form is CardForm.FOUR_BITS else 0.0
    return max(products + decoded, LAYER_SECONDS * shape.layers)
