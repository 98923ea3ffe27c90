"""Shared-prefix training in one pass over all tokens, with layers whose backward is written out.

What `SharedPrefix` computes in two passes through transformers' layers (prompts, then suffixes), this computes in one
through its own: a quarter of the operators, which is what a graphics card's time is bound by at these sizes, and no
casts, since it multiplies with a copy of the adapter in the base's type. Where the memory does not hold what the way
back needs, layers are computed again from their inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.attention import NotShareableError
from aeon_plugin_ft.training.engine.flat import layer
from aeon_plugin_ft.training.engine.flat.adapter import AdapterMemory
from aeon_plugin_ft.training.engine.flat.anatomy import (
    adapters_of,
    embed,
    layers_of,
    trained_outside,
    window_of,
)
from aeon_plugin_ft.training.engine.flat.attention import attention_of
from aeon_plugin_ft.training.engine.flat.layer import Kept, LayerParts, Pass
from aeon_plugin_ft.training.engine.flat.layout import Layout, passes
from aeon_plugin_ft.training.engine.flat.memory import MemoryNeed, free_on_card
from aeon_plugin_ft.training.engine.flat.pieces import norm, norm_backward, normed_again
from aeon_plugin_ft.training.engine.head import loss_and_gradient, token_losses
from aeon_plugin_ft.training.engine.shared import Checkpoint, SharedPrefix
from aeon_plugin_ft.training.plan import Row, plan_batch

PASS_TOKENS = 16_384
"""At most, in one pass."""
RECOMPUTED = 3
"""So many tokens take the memory of one, where layers keep nothing but their inputs."""


class FlatPrefix(SharedPrefix):
    """The engine around one model, as `SharedPrefix`. `micro_tokens` stands for memory: as many layers keep what the
    way back needs as would for that many suffix tokens. Raises NotShareableError for a model whose layers are not
    written out."""

    def __init__(
        self,
        model: torch.nn.Module,
        micro_tokens: int = 2048,
        between: Checkpoint = lambda: None,
    ) -> None:
        super().__init__(model, micro_tokens, between)
        self._of: tuple[Any, ...] | None = None
        self._parts: list[LayerParts] = []
        self._window = window_of(self.causal)
        self._memory = AdapterMemory([], self.dtype)
        self._look()
        if trained_outside(self.causal, self._parts):
            raise NotShareableError("something outside the layers' linear ones is trained")

    def step(self, rows: Sequence[Row], denominator: int | None = None) -> tuple[float, int]:
        """As `SharedPrefix.step`."""
        if self._sees_less(rows):
            return super().step(rows, denominator)
        count = sum(row.supervised for row in rows)
        scale = 1.0 / max(1, count if denominator is None else denominator)
        return self._learn(rows, None, scale) * scale, count

    def accumulate(self, rows: Sequence[Row], weights: Sequence[float]) -> None:
        """As `SharedPrefix.accumulate`."""
        if self._sees_less(rows):
            return super().accumulate(rows, weights)
        self._learn(rows, weights, 1.0)
        return None

    @torch.no_grad()
    def losses(self, rows: Sequence[Row]) -> list[float]:
        """As `SharedPrefix.losses`."""
        if self._sees_less(rows):
            return super().losses(rows)
        by_row = [0.0] * len(rows)
        self._look()
        for layout in self._layouts(rows):
            hidden, _ = self._forward(layout, keep=0)
            last = self.causal.base_model.norm
            normed, _ = norm(hidden, last.weight, float(last.variance_epsilon))
            losses = token_losses(normed, layout.targets, self.head)
            for owner, loss in zip(layout.owners, losses.tolist(), strict=True):
                by_row[owner] += loss
        return by_row

    def settle(self, *, shared: bool, dtype: str = "", through_layers: bool = False) -> SharedPrefix | None:
        """As `SharedPrefix.settle`."""
        engine = self.through_layers() if through_layers else self
        return engine if shared else None

    def through_layers(self) -> SharedPrefix:
        """As `SharedPrefix.through_layers`."""
        return SharedPrefix(self.model, self.micro_tokens, self.between)

    def _sees_less(self, rows: Sequence[Row]) -> bool:
        """Whether the model's window is shorter than one of the rows: the kernels here know of none."""
        return self._window is not None and any(len(row.ids) > self._window for row in rows)

    @torch.no_grad()
    def _learn(self, rows: Sequence[Row], weights: Sequence[float] | None, scale: float) -> float:
        """Summed loss of the rows, each times its weight; its gradients times `scale` are added to the adapter's."""
        self._refuse_checkpointing()
        self._look()
        total: Tensor | float = 0.0
        for layout in self._layouts(rows):
            of_tokens = None
            if weights is not None:
                of_tokens = torch.tensor([weights[owner] for owner in layout.owners]).to(self.device)
            total = total + self._one(layout, of_tokens, scale)
        # Here, at the very end, a card is waited for.
        return float(total)

    def _one(self, layout: Layout, weights: Tensor | None, scale: float) -> Tensor:
        around = self._around(layout)
        hidden, kept = self._forward(layout, self.kept_layers(layout.tokens, layout.prompts.tokens), around)
        last = self.causal.base_model.norm
        weight, epsilon = last.weight, float(last.variance_epsilon)
        normed, norm_scale = norm(hidden, weight, epsilon)
        loss, d_normed = loss_and_gradient(normed, layout.targets, self.head, weights)
        bare = normed_again(hidden, weight, epsilon, norm_scale)[1]
        self._backward(norm_backward(d_normed.mul_(scale), hidden, bare, weight, norm_scale), kept, around)
        return loss

    def _forward(self, layout: Layout, keep: int, around: Pass | None = None) -> tuple[Tensor, list[Kept | Tensor]]:
        """(the scored tokens' last hidden states, what each layer keeps: of the last `keep` all, else the input)."""
        around = around or self._around(layout)
        x = embed(self.causal, layout.ids)
        kept: list[Kept | Tensor] = []
        for number, parts in enumerate(self._parts):
            output, all_of_it = layer.forward(parts, x, around, last=number == self.layers - 1)
            kept.append(all_of_it if number >= self.layers - keep else x)
            x = output
            self.on_layer(number + 1, 2 * self.layers)
        return x, kept

    def _backward(self, grad: Tensor, kept: list[Kept | Tensor], around: Pass) -> None:
        d_x: Tensor | None = grad
        for number in reversed(range(self.layers)):
            parts, last = self._parts[number], number == self.layers - 1
            of_layer = kept.pop()
            if isinstance(of_layer, Tensor):
                of_layer = layer.again(parts, of_layer, around, last=last)
            assert d_x is not None
            d_x = layer.backward(parts, d_x, of_layer, around, last=last, inputs=number > 0)
            self.on_layer(2 * self.layers - number, 2 * self.layers)
        self._memory.deliver()

    def _around(self, layout: Layout) -> Pass:
        like = self.head.weight.new_empty(1)
        cos, sin = self.causal.base_model.rotary_emb(like, layout.positions[None])
        half = cos.shape[-1] // 2
        parts = self._parts[0]
        attention = attention_of(layout, parts.attention_scale, self.dtype, parts.width)
        cos, sin = cos[0, :, None, :half], sin[0, :, None, :half]
        return Pass(attention, cos, sin, -sin, layout.at, self.between)

    def _layouts(self, rows: Sequence[Row]) -> Iterator[Layout]:
        lengths = [len(row.ids) for row in rows]
        groups = plan_batch(rows, self.micro_tokens)
        most = self._most_tokens(max((group.prefix for group in groups), default=0))
        for together in passes(groups, most, lengths):
            yield Layout.of(rows, together, self.device)

    def _most_tokens(self, prompt: int) -> int:
        """Tokens of a pass whose layers keep nothing but their inputs."""
        room = prompt + RECOMPUTED * self.micro_tokens
        if self.device.type == "cuda":
            room = MemoryNeed.most_tokens(self._parts[0], self.layers, self.dtype.itemsize, free_on_card(self.device))
        return min(PASS_TOKENS, room)

    def kept_layers(self, tokens: int, prompts: int) -> int:
        """How many layers keep all that the way back needs, in a pass of `tokens`, `prompts` of them of prompts. It
        changes no number, only how long a step takes."""
        room = self.micro_tokens + prompts
        # What a pass takes beside, of a layer at work and of all inputs, grows with its tokens as well.
        share = 1.0 if tokens <= room else room / tokens * (1 + 1 / RECOMPUTED) - 1 / RECOMPUTED
        allowed = max(0, int(self.layers * share))
        if self.device.type != "cuda":
            return allowed
        need = MemoryNeed.of(self._parts[0], self.layers, self.dtype.itemsize, tokens)
        return max(0, min(allowed, (free_on_card(self.device) - need.at_work) // need.kept))

    def _look(self) -> None:
        """Find the layers' parts, anew where other adapters are in use than before, and copy the adapter."""
        # All modules are gone through: an adapter may have been put around layers that had none.
        now = adapters_of(self.causal)
        if now != self._of:
            self._parts = layers_of(self.causal)
            projections = [one for parts in self._parts for one in parts.projections]
            parameters = [parameter for one in projections for parameter in one.parameters]
            self._memory = AdapterMemory(parameters, self.dtype)
            for one in projections:
                one.bind(self._memory)
            # Again: layers that lie side by side have been moved there.
            self._of = adapters_of(self.causal)
        with torch.no_grad():
            self._memory.refresh()
