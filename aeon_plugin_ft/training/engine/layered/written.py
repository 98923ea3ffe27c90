"""A decoder layer at a time, forward and backward written out, in a type that the processor multiplies fast.

Where products are eight times faster than in fp32, what lies between them is most of a step: passes over fp32, casts to
bf16 and back, fresh memory for each result. Here whatever a product reads or makes is in its type already, and all
tokens of a pass go through a matrix at once. The stream from layer to layer stays in fp32, with norms, rotations, and
sums over tokens; so do the adapter and its gradients. An MLP sees some rows at a time, as in `rows`.

The layers are those of `flat.layer`, with the same pieces; they differ in what is kept, which here is nothing but the
layers' inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.flat.adapter import AdapterMemory
from aeon_plugin_ft.training.engine.flat.anatomy import adapters_of, layers_of, trained_outside, window_of
from aeon_plugin_ft.training.engine.flat.attention import Attention, FoldedAttention
from aeon_plugin_ft.training.engine.flat.layer import LayerParts, Norm
from aeon_plugin_ft.training.engine.flat.layout import Layout, passes
from aeon_plugin_ft.training.engine.flat.linear import Projection
from aeon_plugin_ft.training.engine.flat.pieces import (
    gate,
    gate_backward,
    norm,
    norm_backward,
    norm_scale,
    normed_again,
    rope,
)
from aeon_plugin_ft.training.engine.layered.parts import LayerInputs
from aeon_plugin_ft.training.engine.layered.rows import INNER_BYTES, LEAST_ROWS
from aeon_plugin_ft.training.engine.layered.skeleton import LayerWeights
from aeon_plugin_ft.training.plan import Row, plan_batch

PASS_TOKENS = 2048
"""Behind their prompts, in one pass. More of them would be no faster, and take memory; a prompt is computed once in
each pass."""


@dataclass(slots=True)
class Pass:
    """Some tokens of a step that go through each layer together. `place` is where they stand among those of the step,
    `cos`, `sin` [T, 1, D / 2] turn queries and keys. `first` is the first layer's input [T, n], until it is used."""

    layout: Layout
    place: slice
    attention: Attention
    cos: Tensor
    sin: Tensor
    first: Tensor | None


@dataclass(frozen=True, slots=True)
class _Attended:
    """What the way back needs of the first half of a layer; all but `bare` and `scale` in the type of products."""

    normed: Tensor
    bare: Tensor
    scale: Tensor
    low: Tensor | None
    raw: Tensor
    head_scales: tuple[Tensor, Tensor] | None
    turned: Tensor
    value: Tensor
    attended: Tensor
    lse: Tensor
    inner: Tensor
    low_out: Tensor | None
    middle: Tensor


class WrittenLayers:
    """The layers of `causal`, an adapted model of `load_skeleton`, whose matrices are in `weights` a layer at a time.
    `between` is called before each product with a weight. Raises NotShareableError for layers that are not written
    out, or of which something else than the adapter of their linear ones is trained."""

    def __init__(self, causal: Any, weights: LayerWeights, between: Callable[[], None]) -> None:
        self.causal, self.weights, self.between = causal, weights, between
        self._window = window_of(causal)
        self._of: tuple[Any, ...] | None = None
        self._parts: list[LayerParts] = []
        self._loaded: tuple[AdapterMemory, AdapterMemory] | None = None
        self.look()
        if trained_outside(causal, self._parts):
            raise NotShareableError("something outside the layers' linear ones is trained")

    def look(self) -> None:
        """Find the layers' parts, anew where other adapters are in use than before."""
        now = adapters_of(self.causal)
        if now != self._of:
            self._parts, self._of = layers_of(self.causal, self._matrix_of), now

    def _matrix_of(self, layers: Sequence[Any]) -> tuple[Callable[[], Tensor], Tensor | None]:
        """(one matrix, one bias) of linear layers whose numbers are loaded side by side."""
        own = [layer.weight for layer in layers]
        if not self.weights.are_neighbours(own):
            raise NotShareableError("matrices that read the same are not stored one behind the other")
        rows, columns = sum(weight.shape[0] for weight in own), own[0].shape[1]
        biases = [layer.bias for layer in layers]
        bias = None if biases[0] is None else torch.cat([bias.data for bias in biases])
        return (lambda: own[0].data.as_strided((rows, columns), (columns, 1))), bias

    def sees_less(self, rows: Sequence[Row]) -> bool:
        """Whether the model's window is shorter than one of the rows: the kernels here know of none."""
        return self._window is not None and any(len(row.ids) > self._window for row in rows)

    # -- a step's passes -------------------------------------------------------------------------

    def passes(self, rows: Sequence[Row], micro_tokens: int, first: Callable[[Tensor, Tensor], Tensor]) -> list[Pass]:
        """A batch as what goes through the layers; `first` gives the first layer's input for tokens and positions."""
        groups = plan_batch(rows, micro_tokens)
        most = PASS_TOKENS + max((group.prefix for group in groups), default=0)
        made: list[Pass] = []
        start = 0
        for together in passes(groups, most, [len(row.ids) for row in rows]):
            layout = Layout.of(rows, together, self.weights.device)
            made.append(self._pass(layout, slice(start, start + layout.tokens), first))
            start += layout.tokens
        return made

    def _pass(self, layout: Layout, place: slice, first: Callable[[Tensor, Tensor], Tensor]) -> Pass:
        hidden = first(layout.ids, layout.positions)
        parts = self._parts[0]
        cos, sin = self.causal.base_model.rotary_emb(hidden, layout.positions[None])
        half = cos.shape[-1] // 2
        attention = FoldedAttention(layout, parts.attention_scale)
        return Pass(layout, place, attention, cos[0, :, None, :half], sin[0, :, None, :half], hidden[0])

    def load(self, layer: int) -> None:
        """A layer's matrices, and its adapter in their type."""
        if self.weights.loaded == layer and self._loaded is not None:
            return
        self.weights.load(layer)
        parts = self._parts[layer]
        self._loaded = (
            _bound((parts.query_key_value, parts.out), self.weights.dtype),
            _bound((parts.gate_up, parts.down), self.weights.dtype),
        )

    def unload(self) -> None:
        """Forget the adapter's copies: it is about to change."""
        self._loaded = None

    # -- a layer ---------------------------------------------------------------------------------

    def forward(self, layer: int, one: Pass, x: Tensor, *, last: bool) -> Tensor:
        """The output [T, n] for x [T, n]; of the last layer that of the scored tokens alone."""
        parts = self._parts[layer]
        output = self._attend(parts, one, x, last=last).middle
        for rows in self._chunks(parts, len(output)):
            normed, _, _ = self._norm(parts.middle, output[rows])
            self.between()
            (both,), _ = parts.gate_up.forward(normed)
            half = both.shape[1] // 2
            # In place of `gate`, which gives the opened half as well.
            gated = torch.nn.functional.silu(both[:, :half]).mul_(both[:, half:])
            self.between()
            (made,), _ = parts.down.forward(gated)
            output[rows].add_(made, alpha=parts.factor)
        return output

    def backward(self, layer: int, one: Pass, x: Tensor, grad: Tensor, *, last: bool) -> Tensor | None:
        """The gradient of x from that of the output, which is written over; None of the first layer, whose input is
        frozen. The adapter's gradients are added to its parameters'."""
        assert self._loaded is not None
        parts = self._parts[layer]
        kept = self._attend(parts, one, x, last=last)
        for rows in self._chunks(parts, len(kept.middle)):
            self._backward_mlp(parts, kept.middle[rows], grad[rows])
            self._loaded[1].deliver()
        made = self._backward_attention(parts, one, x, grad, kept, last=last, inputs=layer > 0)
        self._loaded[0].deliver()
        return made

    def _attend(self, parts: LayerParts, one: Pass, x: Tensor, *, last: bool) -> _Attended:
        """The first half: middle = x + out(attention(q, k, v))."""
        normed, bare, scale = self._norm(parts.before, x)
        self.between()
        (query_key, value), low = parts.query_key_value.forward(normed)
        raw = query_key.view(len(x), parts.heads + parts.groups, parts.width)
        value = value.view(len(x), parts.groups, parts.width)
        turned, head_scales = raw.float(), None
        if parts.query_norm is not None and parts.key_norm is not None:
            query, query_scale = _norm_of(parts.query_norm, turned[:, : parts.heads])
            key, key_scale = _norm_of(parts.key_norm, turned[:, parts.heads :])
            turned, head_scales = torch.cat([query, key], 1), (query_scale, key_scale)
        if parts.turned:
            turned = rope(turned, one.cos, one.sin)
        turned = turned.to(raw.dtype)
        attended, lse = one.attention.forward(turned[:, : parts.heads], turned[:, parts.heads :], value)
        inner = attended.flatten(1)
        if last:
            inner, x = inner.index_select(0, one.layout.at), x.index_select(0, one.layout.at)
        self.between()
        (added,), low_out = parts.out.forward(inner)
        middle = torch.add(x, added, alpha=parts.factor)
        return _Attended(
            normed, bare, scale, low, raw, head_scales, turned, value, attended, lse, inner, low_out, middle
        )

    def _backward_mlp(self, parts: LayerParts, middle: Tensor, grad: Tensor) -> None:
        """The gradient of the MLP's input in place of that of its output, in `grad`."""
        normed, bare, scale = self._norm(parts.middle, middle)
        self.between()
        (both,), low = parts.gate_up.forward(normed)
        gated, opened = gate(both)
        self.between()
        d_gated = parts.down.backward([self._narrow(grad, parts.factor)], gated, parts.down.low(gated))
        del gated
        assert d_gated is not None
        d_both = gate_backward(d_gated, both, opened)
        del both, opened, d_gated
        self.between()
        d_normed = parts.gate_up.backward([d_both], normed, low)
        assert d_normed is not None
        norm_backward(d_normed, middle, bare, parts.middle.weight, scale, grad)

    def _backward_attention(
        self, parts: LayerParts, one: Pass, x: Tensor, d_middle: Tensor, kept: _Attended, *, last: bool, inputs: bool
    ) -> Tensor | None:
        self.between()
        d_inner = parts.out.backward([self._narrow(d_middle, parts.factor)], kept.inner, kept.low_out)
        assert d_inner is not None
        if last:
            d_inner, d_middle = (_spread(part, one.layout.at, len(x)) for part in (d_inner, d_middle))
        d_query, d_key, d_value = one.attention.backward(
            d_inner.view_as(kept.attended), kept.turned[:, : parts.heads], kept.turned[:, parts.heads :], kept.value,
            kept.attended, kept.lse,
        )  # fmt: skip
        d_turned = torch.cat([d_query, d_key], 1).float()
        if parts.turned:
            d_turned = rope(d_turned, one.cos, -one.sin)
        if kept.head_scales is not None:
            assert parts.query_norm is not None and parts.key_norm is not None
            d_turned = torch.cat([
                _norm_back(of_heads, d_turned[:, heads], kept.raw[:, heads].float(), scale)
                for of_heads, heads, scale in zip(
                    (parts.query_norm, parts.key_norm), (slice(0, parts.heads), slice(parts.heads, None)),
                    kept.head_scales, strict=True,
                )
            ], 1)  # fmt: skip
        self.between()
        d_normed = parts.query_key_value.backward(
            [d_turned.to(kept.raw.dtype).flatten(1), d_value.flatten(1)], kept.normed, kept.low, inputs=inputs
        )
        if d_normed is None:
            return None
        return norm_backward(d_normed, x, kept.bare, parts.before.weight, kept.scale, d_middle)

    def _norm(self, one: Norm, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(the norm of x in the type of products, the same in fp32 without its weight, its scale)."""
        scale = norm_scale(x, one.epsilon)
        normed, bare = normed_again(x, one.weight, one.epsilon, scale)
        return normed.to(self.weights.dtype), bare, scale

    def _narrow(self, grad: Tensor, factor: float) -> Tensor:
        return (grad if factor == 1.0 else grad * factor).to(self.weights.dtype)

    def _chunks(self, parts: LayerParts, count: int) -> Iterator[slice]:
        """Chunks of rows of about the same size."""
        inner = parts.down.blocks[0].matrix().shape[1]
        most = max(LEAST_ROWS, INNER_BYTES // (self.weights.dtype.itemsize * inner))
        number = -(-count // most)
        for chunk in range(number):
            yield slice(chunk * count // number, (chunk + 1) * count // number)


def keep_inputs(inputs: LayerInputs | None, layer: int, one: Pass, x: Tensor) -> None:
    """Keep a layer's input for the way back, where there is one."""
    if inputs is not None:
        inputs.rows(layer, one.place).copy_(x)


def _bound(projections: Sequence[Projection], dtype: torch.dtype) -> AdapterMemory:
    memory = AdapterMemory([parameter for one in projections for parameter in one.parameters], dtype)
    for one in projections:
        one.bind(memory)
    memory.refresh()
    return memory


def _norm_of(one: Norm, x: Tensor) -> tuple[Tensor, Tensor]:
    return norm(x, one.weight, one.epsilon)


def _norm_back(one: Norm, grad: Tensor, raw: Tensor, scale: Tensor) -> Tensor:
    bare = normed_again(raw, one.weight, one.epsilon, scale)[1]
    return norm_backward(grad, raw, bare, one.weight, scale)


def _spread(rows: Tensor, at: Tensor, tokens: int) -> Tensor:
    """Gradients of some tokens as those of all."""
    return rows.new_zeros(tokens, rows.shape[1]).index_copy_(0, at, rows)
