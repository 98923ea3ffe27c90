"""Attention of a `Layout`: every segment over itself, every suffix over its prompt, joined by their log-sum-exp.

Letters in shapes: T tokens, H query heads, G key heads (H is a multiple of G), D the width of a head. With l1, l2 the
log-sum-exp of the two parts and l = log(e^l1 + e^l2), the output is e^(l1-l) o1 + e^(l2-l) o2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from typing import Protocol

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.flat.kernels import (
    FlashOnProcessor,
    Kernel,
    NarrowOnProcessor,
    Plain,
    Three,
    Two,
)
from aeon_plugin_ft.training.engine.flat.layout import Layout, Spans
from aeon_plugin_ft.training.engine.flat.pieces import join
from aeon_plugin_ft.training.engine.packing import Packing

log = logging.getLogger(__name__)


class Attention(Protocol):
    """The attention of one pass, for all its layers."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """query [T, H, D], key and value [T, G, D] to (output [T, H, D], log-sum-exp [H, T] in fp32)."""

    def backward(self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor) -> Three:
        """Gradients of query, key and value, in their shapes."""


def attention_of(layout: Layout, scale: float, dtype: torch.dtype, width: int) -> Attention:
    """What computes it best on the layout's device, for heads of `width` numbers of this type."""
    device = layout.ids.device
    if device.type == "cuda" and dtype in (torch.bfloat16, torch.float16) and _has_flash(device, width):
        return VarlenAttention(layout, scale)
    if device.type != "cpu":
        _say_plain(device.type, str(dtype))
    return PaddedAttention(layout, FlashOnProcessor(scale) if device.type == "cpu" else Plain(scale))


@cache
def _say_plain(device: str, dtype: str) -> None:
    """Once for each in a process."""
    log.info("Attention by plain products: PyTorch has no flash kernel for %s on this %s device", dtype, device)


def _has_flash(device: torch.device, width: int) -> bool:
    """Whether PyTorch's flash kernel runs there: from Ampere on, in builds that have it."""
    capable = torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)
    return capable and width <= 256 and width % 8 == 0 and torch.backends.cuda.is_flash_attention_available()


class VarlenAttention:
    """Through the flash kernel of NVIDIA's cards, which takes segments of any lengths in one call."""

    def __init__(self, layout: Layout, scale: float) -> None:
        self.layout, self.scale = layout, scale
        # Of dropout, which there is none of: the kernel wants to see it again.
        self._random: tuple[Tensor, Tensor] | None = None

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """As `Attention.forward`."""
        layout, head, shared = self.layout, self.layout.head, self.layout.prompts.tokens
        output, lse = self._forward(query, key, value, layout.segments, layout.segments, causal=True)
        if shared:
            other, other_lse = self._forward(
                query[head:], key[:shared], value[:shared], layout.suffixes, layout.prompts, causal=False
            )
            join(output[head:], lse[:, head:], other, other_lse)
        return output, lse

    def backward(self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor) -> Three:
        """As `Attention.backward`."""
        layout, head, shared = self.layout, self.layout.head, self.layout.prompts.tokens
        made = self._backward(grad, query, key, value, output, lse, layout.segments, layout.segments, causal=True)
        if shared:
            more = self._backward(
                grad[head:], query[head:], key[:shared], value[:shared], output[head:], lse[:, head:].contiguous(),
                layout.suffixes, layout.prompts, causal=False,
            )  # fmt: skip
            for whole, part in zip((made[0][head:], made[1][:shared], made[2][:shared]), more, strict=True):
                whole.add_(part)
        return made

    def _forward(
        self, query: Tensor, key: Tensor, value: Tensor, queries: Spans, keys: Spans, *, causal: bool
    ) -> tuple[Tensor, Tensor]:
        output, lse, *random, _ = torch.ops.aten._flash_attention_forward(
            query, key, value, queries.ends, keys.ends, queries.longest, keys.longest, 0.0, causal, False,
            scale=self.scale,
        )  # fmt: skip
        if lse.shape != (query.shape[1], query.shape[0]):
            raise RuntimeError(f"PyTorch's flash attention gives its sums in the shape {tuple(lse.shape)}")
        self._random = (random[0], random[1])
        return output, lse

    def _backward(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, queries: Spans,
        keys: Spans, *, causal: bool,
    ) -> Three:  # fmt: skip
        assert self._random is not None
        made: Three = torch.ops.aten._flash_attention_backward(
            grad, query, key, value, output, lse, queries.ends, keys.ends, queries.longest, keys.longest, 0.0, causal,
            *self._random, scale=self.scale,
        )  # fmt: skip
        return made


class PaddedAttention:
    """Through a kernel for sequences of one length: the segments of the head one by one, the suffixes side by side,
    filled up behind their ends, where no causal attention of theirs looks."""

    def __init__(self, layout: Layout, kernel: Kernel) -> None:
        self.layout, self.kernel = layout, kernel
        places = list(layout.segments.places)
        self.head = [place for place in places if place.stop <= layout.head]
        self.groups = list(zip(layout.prompts.places, layout.suffixes.places, strict=True))
        tail = layout.segments.lengths[len(self.head) :]
        self.tail = Packing.of(tail, 0, layout.ids.device) if tail else None

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """As `Attention.forward`."""
        heads, start = query.shape[1], self.layout.head
        shared = key, value
        key, value = _repeat(key, heads), _repeat(value, heads)
        output, lse = torch.empty_like(query), query.new_empty(heads, len(query), dtype=torch.float32)
        for place in self.head:
            made = self.kernel.forward(*(_whole(of[place]) for of in (query, key, value)), causal=True)
            output[place].copy_(made[0][0].transpose(0, 1))
            lse[:, place].copy_(made[1][0])
        if self.tail is not None:
            padded = [self._pad(of[start:]) for of in (query, key, value)]
            self._unpad(*self.kernel.forward(padded[0], padded[1], padded[2], causal=True), output, lse)
        for prompt, mine in self._across():
            self._look(query, (key, value), shared, prompt, mine, output, lse)
        return output, lse

    def backward(self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor) -> Three:
        """As `Attention.backward`."""
        heads, start = query.shape[1], self.layout.head
        shared = key, value
        key, value = _repeat(key, heads), _repeat(value, heads)
        made = (torch.empty_like(query), torch.empty_like(key), torch.empty_like(value))
        for place in self.head:
            parts = self.kernel.backward(
                _whole(grad[place]), _whole(query[place]), _whole(key[place]), _whole(value[place]),
                _whole(output[place]), lse[None, :, place], causal=True,
            )  # fmt: skip
            for whole, part in zip(made, parts, strict=True):
                whole[place].copy_(part[0].transpose(0, 1))
        if self.tail is not None:
            self._backward_tail(grad[start:], query[start:], key[start:], value[start:], output[start:], lse, made)
        return self._backward_across(grad, query, (key, value), shared, output, lse, made)

    def _across(self) -> Iterator[tuple[slice, slice]]:
        """(the tokens of a prompt, those of all suffixes behind it)"""
        start = self.layout.head
        for prompt, suffixes in self.groups:
            yield prompt, slice(start + suffixes.start, start + suffixes.stop)

    def _look(
        self, query: Tensor, repeated: Two, shared: Two, prompt: slice, mine: slice, output: Tensor, lse: Tensor
    ) -> None:
        """Add what suffixes see of their prompt. Keys and values are there for each query head, and once."""
        other, other_lse = self.kernel.forward(
            _whole(query[mine]), _whole(repeated[0][prompt]), _whole(repeated[1][prompt]), causal=False
        )
        join(output[mine], lse[:, mine], other[0].transpose(0, 1), other_lse[0])

    def _backward_across(
        self, grad: Tensor, query: Tensor, repeated: Two, shared: Two, output: Tensor, lse: Tensor, made: Three
    ) -> Three:
        """Add the gradients of what suffixes see of their prompts to `made`, and sum it over query heads."""
        for prompt, mine in self._across():
            parts = self.kernel.backward(
                _whole(grad[mine]), _whole(query[mine]), _whole(repeated[0][prompt]), _whole(repeated[1][prompt]),
                _whole(output[mine]), lse[None, :, mine], causal=False,
            )  # fmt: skip
            for whole, part in zip((made[0][mine], made[1][prompt], made[2][prompt]), parts, strict=True):
                whole.add_(part[0].transpose(0, 1))
        groups = shared[0].shape[1]
        return made[0], _sum_heads(made[1], groups), _sum_heads(made[2], groups)

    def _backward_tail(
        self, grad: Tensor, query: Tensor, key: Tensor, value: Tensor, output: Tensor, lse: Tensor, made: Three
    ) -> None:
        assert self.tail is not None
        padded_grad, *padded = (self._pad(of) for of in (grad, query, key, value, output))
        # Padding repeats the first token, which is harmless going forward. Going back it would count many times over.
        padded_grad.masked_fill_(self.tail.padding.view(len(padded_grad), 1, -1, 1), 0.0)
        sums = lse[:, self.layout.head :].index_select(1, self.tail.to_padded)
        sums = sums.view(len(sums), len(padded_grad), -1).transpose(0, 1)
        parts = self.kernel.backward(padded_grad, padded[0], padded[1], padded[2], padded[3], sums, causal=True)
        for whole, part in zip(made, parts, strict=True):
            flat = part.transpose(1, 2).flatten(0, 1)
            torch.index_select(flat, 0, self.tail.to_packed, out=whole[self.layout.head :])

    def _pad(self, packed: Tensor) -> Tensor:
        """[M, H, D] to [E, H, S, D]."""
        assert self.tail is not None
        padded = packed.index_select(0, self.tail.to_padded)
        return padded.view(len(self.tail.lengths), self.tail.longest, *packed.shape[1:]).transpose(1, 2)

    def _unpad(self, output: Tensor, lse: Tensor, into: Tensor, lse_into: Tensor) -> None:
        """[E, H, S, D] and [E, H, S] into the tail of [T, H, D] and [H, T]."""
        assert self.tail is not None
        start = self.layout.head
        torch.index_select(output.transpose(1, 2).flatten(0, 1), 0, self.tail.to_packed, out=into[start:])
        lse_into[:, start:].copy_(lse.transpose(0, 1).flatten(1)[:, self.tail.to_packed])


class FoldedAttention(PaddedAttention):
    """On a processor, where an operator costs its work and not its call: query heads that share a key head look at a
    prompt as rows of one, with more operators and less to compute."""

    def __init__(self, layout: Layout, scale: float) -> None:
        super().__init__(layout, NarrowOnProcessor(scale))

    def _look(
        self, query: Tensor, repeated: Two, shared: Two, prompt: slice, mine: slice, output: Tensor, lse: Tensor
    ) -> None:
        heads, groups = query.shape[1], shared[0].shape[1]
        other, other_lse = self.kernel.forward(
            _fold(query[mine], groups), _whole(shared[0][prompt]), _whole(shared[1][prompt]), causal=False
        )
        join(output[mine], lse[:, mine], _unfold(other, heads), other_lse.reshape(heads, -1))

    def _backward_across(
        self, grad: Tensor, query: Tensor, repeated: Two, shared: Two, output: Tensor, lse: Tensor, made: Three
    ) -> Three:
        heads, groups = query.shape[1], shared[0].shape[1]
        summed = (made[0], _sum_heads(made[1], groups), _sum_heads(made[2], groups))
        for prompt, mine in self._across():
            parts = self.kernel.backward(
                _fold(grad[mine], groups), _fold(query[mine], groups), _whole(shared[0][prompt]),
                _whole(shared[1][prompt]), _fold(output[mine], groups), lse[:, mine].reshape(1, groups, -1),
                causal=False,
            )  # fmt: skip
            summed[0][mine].add_(_unfold(parts[0], heads))
            for whole, part in zip((summed[1][prompt], summed[2][prompt]), parts[1:], strict=True):
                whole.add_(part[0].transpose(0, 1))
        return summed


def _whole(tokens_first: Tensor) -> Tensor:
    """[M, H, D] as [1, H, M, D]."""
    return tokens_first.transpose(0, 1)[None]


def _fold(tokens_first: Tensor, groups: int) -> Tensor:
    """[M, H, D] as [1, G, H / G * M, D]: where nothing hides a key from a query, the query heads that share a key head
    are rows of it, which need not be repeated."""
    tokens, heads, width = tokens_first.shape
    return tokens_first.transpose(0, 1).reshape(1, groups, heads // groups * tokens, width)


def _unfold(folded: Tensor, heads: int) -> Tensor:
    """[1, G, H / G * M, D] as [M, H, D]."""
    return folded.reshape(heads, -1, folded.shape[-1]).transpose(0, 1)


def _repeat(key: Tensor, heads: int) -> Tensor:
    """[T, G, D] to [T, H, D]."""
    tokens, groups, width = key.shape
    if groups == heads:
        return key
    return key[:, :, None].expand(tokens, groups, heads // groups, width).reshape(tokens, heads, width)


def _sum_heads(per_query_head: Tensor, groups: int) -> Tensor:
    """[T, H, D] to [T, G, D]: the gradient of a key head is the sum over the query heads that share it."""
    tokens, heads, width = per_query_head.shape
    return per_query_head if heads == groups else per_query_head.view(tokens, groups, heads // groups, width).sum(2)
