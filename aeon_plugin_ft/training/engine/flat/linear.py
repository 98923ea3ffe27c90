"""Linear layers that read one input, with their LoRA adapters, forward and backward.

y = x W' + b + s (x A') B' for each of them (https://arxiv.org/abs/2106.09685); W and b are frozen. Frozen matrices
that lie side by side are one product, the A of all layers are one product, and the base's product is added to what B
gives as it is made. Of the input's size nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.flat.adapter import AdapterMemory


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter's two matrices [r, in] and [out, r], and its factor."""

    down: Tensor
    up: Tensor
    scale: float

    @property
    def rank(self) -> int:
        """r."""
        return int(self.down.shape[0])


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


@dataclass(frozen=True, slots=True)
class _Places:
    """What a projection multiplies with and where its gradients go. All A as one [sum of r, in] and turned; of each
    adapted member B and B turned, and the place for its gradient."""

    down: Tensor
    down_turned: Tensor
    d_down: Tensor
    ups: tuple[tuple[Tensor, Tensor, Tensor], ...]


class Projection:
    """Some blocks over one input [T, in]; the output is a tensor for each block."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self.loras = [member.lora for block in blocks for member in block.members if member.lora is not None]
        self.scale = self.loras[0].scale if self.loras else 1.0
        if any(lora.scale != self.scale for lora in self.loras):
            raise NotShareableError("adapters of one layer have different factors")
        self._ranks = [lora.rank for lora in self.loras]
        self._places: _Places | None = None

    @property
    def parameters(self) -> list[Tensor]:
        """Trained matrices in the order that `AdapterMemory` must have them in."""
        return [lora.down for lora in self.loras] + [lora.up for lora in self.loras]

    def bind(self, memory: AdapterMemory) -> None:
        """Compute with this memory's copies, and write gradients into it."""
        if not self.loras:
            return
        downs = [lora.down for lora in self.loras]
        ups = [(memory.numbers(lora.up), memory.gradients(lora.up)) for lora in self.loras]
        down = memory.numbers(*downs)
        self._places = _Places(
            down, down.t(), memory.gradients(*downs), tuple((up, up.t(), d_up) for up, d_up in ups)
        )  # fmt: skip

    def low(self, x: Tensor) -> Tensor | None:
        """x A' [T, r of all]; None without an adapter."""
        return None if self._places is None else torch.mm(x, self._places.down_turned)

    def forward(
        self, x: Tensor, onto: Tensor | None = None, factor: float = 1.0, low: Tensor | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """(outputs, x A', given as `low` where it is there already). `onto` is added to each output, which `factor`
        multiplies."""
        low = self.low(x) if low is None else low
        made, places = [], iter(() if self._places is None else self._places.ups)
        lows = iter(() if low is None else torch.split(low, self._ranks, 1))
        for block in self.blocks:
            pairs = [None if member.lora is None else (next(lows), next(places)[1]) for member in block.members]
            output = self._output(x, block, pairs)
            made.append(output if onto is None else torch.add(onto, output, alpha=factor))
        return made, low

    def _output(self, x: Tensor, block: Block, pairs: Sequence[tuple[Tensor, Tensor] | None]) -> Tensor:
        """`pairs` of x A' and B' for each of the block's members."""
        turned = block.matrix().t()
        if not any(pairs):
            return torch.mm(x, turned) if block.bias is None else torch.addmm(block.bias, x, turned)
        output = x.new_empty(len(x), turned.shape[1])
        # The adapters first: what a young one adds is less than half a step of the base's output in bf16, and would be
        # lost in it. The product that the base is then added by rounds the sum once.
        for part, pair in zip(torch.split(output, [member.out for member in block.members], 1), pairs, strict=True):
            if pair is None:
                part.zero_()
            else:
                part.addmm_(*pair, beta=0, alpha=self.scale)
        output.addmm_(x, turned)
        return output if block.bias is None else output.add_(block.bias)

    def backward(self, grads: Sequence[Tensor], x: Tensor, low: Tensor | None, *, inputs: bool = True) -> Tensor | None:
        """Writes the adapters' gradients; the gradient of x where `inputs` asks for it."""
        places, d_low = self._places, None
        if places is not None and low is not None:
            d_low = self._backward_ups(grads, low, places)
            places.d_down.addmm_(d_low.t(), x, beta=0, alpha=self.scale)
        if not inputs:
            return None
        d_x: Tensor | None = None
        for grad, block in zip(grads, self.blocks, strict=True):
            d_x = torch.mm(grad, block.matrix()) if d_x is None else d_x.addmm_(grad, block.matrix())
        if places is not None and d_low is not None and d_x is not None:
            d_x.addmm_(d_low, places.down, alpha=self.scale)
        return d_x

    def _backward_ups(self, grads: Sequence[Tensor], low: Tensor, places: _Places) -> Tensor:
        """The gradients of every B, written; that of x A', not yet multiplied by the adapters' factor, returned."""
        d_low = torch.empty_like(low)
        parts = zip(self._adapted(grads, low), torch.split(d_low, self._ranks, 1), places.ups, strict=True)
        for (grad, of_low), into, (up, _, d_up) in parts:
            torch.mm(grad, up, out=into)
            d_up.addmm_(grad.t(), of_low, beta=0, alpha=self.scale)
        return d_low

    def _adapted(self, outputs: Sequence[Tensor], low: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """(columns of the outputs, columns of x A') of each member with an adapter."""
        lows = iter(torch.split(low, self._ranks, 1))
        for output, block in zip(outputs, self.blocks, strict=True):
            parts = torch.split(output, [member.out for member in block.members], 1)
            for part, member in zip(parts, block.members, strict=True):
                if member.lora is not None:
                    yield part, next(lows)


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
        for weight, part in zip(weights, torch.split(whole, rows), strict=True):
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
