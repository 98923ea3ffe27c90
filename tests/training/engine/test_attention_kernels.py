"""Attention's way back by products in bf16 is as right as bf16 can be, however sharp the attention is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.flat import kernels
from aeon_plugin_ft.training.engine.flat.kernels import FlashOnProcessor, NarrowOnProcessor, Plain

ROUNDED = 0.02
"""Of a gradient, relative: bf16 has 8 bits, and each gradient is made of two rounded matrices."""


def gradients(
    kernel: FlashOnProcessor | Plain, given: tuple[Tensor, ...], dtype: torch.dtype, *, causal: bool
) -> list[Tensor]:
    grad, query, key, value = (one.to(dtype) for one in given)
    output, lse = kernel.forward(query, key, value, causal=causal)
    return [one.float() for one in kernel.backward(grad, query, key, value, output, lse, causal=causal)]


def numbers(batch: int, heads: int, queries: int, keys: int, sharp: float = 1.0) -> tuple[Tensor, ...]:
    """(grad, query, key, value), all of which bf16 can hold."""
    made = torch.Generator().manual_seed(queries)
    counts = (queries, queries, keys, keys)
    grad, query, key, value = (
        torch.randn(batch, count, heads, 64, generator=made).transpose(1, 2).bfloat16().float() for count in counts
    )
    return grad, (query * sharp).bfloat16().float(), key, value


@pytest.mark.parametrize("sharp", [1.0, 8.0])
@pytest.mark.parametrize(
    ("batch", "heads", "queries", "keys", "causal"),
    [(1, 2, 1100, 1100, True), (3, 4, 67, 67, True), (1, 2, 300, 150, False), (1, 1, 1, 1, True)],
    ids=["several parts", "a batch", "folded", "one token"],
)
def test_gradients_are_those_of_fp32_but_for_rounding(
    batch: int, heads: int, queries: int, keys: int, causal: bool, sharp: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With scores of up to 47 too: rounded before anything is subtracted, they would be off by up to an eighth."""
    monkeypatch.setattr(kernels, "PART_BYTES", 1)  # a head at a time
    given = numbers(batch, heads, queries, keys, sharp)
    right = gradients(Plain(0.125), given, torch.float32, causal=causal)
    made = gradients(NarrowOnProcessor(0.125), given, torch.bfloat16, causal=causal)
    for one, wanted in zip(made, right, strict=True):
        assert one.shape == wanted.shape
        assert (one - wanted).norm() <= ROUNDED * wanted.norm() + 1e-6


def test_parts_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    given = numbers(1, 3, 90, 90)
    whole = gradients(NarrowOnProcessor(0.125), given, torch.float32, causal=True)
    monkeypatch.setattr(kernels, "CAUSAL_ROWS", 32)
    monkeypatch.setattr(kernels, "PART_BYTES", 4 * 32 * 90 * 2)  # two heads at a time
    parts = gradients(NarrowOnProcessor(0.125), given, torch.float32, causal=True)
    for one, wanted in zip(parts, whole, strict=True):
        assert torch.allclose(one, wanted, rtol=1e-5, atol=1e-6)
