"""`python -m aeon_plugin_ft.training.worker.rates <threads>`: how fast this machine multiplies, as a line of JSON.

{"float32": ..., "bfloat16": ...} in floating-point operations a second of all threads of the processor, by processor
time, so that what other programs do meanwhile counts for little; "decoded" and "between", what a layer at a time takes
beside them in the better of the two (`layer_rates`); and "card", where a graphics card would train, in place of these:
its name, free bytes, bytes of a number that it computes with, operations and bytes a second.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from aeon_plugin_ft.training.advice import Machine
from aeon_plugin_ft.training.engine.loading import CARDS, free_bytes, pick_device, pick_dtype
from aeon_plugin_ft.training.engine.precision import REPEATS, TOKENS, product_seconds
from aeon_plugin_ft.training.worker.layer_rates import measure_layer

WIDTH, INNER = 2048, 8192
"""Of the products of a model of 1B."""


def main(arguments: list[str]) -> int:
    """Measure and print; returns the exit code."""
    threads = int(arguments[0])
    torch.set_num_threads(threads)
    made: dict[str, Any] = {}
    for dtype in (torch.float32, torch.bfloat16):
        seconds = product_seconds(WIDTH, INNER, dtype, lambda: time.process_time() / threads)
        made[str(dtype).removeprefix("torch.")] = 2.0 * TOKENS * WIDTH * INNER / max(seconds, 1e-6)
    made["card"] = card_rates(pick_device())
    if made["card"] is None:
        machine = Machine(0, threads, made["float32"], made["bfloat16"])
        made |= asdict(measure_layer(threads, *_better(machine)))
    sys.stdout.write(json.dumps(made) + "\n")
    return 0


def _better(machine: Machine) -> tuple[torch.dtype, float]:
    """(the type that models are computed in on this machine, its products a second)."""
    return (torch.bfloat16, machine.narrow) if machine.is_narrow else (torch.float32, machine.rate)


def card_rates(device: str) -> dict[str, Any] | None:
    """What a card does in a second, in a fraction of one; None where none would train."""
    if device not in CARDS:
        return None
    backend: Any = getattr(torch, device)
    dtype = pick_dtype(device)
    rows = torch.randn(4096, 4096, device=device, dtype=dtype)
    copied = torch.empty(256 << 20, dtype=torch.uint8, device=device)
    other = torch.empty_like(copied)
    product = shortest(lambda: torch.mm(rows, rows), backend.synchronize)
    copy = shortest(lambda: other.copy_(copied), backend.synchronize)
    return {
        "name": str(backend.get_device_name()), "memory": free_bytes(device), "width": dtype.itemsize,
        "rate": 2.0 * 4096**3 / product, "bandwidth": 2.0 * copied.numel() / copy,
    }  # fmt: skip


def shortest(work: Callable[[], object], finish: Callable[[], None]) -> float:
    """Seconds of one of ten in a row, of the quickest of several rows; the first one warms up."""
    taken = []
    for _ in range(1 + REPEATS):
        finish()
        began = time.perf_counter()
        for _ in range(10):
            work()
        finish()
        taken.append((time.perf_counter() - began) / 10)
    return min(taken[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
