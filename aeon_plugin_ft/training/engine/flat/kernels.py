"""Attention kernels that tell their log-sum-exp, and go back given one: query, key and value [B, H, M or N, D].

Given the joint output and log-sum-exp of several parts, each part's backward is its share of the whole (the
flash-attention backward: Dao et al. 2022, https://arxiv.org/abs/2205.14135, algorithm 4).
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

# Private in PyTorch, and the only way to its fused kernels' log-sum-exp. `parity` compares the result with the stock
# pass on each model, data and version of PyTorch: one that changes them costs speed and not correctness.
_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward

SHORT = 256
"""Over fewer queries the fused backward takes up to four times as long in bf16 as in fp32."""

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
    """PyTorch's fused kernel for processors, which keeps no M x N matrix. Backward over fewer than `short` queries is
    computed in fp32."""

    def __init__(self, scale: float, short: int = 0) -> None:
        self.scale, self.short = scale, short

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
        """As `Kernel.forward`."""
        output, lse = _flash(query, key, value, is_causal=causal, scale=self.scale)
        return output, lse

    def backward(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, *, causal: bool
    ) -> Three:
        """As `Kernel.backward`."""
        if query.shape[2] < self.short and query.dtype != torch.float32:
            back = self.backward(
                grad.float(), query.float(), key.float(), value.float(), output.float(), lse, causal=causal
            )
            return back[0].to(query.dtype), back[1].to(query.dtype), back[2].to(query.dtype)
        made: Three = _flash_backward(grad, query, key, value, output, lse, 0.0, causal, scale=self.scale)
        return made


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
