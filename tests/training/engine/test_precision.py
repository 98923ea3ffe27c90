"""The type that a model is computed in is the one in which this processor multiplies faster, by measurement."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
import torch
from transformers import LlamaConfig

from aeon_plugin_ft.training.engine import precision
from aeon_plugin_ft.training.engine.precision import compute_type

LARGE = LlamaConfig(hidden_size=640, intermediate_size=2048)
SMALL = LlamaConfig(hidden_size=64, intermediate_size=128)


def ticking(monkeypatch: pytest.MonkeyPatch, seconds: dict[torch.dtype, float]) -> Callable[[], float]:
    """A clock on which a product takes as long as `seconds` says, and each product on it is recorded."""
    now = [0.0]

    def linear(rows: torch.Tensor, weight: torch.Tensor) -> None:
        now[0] += seconds[rows.dtype]

    monkeypatch.setattr(precision.torch.nn.functional, "linear", linear)
    return lambda: now[0]


@pytest.mark.parametrize(
    ("fp32", "bf16", "chosen"),
    [(4.0, 1.0, torch.bfloat16), (1.5, 1.0, torch.bfloat16), (1.2, 1.0, torch.float32), (1.0, 6.0, torch.float32)],
)
def test_bf16_is_taken_where_it_is_clearly_faster(
    monkeypatch: pytest.MonkeyPatch, fp32: float, bf16: float, chosen: torch.dtype
) -> None:
    clock = ticking(monkeypatch, {torch.float32: fp32, torch.bfloat16: bf16})
    assert compute_type(LARGE, "cpu", clock) is chosen


def test_small_models_and_other_devices_are_not_measured() -> None:
    def never() -> float:
        raise AssertionError("nothing is to be measured")

    assert compute_type(SMALL, "cpu", never) is torch.float32
    assert compute_type(LARGE, "mps", never) is torch.float32


def test_one_slow_product_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program takes the processor for a moment: the shortest of several counts."""
    now, calls = [0.0], count()

    def linear(rows: torch.Tensor, weight: torch.Tensor) -> None:
        now[0] += 50.0 if next(calls) % 3 == 0 else {torch.float32: 1.0, torch.bfloat16: 3.0}[rows.dtype]

    monkeypatch.setattr(precision.torch.nn.functional, "linear", linear)
    assert compute_type(LARGE, "cpu", lambda: now[0]) is torch.float32


def test_the_products_are_really_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[torch.dtype, tuple[int, ...]]] = []
    real = torch.nn.functional.linear

    def linear(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        product = real(rows, weight)
        made.append((product.dtype, tuple(product.shape)))
        return product

    monkeypatch.setattr(precision.torch.nn.functional, "linear", linear)
    assert compute_type(LARGE, "cpu") in {torch.float32, torch.bfloat16}
    assert {dtype for dtype, _ in made} == {torch.float32, torch.bfloat16}
    assert {shape for _, shape in made} == {(precision.TOKENS, 2048)}
