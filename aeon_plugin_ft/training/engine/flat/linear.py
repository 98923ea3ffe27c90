"""Linear layers that read one input, with their LoRA adapters, forward and backward.

y = x W' + b + s (x A') B' for each of them (https://arxiv.org/abs/2106.09685); W and b are frozen. Frozen matrices
that lie side by side are one product, the A of all layers are one product, and what B adds goes into the base's own
output by the product that makes it. Of the input's size nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.flat.adapter import AdapterMemory


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter's two matrices [r, in] and [out, r], and its factor."""

    down: Tensor
    up: Tensor
    scale: float


@dataclass(frozen=True, slots=True)
class Member:
    """One linear layer of `out` outputs, and its adapter, if it has one."""

    out: int
    lora: Lora | None


@dataclass(frozen=True, slots=True)
class Block:
    """Members whose outputs lie side by side in one tensor, and whose matrices are one, `matrix` [sum of out, in]."""

    members: tuple[Member, ...]
    matrix: Callable[[], Tensor]
    bias: Tensor | None


class Projection:
    """Some blocks over one input [T, in]; the output is a tensor for each block."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.loras = [member.lora for block in blocks for member in block.members if member.lora is not None]
        self.scale = self.loras[0].scale if self.loras else 1.0
        self.memory: AdapterMemory | None = None

    @property
    def parameters(self) -> list[Tensor]:
        """Trained matrices in the order that `AdapterMemory` must have them in."""
        return [lora.down for lora in self.loras] + [lora.up for lora in self.loras]

    def forward(self, x: Tensor, onto: Tensor | None = None, factor: float = 1.0) -> tuple[list[Tensor], Tensor | None]:
        """(outputs, x A' [T, r of all]). `onto` is added to the only block's output, which `factor` multiplies."""
        low = self._low(x)
        made, place = [], 0
        for block in self.blocks:
            output = _base(x, block, onto, factor)
            column = 0
            for member in block.members:
                if member.lora is not None and low is not None:
                    rank = member.lora.down.shape[0]
                    part = output[:, column : column + member.out]
                    part.addmm_(low[:, place : place + rank], self._of([member.lora.up]).t(), alpha=self.scale * factor)
                    place += rank
                column += member.out
            made.append(output)
        return made, low

    def _low(self, x: Tensor) -> Tensor | None:
        return torch.mm(x, self._of([lora.down for lora in self.loras]).t()) if self.loras else None

    def backward(self, grads: Sequence[Tensor], x: Tensor, low: Tensor | None, *, inputs: bool = True) -> Tensor | None:
        """Writes the adapters' gradients; the gradient of x where `inputs` asks for it."""
        d_low = None if low is None else self._backward_ups(grads, low)
        if d_low is not None:
            into = self._gradient([lora.down for lora in self.loras])
            into.addmm_(d_low.t(), x, beta=0, alpha=self.scale)
        if not inputs:
            return None
        d_x: Tensor | None = None
        for grad, block in zip(grads, self.blocks, strict=True):
            d_x = torch.mm(grad, block.matrix()) if d_x is None else d_x.addmm_(grad, block.matrix())
        if d_low is not None and d_x is not None:
            d_x.addmm_(d_low, self._of([lora.down for lora in self.loras]), alpha=self.scale)
        return d_x

    def _backward_ups(self, grads: Sequence[Tensor], low: Tensor) -> Tensor:
        """The gradients of every B, written; that of x A', not yet multiplied by the adapters' factor, returned."""
        d_low = torch.empty_like(low)
        place = 0
        for grad, block in zip(grads, self.blocks, strict=True):
            column = 0
            for member in block.members:
                if member.lora is not None:
                    rank = member.lora.down.shape[0]
                    part, of_low = grad[:, column : column + member.out], low[:, place : place + rank]
                    torch.mm(part, self._of([member.lora.up]), out=d_low[:, place : place + rank])
                    into = self._gradient([member.lora.up])
                    into.addmm_(part.t(), of_low, beta=0, alpha=self.scale)
                    place += rank
                column += member.out
        return d_low

    def _of(self, parameters: list[Tensor]) -> Tensor:
        assert self.memory is not None
        return self.memory.view(self.memory.numbers, parameters)

    def _gradient(self, parameters: list[Tensor]) -> Tensor:
        assert self.memory is not None
        return self.memory.view(self.memory.gradients, parameters)


def _base(x: Tensor, block: Block, onto: Tensor | None, factor: float) -> Tensor:
    turned = block.matrix().t()
    if onto is not None:
        output = torch.addmm(onto, x, turned, alpha=factor)
        return output if block.bias is None else output.add_(block.bias, alpha=factor)
    return torch.mm(x, turned) if block.bias is None else torch.addmm(block.bias, x, turned)


def side_by_side(layers: Sequence[Any]) -> tuple[Callable[[], Tensor], Tensor | None]:
    """(one matrix, one bias) of frozen layers of one width: their weights become parts of one stretch of memory, in
    which each is where it was for everybody else."""
    weights = [layer.weight for layer in layers]
    if len(weights) > 1 and not _adjacent(weights):
        whole, start = torch.cat([weight.data for weight in weights]), 0
        for weight in weights:
            weight.data = whole[start : start + weight.shape[0]]
            start += weight.shape[0]
    rows = sum(weight.shape[0] for weight in weights)
    matrix = weights[0].data.as_strided((rows, weights[0].shape[1]), weights[0].stride())
    biases = [layer.bias for layer in layers]
    bias = None if biases[0] is None else torch.cat([bias.data for bias in biases])
    return (lambda: matrix), bias


def quantised(layers: Sequence[Any]) -> tuple[Callable[[], Tensor], Tensor | None]:
    """As `side_by_side` for layers of bitsandbytes in 4 bits, whose numbers are made again for each product: one matrix
    at a time is in the type to compute in."""
    from bitsandbytes.functional import dequantize_4bit

    rows = [int(layer.out_features) for layer in layers]

    def matrix() -> Tensor:
        weights = [layer.weight for layer in layers]
        like = weights[0].quant_state
        whole = torch.empty(sum(rows), int(layers[0].in_features), dtype=like.dtype, device=weights[0].device)
        for weight, part in zip(weights, whole.split(rows), strict=True):
            dequantize_4bit(weight.data, weight.quant_state, out=part)
        return whole

    biases = [layer.bias for layer in layers]
    return matrix, None if biases[0] is None else torch.cat([bias.data for bias in biases])


def _adjacent(weights: Sequence[Tensor]) -> bool:
    return all(
        a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
        and b.storage_offset() == a.storage_offset() + a.numel()
        for a, b in pairwise(weights)
    )
