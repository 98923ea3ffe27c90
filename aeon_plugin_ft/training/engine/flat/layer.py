"""One decoder layer, forward and backward, written out.

    normed = norm(x)                     q, k, v = projections of normed, q and k turned by their positions
    middle = x + out(attention(q, k, v))
    normed = norm(middle)                y = middle + down(silu(gate(normed)) * up(normed))

Kept for the way back are the inputs of what is not linear; norms and the gated product are made again, which takes
nothing beside the matrix products. Or nothing is kept, and the layer is computed again: the same numbers either way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.flat.attention import Attention
from aeon_plugin_ft.training.engine.flat.linear import Projection
from aeon_plugin_ft.training.engine.flat.pieces import (
    gate,
    gate_backward,
    norm,
    norm_backward,
    normed_again,
    rope,
)


@dataclass(frozen=True, slots=True)
class Norm:
    """A frozen RMS norm."""

    weight: Tensor
    epsilon: float


@dataclass(frozen=True, slots=True)
class LayerParts:
    """What a layer is made of. `heads` query heads and `groups` key heads of `width` numbers; `query_norm` and
    `key_norm` where each head is normed; `turned` whether positions turn queries and keys; `factor` multiplies what
    attention and MLP add to their input; `attention_scale` multiplies scores."""

    before: Norm
    query_key_value: Projection
    out: Projection
    middle: Norm
    gate_up: Projection
    down: Projection
    heads: int
    groups: int
    width: int
    attention_scale: float
    query_norm: Norm | None = None
    key_norm: Norm | None = None
    turned: bool = True
    factor: float = 1.0

    @property
    def projections(self) -> tuple[Projection, ...]:
        """All of its linear layers."""
        return (self.query_key_value, self.out, self.gate_up, self.down)


@dataclass(frozen=True, slots=True)
class Pass:
    """What the layers of one pass have in common. `cos`, `sin` [T, 1, D / 2] and `back` (-sin) turn queries and keys;
    `at` [n] are the only tokens that the last layer's output is wanted of; `between` may raise to leave."""

    attention: Attention
    cos: Tensor
    sin: Tensor
    back: Tensor
    at: Tensor
    between: Callable[[], None]


@dataclass(slots=True)
class Kept:
    """What the way back needs of a layer. All [T, ...] but for the last layer, where `middle` and what follows are of
    the scored tokens alone. `raw` is queries and keys before their norms, where they have any."""

    x: Tensor
    scale: Tensor
    low: Tensor | None
    raw: Tensor | None
    head_scales: tuple[Tensor, Tensor] | None
    turned: Tensor
    value: Tensor
    attended: Tensor
    lse: Tensor
    low_out: Tensor | None
    middle: Tensor
    middle_scale: Tensor
    both: Tensor
    low_both: Tensor | None
    low_down: Tensor | None


def forward(parts: LayerParts, x: Tensor, around: Pass, *, last: bool) -> tuple[Tensor, Kept]:
    """(output, what is kept) for x [T, n]; of the last layer the output of the scored tokens alone."""
    kept, gated = _until_gated(parts, x, around, last=last)
    (output,), _ = parts.down.forward(gated, kept.middle, parts.factor, kept.low_down)
    return output, kept


def again(parts: LayerParts, x: Tensor, around: Pass, *, last: bool) -> Kept:
    """What `forward` keeps. Its last product is not needed: that is the next layer's input."""
    return _until_gated(parts, x, around, last=last)[0]


def _until_gated(parts: LayerParts, x: Tensor, around: Pass, *, last: bool) -> tuple[Kept, Tensor]:
    """(what is kept, the input of the last product)."""
    around.between()
    normed, scale = norm(x, parts.before.weight, parts.before.epsilon)
    (query_key, value), low = parts.query_key_value.forward(normed)
    query_key = query_key.view(len(x), parts.heads + parts.groups, parts.width)
    value = value.view(len(x), parts.groups, parts.width)
    raw, head_scales = None, None
    if parts.query_norm is not None:
        raw = query_key
        query_key, head_scales = _norm_heads(parts, raw)
    turned = rope(query_key, around.cos, around.sin) if parts.turned else query_key
    attended, lse = around.attention.forward(turned[:, : parts.heads], turned[:, parts.heads :], value)
    inner, residual = attended.flatten(1), x
    if last:
        inner, residual = inner.index_select(0, around.at), x.index_select(0, around.at)
    (middle,), low_out = parts.out.forward(inner, residual, parts.factor)
    around.between()
    normed, middle_scale = norm(middle, parts.middle.weight, parts.middle.epsilon)
    (both,), low_both = parts.gate_up.forward(normed)
    gated, _ = gate(both)
    return Kept(
        x, scale, low, raw, head_scales, turned, value, attended, lse, low_out, middle, middle_scale, both, low_both,
        parts.down.low(gated),
    ), gated  # fmt: skip


def backward(parts: LayerParts, grad: Tensor, kept: Kept, around: Pass, *, last: bool, inputs: bool) -> Tensor | None:
    """The gradient of the layer's input from that of its output (which is written over), where `inputs` asks for it.
    The adapters' gradients are written."""
    around.between()
    d_middle = _backward_mlp(parts, grad, kept)
    around.between()
    inner = kept.attended.flatten(1)
    d_inner = parts.out.backward(
        [_times(d_middle, parts.factor)], inner.index_select(0, around.at) if last else inner, kept.low_out
    )
    assert d_inner is not None
    if last:
        d_inner, d_middle = (_spread(part, around.at, len(kept.x)) for part in (d_inner, d_middle))
    grads = around.attention.backward(
        d_inner.view_as(kept.attended), kept.turned[:, : parts.heads], kept.turned[:, parts.heads :], kept.value,
        kept.attended, kept.lse,
    )  # fmt: skip
    d_query_key = torch.cat(grads[:2], 1)
    if parts.turned:
        d_query_key = rope(d_query_key, around.cos, around.back)
    if kept.raw is not None:
        d_query_key = _norm_heads_backward(parts, d_query_key, kept)
    normed, bare = normed_again(kept.x, parts.before.weight, parts.before.epsilon, kept.scale)
    d_normed = parts.query_key_value.backward(
        [d_query_key.flatten(1), grads[2].flatten(1)], normed, kept.low, inputs=inputs
    )
    if d_normed is None:
        return None
    return norm_backward(d_normed, kept.x, bare, parts.before.weight, kept.scale, d_middle)


def _backward_mlp(parts: LayerParts, grad: Tensor, kept: Kept) -> Tensor:
    """The gradient of the MLP's input, in the memory of `grad`."""
    gated, opened = gate(kept.both)
    d_gated = parts.down.backward([_times(grad, parts.factor)], gated, kept.low_down)
    assert d_gated is not None
    d_both = gate_backward(d_gated, kept.both, opened)
    normed, bare = normed_again(kept.middle, parts.middle.weight, parts.middle.epsilon, kept.middle_scale)
    d_normed = parts.gate_up.backward([d_both], normed, kept.low_both)
    assert d_normed is not None
    return norm_backward(d_normed, kept.middle, bare, parts.middle.weight, kept.middle_scale, grad)


def _norm_heads(parts: LayerParts, raw: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    assert parts.query_norm is not None and parts.key_norm is not None
    query, query_scale = norm(raw[:, : parts.heads], parts.query_norm.weight, parts.query_norm.epsilon)
    key, key_scale = norm(raw[:, parts.heads :], parts.key_norm.weight, parts.key_norm.epsilon)
    return torch.cat([query, key], 1), (query_scale, key_scale)


def _norm_heads_backward(parts: LayerParts, grad: Tensor, kept: Kept) -> Tensor:
    assert parts.query_norm is not None and parts.key_norm is not None
    assert kept.raw is not None and kept.head_scales is not None
    both = []
    places = (slice(0, parts.heads), slice(parts.heads, None))
    for of_heads, scale, heads in zip((parts.query_norm, parts.key_norm), kept.head_scales, places, strict=True):
        raw = kept.raw[:, heads]
        bare = normed_again(raw, of_heads.weight, of_heads.epsilon, scale)[1]
        both.append(norm_backward(grad[:, heads], raw, bare, of_heads.weight, scale))
    return torch.cat(both, 1)


def _times(grad: Tensor, factor: float) -> Tensor:
    return grad if factor == 1.0 else grad * factor


def _spread(rows: Tensor, at: Tensor, tokens: int) -> Tensor:
    """Gradients of some tokens as those of all."""
    return rows.new_zeros(tokens, rows.shape[1]).index_copy_(0, at, rows)
