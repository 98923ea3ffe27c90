"""Attention kernels that tell their log-sum-exp, and go back given one: query, key and value [B, H, M or N, D].

Given the joint output and log-sum-exp of several parts, each part's backward is its share of the whole (the
flash-attention backward: Dao et al. 2022, https://arxiv.org/abs/2205.14135, algorithm 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# Private in PyTorch, and the only way to its fused kernels' log-sum-exp. `parity` compares the result with the stock
# pass on each model, data and version of PyTorch: one that changes them costs speed and not correctness.
_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward

PART_BYTES = 4 << 20
"""Of one matrix of scores in bf16 that is computed at once: about what stays in a core's cache."""
CAUSAL_ROWS = 512
"""Queries at once where each sees the keys before it: what later ones see is not computed for earlier ones."""

Two = tuple[Tensor, Tensor]
Three = tuple[Tensor, Tensor, Tensor]


class Kernel(Protocol):
    """One way to compute it. `causal`: the m-th query sees the first m + 1 keys."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
        """Output like the query, and log-sum-exp [B, H, M] in fp32."""

    def backward(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, *, causal: bool
    ) -> Three:
        """Gradients of query, key and value from those of the (joint) output."""


class FlashOnProcessor:
    """PyTorch's fused kernel for processors, which keeps no M x N matrix."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
        """As `Kernel.forward`."""
        output, lse = _flash(query, key, value, is_causal=causal, scale=self.scale)
        return output, lse

    def backward(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, *, causal: bool
    ) -> Three:
        """As `Kernel.backward`."""
        made: Three = _flash_backward(grad, query, key, value, output, lse, 0.0, causal, scale=self.scale)
        return made


class NarrowOnProcessor(FlashOnProcessor):
    """Backward by matrix products in bf16, where a processor multiplies it fast: the fused kernel's backward does not
    (a prompt of 450 tokens and 32 heads of 64 takes it twice as long, short rows up to four times as long as in fp32).

    What is subtracted from the products is subtracted inside them, before they are rounded, by columns of its own:
    [q | -lse] [k | 1]' is what the weights are e to the power of, near 0 where a weight is large.
    """

    def backward(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, *, causal: bool
    ) -> Three:
        """As `Kernel.backward`."""
        batch, heads, queries, width = query.shape
        keys = key.shape[2]
        delta = (grad.float() * output).sum(-1)
        wide = _Wide(
            _with_columns(query, lse / -self.scale), _with_columns(key), _with_columns(value),
            _with_columns(grad, -delta),
        )  # fmt: skip
        made = [query.new_empty(batch * heads, count, width) for count in (queries, keys, keys)]
        rows = min(queries, CAUSAL_ROWS) if causal else queries
        step = max(1, PART_BYTES // (query.itemsize * rows * keys))
        for first in range(0, batch * heads, step):
            of_heads = slice(first, first + step)
            # From the end, where every key is seen: its products are the first that are written.
            for stop in range(queries, 0, -rows):
                part = slice(max(0, stop - rows), stop)
                self._part(wide.of(of_heads, part, stop if causal else keys), causal,
                           made[0][of_heads, part], [one[of_heads, : stop if causal else keys] for one in made[1:]],
                           onto=stop < queries)  # fmt: skip
        d_query, d_key, d_value = (one.view(batch, heads, -1, width) for one in made)
        return d_query, d_key, d_value

    def _part(self, wide: _Wide, causal: bool, d_query: Tensor, into: list[Tensor], *, onto: bool) -> None:
        """The gradients of some queries of some heads, written, and what they add to those of keys and values."""
        weights = _product(wide.query, wide.key.mT, self.scale).exp_()
        if causal:
            weights.tril_(weights.shape[2] - weights.shape[1])
        d_scores = _product(wide.grad, wide.value.mT, 1.0).mul_(weights)
        query, key, grad = (one[..., : d_query.shape[2]] for one in (wide.query, wide.key, wide.grad))
        torch.baddbmm(d_query, d_scores, key, beta=0, alpha=self.scale, out=d_query)
        torch.baddbmm(into[0], d_scores.mT, query, beta=int(onto), alpha=self.scale, out=into[0])
        torch.baddbmm(into[1], weights.mT, grad, beta=int(onto), out=into[1])


@dataclass(frozen=True, slots=True)
class _Wide:
    """Each [heads, rows, D + 3], of one type."""

    query: Tensor
    key: Tensor
    value: Tensor
    grad: Tensor

    def of(self, heads: slice, rows: slice, keys: int) -> _Wide:
        """Some queries of some heads, and the first keys."""
        return _Wide(self.query[heads, rows], self.key[heads, :keys], self.value[heads, :keys], self.grad[heads, rows])


def _with_columns(x: Tensor, more: Tensor | None = None) -> Tensor:
    """x [B, H, M, D] as [B H, M, D + 3]; behind it `more` [B, H, M], in fp32, as the sum of three numbers of x's type
    (which have its 24 bits together), or ones to multiply those with."""
    made = x.new_empty(*x.shape[:-1], x.shape[-1] + 3)
    made[..., :-3] = x
    if more is None:
        made[..., -3:] = 1
    else:
        for column in (-3, -2, -1):
            made[..., column] = more
            more = more - made[..., column]
    return made.flatten(0, 1)


def _product(left: Tensor, right: Tensor, factor: float) -> Tensor:
    made = left.new_empty(len(left), left.shape[1], right.shape[2])
    return torch.baddbmm(made, left, right, beta=0, alpha=factor, out=made)


class Plain:
    """Matrix products and a softmax in fp32: on any device."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
        """As `Kernel.forward`."""
        scores = self._scores(query, key, causal)
        lse = scores.logsumexp(-1)
        return torch.matmul(scores.sub_(lse[..., None]).exp_().to(value.dtype), value), lse

    def backward(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, *, causal: bool
    ) -> Three:
        """As `Kernel.backward`."""
        weights = self._scores(query, key, causal).sub_(lse[..., None]).exp_()
        d_value = torch.matmul(weights.to(grad.dtype).transpose(-1, -2), grad)
        delta = (grad.float() * output.float()).sum(-1, keepdim=True)
        d_scores = torch.matmul(grad, value.transpose(-1, -2)).float().sub_(delta).mul_(weights).mul_(self.scale)
        d_scores = d_scores.to(query.dtype)
        return torch.matmul(d_scores, key), torch.matmul(d_scores.transpose(-1, -2), query), d_value

    def _scores(self, query: Tensor, key: Tensor, causal: bool) -> Tensor:
        scores = torch.matmul(query, key.transpose(-1, -2)).float().mul_(self.scale)
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu_(1)
            scores.masked_fill_(later, -math.inf)
        return scores
