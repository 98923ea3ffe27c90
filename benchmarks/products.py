"""The matrix products that a training step cannot do without, and how long a plain loop of them takes.

Those with the model's weights are counted (`useful_flop`) and their rate measured (`bare_rate`). The small ones, of the
adapter and of attention, have rates of their own, far from that of large ones: how long they take is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.shapes import Shape, tensors_of


def _layer_weights(shape: Shape) -> int:
    return sum(rows * columns for name, rows, columns, _ in tensors_of(shape, 1) if name.startswith("blk."))


def useful_flop(shape: Shape, layers: int, tokens: int, supervised: int) -> float:
    """Of one step: each weight forward, once more, and back to the inputs; an MLP's way down not once more, since
    nobody reads it. The head at the supervised tokens alone, forward and back, and so what the last layer does behind
    its attention."""
    down = shape.inner * shape.width
    behind = 3 * down + shape.heads * shape.head_dim * shape.width
    of_layers = tokens * layers * (6.0 * _layer_weights(shape) - 2.0 * down)
    nobodys = (tokens - supervised) * (6.0 * behind - 2.0 * down)
    return of_layers - nobodys + 4.0 * supervised * shape.vocabulary * shape.width


def bare_rate(shape: Shape, rows: list[Any], prompt: int, dtype: Any, device: str) -> tuple[float, float]:
    """FLOP a second, and a second of CPU time, of a plain loop of a layer's products in this type, for the prefix's
    tokens and a micro-batch's."""
    import torch

    from aeon_plugin_ft.training.engine.layered.choice import MICRO_TOKENS

    suffixes = min(MICRO_TOKENS[device], sum(len(row.ids) - prompt for row in rows))
    sizes = [(m, n) for name, m, n, _ in tensors_of(shape, 1) if name.startswith("blk.")]
    weights = [(torch.randn(m, n, device=device) / n**0.5).to(dtype) for m, n in sizes]
    counts = (prompt, suffixes)
    inputs = {
        (count, n): torch.randn(count, n, device=device).to(dtype) for count in counts for n in {n for _, n in sizes}
    }
    outputs = {
        (count, m): torch.randn(count, m, device=device).to(dtype) for count in counts for m in {m for m, _ in sizes}
    }
    best = best_cpu = 0.0
    for _ in range(3):
        began, cpu_began, flop = time.perf_counter(), time.process_time(), 0.0
        for weight, (m, n) in zip(weights, sizes, strict=True):
            for count in counts:
                # As a step has them: two products forward for each one back to the inputs.
                torch.mm(inputs[count, n], weight.t())
                torch.mm(inputs[count, n], weight.t())
                torch.mm(outputs[count, m], weight)
                flop += 6.0 * count * m * n
        finish(device)
        best = max(best, flop / (time.perf_counter() - began))
        best_cpu = max(best_cpu, flop / (time.process_time() - cpu_began))
    return best, best_cpu


def small_seconds(
    shape: Shape, layers: int, rows: Sequence[Any], prompt: int, rank: int, dtype: Any, device: str
) -> float:
    """Seconds of a step's products with the adapter, and of those of attention: forward, once more, and back. Of the
    prompt's scores half are never seen; of its heads half are computed here."""
    suffixes = [len(row.ids) - prompt for row in rows]
    seconds = _adapter_seconds(shape, prompt + sum(suffixes), rank, dtype, device)
    width, folded = shape.head_dim, shape.heads // shape.kv_heads
    for batch, queries, keys in (
        (shape.heads // 2, prompt, prompt),
        (shape.kv_heads, folded * sum(suffixes), prompt),
        (shape.heads * len(rows), max(suffixes), max(suffixes)),
    ):
        seconds += _attention_seconds(batch, queries, keys, width, dtype, device)
    return layers * seconds


def _adapter_seconds(shape: Shape, tokens: int, rank: int, dtype: Any, device: str) -> float:
    """One layer's: y += (x A') B' twice, and the gradients of B, of x A', of A and of x."""
    import torch

    def make(rows: int, columns: int) -> Any:
        return torch.randn(rows, columns, device=device).to(dtype)

    low, seconds = make(tokens, rank), 0.0
    for name, m, n, _ in tensors_of(shape, 1):
        if name.startswith("blk."):
            x, y, down, up = make(tokens, n), make(tokens, m), make(rank, n), make(m, rank)
            for left, right, times in (
                (x, down.t(), 2), (low, up.t(), 2), (y.t(), low, 1), (y, up, 1), (low.t(), x, 1), (low, down, 1),
            ):  # fmt: skip
                seconds += times * _shortest(lambda left=left, right=right: torch.mm(left, right), device)
    return seconds


def _attention_seconds(batch: int, queries: int, keys: int, width: int, dtype: Any, device: str) -> float:
    """One layer's: scores and output twice, scores once more, and the gradients of weights, value, query and key."""
    import torch

    query = torch.randn(batch, queries, width, device=device).to(dtype)
    key = torch.randn(batch, keys, width, device=device).to(dtype)
    scores = torch.randn(batch, queries, keys, device=device).to(dtype)
    like_scores = _shortest(lambda: torch.bmm(query, key.mT), device)
    like_query = _shortest(lambda: torch.bmm(scores, key), device)
    like_key = _shortest(lambda: torch.bmm(scores.mT, query), device)
    # Scores: twice forward, once back; and the gradient of the weights, which is of their shape.
    return 4 * like_scores + 3 * like_query + 2 * like_key


def _shortest(product: Callable[[], Any], device: str) -> float:
    taken = []
    for _ in range(4):
        began = time.perf_counter()
        product()
        finish(device)
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def finish(device: str) -> None:
    """Wait for what a card was told to do."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
