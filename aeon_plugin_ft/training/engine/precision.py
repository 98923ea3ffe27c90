"""The type that a model is computed in: what this processor is faster in, by a measurement.

bf16 has half the bytes of fp32 and, where a processor multiplies it (AVX-512 BF16, AMX), several times its speed; where
it is emulated it is several times slower, and no name tells which (a virtual machine may hide it). The adapter and its
optimizer stay in fp32 either way, and so do sums over the vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from aeon_plugin_ft.training.engine.loading import CARDS, pick_dtype

TOKENS = 512
"""Rows of the products that are timed: about what a step computes at once."""
REPEATS = 5
LEAST_GAIN = 1.5
"""bf16 is taken where the products are that much faster: less would be lost again in what lies between them."""
SMALLEST_WIDTH = 512
"""Of a hidden state. The products of smaller models are no longer than what calls them."""


def compute_type(config: Any, device: str, clock: Callable[[], float] = time.perf_counter) -> torch.dtype:
    """The type for a model of this transformers config on this device."""
    if device in CARDS:
        return pick_dtype(device)
    text = config.get_text_config()
    if device != "cpu" or text.hidden_size < SMALLEST_WIDTH:
        return torch.float32
    seconds = [
        product_seconds(text.hidden_size, text.intermediate_size, t, clock) for t in (torch.float32, torch.bfloat16)
    ]
    return torch.bfloat16 if seconds[0] >= LEAST_GAIN * seconds[1] else torch.float32


def product_seconds(inner: int, outer: int, dtype: torch.dtype, clock: Callable[[], float]) -> float:
    """One product as a layer of the model makes it; the shortest of several, since others use the machine as well."""
    rows, weight = torch.ones(TOKENS, inner, dtype=dtype), torch.ones(outer, inner, dtype=dtype)
    taken = []
    for _ in range(1 + REPEATS):
        started = clock()
        torch.nn.functional.linear(rows, weight)
        taken.append(clock() - started)
    # The first one packs the weight, and loads the kernel.
    return min(taken[1:])
