"""The two parts of a packed suffix's attention: over itself, and over the prefix. Each can do its own backward pass
given the joint log-sum-exp, which `attention` makes of the two.

Letters in shapes: H query heads, G key heads (H is a multiple of G), M packed rows, E suffixes of at most S tokens,
P tokens of the prefix, D the width of a head. Scores and sums are in fp32 whatever the model computes in: in bf16 a
log-sum-exp has three digits, and the two parts would not add up to one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.packing import Packing

# Private in PyTorch, and the only way to a fused CPU attention that tells its log-sum-exp: the public
# scaled_dot_product_attention keeps it to itself. `parity` compares the result with the stock pass on each model,
# data and version of PyTorch, so that one that changes them costs speed and not correctness.
_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward

WIDE_HEAD = 256
"""From this head width on, plain bf16 products take some half of the fused kernel's time, which makes its own products
(docs/training.md); with heads of 64 they take longer."""
MOST_SCORES = 64 << 20
"""Bytes of fp32 scores of one call, above which not keeping them is worth more than time."""


def _is_fused(query: Tensor, keys: int) -> bool:
    """Whether PyTorch's fused kernel is the better one for query [1, H, M, D] over so many keys, unmasked."""
    if query.device.type != "cpu":
        return False
    _, heads, rows, width = query.shape
    small = 4 * heads * rows * keys <= MOST_SCORES
    return not (query.dtype == torch.bfloat16 and width >= WIDE_HEAD and small)


class Inner:
    """Each suffix over itself, as one batch of H * E padded blocks of S x S."""

    def __init__(self, packing: Packing, scale: float, window: int | None) -> None:
        self.packing, self.scale, self.window = packing, scale, window

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Output [H, M, D] of this part alone, its log-sum-exp [H, M], and its weights [H * E, S, S]."""
        scores = self._scores(query, key)
        highest = scores.amax(-1)
        weights = torch.softmax(scores, -1)
        # log-sum-exp from what softmax has computed: its largest weight is e^(largest score - lse).
        lse = self._pack_rows(highest - weights.amax(-1).log_())
        output = self._pack(torch.bmm(weights.to(value.dtype), self._pad_heads(value, query.shape[1])))
        return output, lse, weights

    def shrink(self, weights: Tensor, share: Tensor) -> Tensor:
        """The weights once this part is only `share` [H, M] of the whole."""
        return weights.mul_(self._pad(share[..., None]))

    def backward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        grad: Tensor,
        mixed: Tensor,
        total: Tensor,
        delta: Tensor,
        weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of query [H, M, D], key and value [G, M, D] from that of the whole output."""
        heads, groups = query.shape[1], key.shape[1]
        # Padding repeats row 0, which is harmless going forward, where it is cut off again. Going back it would
        # count row 0 many times over.
        padded_grad = self._pad(grad).masked_fill_(self._padding(heads), 0.0)
        # d score = probability * (d probability - delta) * scale, written over itself in fp32.
        d_scores = torch.bmm(padded_grad, self._pad_heads(value, heads).transpose(1, 2)).float()
        d_scores.sub_(self._pad(delta[..., None])).mul_(weights).mul_(self.scale)
        d_scores.masked_fill_(self._padding(heads), 0.0)
        d_scores = d_scores.to(query.dtype)
        d_query = self._pack(torch.bmm(d_scores, self._pad_heads(key, heads)))
        d_key = self._pack(torch.bmm(d_scores.transpose(1, 2), self._pad(query[0])))
        d_value = self._pack(torch.bmm(weights.to(grad.dtype).transpose(1, 2), padded_grad))
        return d_query, _sum_heads(d_key, groups), _sum_heads(d_value, groups)

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Scaled scores [H * E, S, S] in fp32, -inf where a token may not look."""
        blocks = torch.bmm(self._pad(query[0]), self._pad_heads(key, query.shape[1]).transpose(1, 2)).float()
        place = torch.arange(self.packing.longest, device=blocks.device)
        back = place[:, None] - place[None]
        hidden = back < 0
        if self.window is not None:
            hidden |= back >= self.window
        return blocks.mul_(self.scale).masked_fill_(hidden, -math.inf)

    def _padding(self, heads: int) -> Tensor:
        """[H * E, S, 1], true for padding."""
        rows = self.packing.padding.view(1, -1).expand(heads, -1)
        return rows.reshape(-1, self.packing.longest, 1)

    def _pad(self, packed: Tensor) -> Tensor:
        """[h, M, D] to [h * E, S, D]; padding repeats row 0."""
        padded = packed.index_select(1, self.packing.to_padded)
        return padded.reshape(-1, self.packing.longest, packed.shape[-1])

    def _pad_heads(self, packed: Tensor, heads: int) -> Tensor:
        """[1, G, M, D] to [H * E, S, D], each key or value head repeated for its query heads."""
        padded = packed[0].index_select(1, self.packing.to_padded)
        repeated = padded[:, None].expand(-1, heads // packed.shape[1], -1, -1)
        return repeated.reshape(-1, self.packing.longest, packed.shape[-1])

    def _pack(self, padded: Tensor) -> Tensor:
        """[h * E, S, D] to [h, M, D]."""
        flat = padded.reshape(-1, len(self.packing.lengths) * self.packing.longest, padded.shape[-1])
        return flat.index_select(1, self.packing.to_packed)

    def _pack_rows(self, padded: Tensor) -> Tensor:
        """[h * E, S] to [h, M]."""
        return self._pack(padded[..., None])[..., 0]


class FlashInner(Inner):
    """One sequence over itself through PyTorch's fused CPU kernel, which keeps no M x M matrix."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `Inner.forward`; no weights are kept, the kernel computes them again."""
        heads = query.shape[1]
        output, lse = _flash(query, _repeat(key, heads), _repeat(value, heads), is_causal=True, scale=self.scale)
        return output[0].contiguous(), lse[0], lse.new_empty(0)

    def shrink(self, weights: Tensor, share: Tensor) -> Tensor:
        """Nothing to shrink: the kernel's backward pass gets the joint log-sum-exp."""
        return weights

    def backward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        grad: Tensor,
        mixed: Tensor,
        total: Tensor,
        delta: Tensor,
        weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `Inner.backward`."""
        heads, groups = query.shape[1], key.shape[1]
        d_query, d_key, d_value = _flash_backward(
            grad[None], query, _repeat(key, heads), _repeat(value, heads), mixed[None], total[None], 0.0, True,
            scale=self.scale,
        )  # fmt: skip
        return d_query[0].contiguous(), _sum_heads(d_key[0], groups), _sum_heads(d_value[0], groups)


def inner_part(query: Tensor, packing: Packing, scale: float, window: int | None) -> Inner:
    """The fused kernel where it computes the same, else blocks."""
    plain = window is None or window >= packing.longest
    # The kernel knows one causal sequence and no window; several suffixes in one row would see each other.
    flash = plain and len(packing.lengths) == 1 and _is_fused(query, packing.longest)
    return (FlashInner if flash else Inner)(packing, scale, window)


def _repeat(key: Tensor, heads: int) -> Tensor:
    """[1, G, M, D] to [1, H, M, D] without a copy."""
    _, groups, length, width = key.shape
    return key if groups == heads else key[:, :, None].expand(1, groups, heads // groups, length, width).flatten(1, 2)


def _sum_heads(per_query_head: Tensor, groups: int) -> Tensor:
    """[H, M, D] to [G, M, D]: the gradient of a key head is the sum over the query heads that share it."""
    heads, *rest = per_query_head.shape
    return per_query_head if heads == groups else per_query_head.reshape(groups, heads // groups, *rest).sum(1)


def outer_part(query: Tensor, packing: Packing, scale: float, window: int | None) -> Outer:
    """The fused kernel where every row sees the whole prefix, else plain products with a mask for the window."""
    reach = packing.prefix + packing.longest
    hidden = None
    if window is not None and window < reach:
        # How far each packed row is behind each token of the prefix, in positions.
        before = packing.positions[:, None] - torch.arange(packing.prefix, device=query.device)[None]
        hidden = before >= window  # [M, P]
    flash = hidden is None and _is_fused(query, packing.prefix)
    return (FlashOuter if flash else Outer)(scale, hidden)


class Outer:
    """All packed rows over the prefix, query heads that share a key head folded into the rows."""

    def __init__(self, scale: float, hidden: Tensor | None) -> None:
        self.scale, self.hidden = scale, hidden

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Output [H, M, D] of this part alone and its log-sum-exp [H, M]; a row that sees nothing of the prefix
        has an output of zeros and a log-sum-exp of -inf."""
        scores = self._scores(query, key)
        highest = scores.amax(-1)
        weights = torch.softmax(scores, -1)
        # log-sum-exp from what softmax has computed, as in `Inner.forward`.
        lse = highest - weights.amax(-1).log_()
        if self.hidden is not None:
            # With a sliding window a late row may see nothing of the prefix: softmax over -inf alone is NaN.
            weights.nan_to_num_(0.0)
            lse.masked_fill_(highest == -math.inf, -math.inf)
        output = torch.bmm(weights.to(value.dtype), value[0])
        return output.reshape(query.shape[1:]), lse.reshape(query.shape[1:3])

    def backward(
        self, query: Tensor, key: Tensor, value: Tensor, grad: Tensor, mixed: Tensor, total: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients of query [H, M, D], and of the prefix's key and value [1, G, P, D]."""
        groups = key.shape[1]
        folded_query, folded_grad = _fold(query[0], groups), _fold(grad, groups)
        # Computed anew instead of kept, which would be H x M x P numbers in fp32 for each layer. Against the joint
        # log-sum-exp they are shares of the whole, as the flash backward wants them.
        weights = self._scores(query, key).sub_(total.reshape(groups, -1, 1)).exp_()
        d_value = torch.bmm(weights.to(grad.dtype).transpose(1, 2), folded_grad)
        d_scores = torch.bmm(folded_grad, value[0].transpose(1, 2)).float()
        d_scores = d_scores.sub_(delta.reshape(groups, -1, 1)).mul_(weights).mul_(self.scale).to(query.dtype)
        d_query = torch.bmm(d_scores, key[0]).reshape(query.shape[1:])
        d_key = torch.bmm(d_scores.transpose(1, 2), folded_query)
        return d_query, d_key[None], d_value[None]

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        """[G, H / G * M, P] in fp32."""
        groups = key.shape[1]
        scores = torch.bmm(_fold(query[0], groups), key[0].transpose(1, 2)).float().mul_(self.scale)
        if self.hidden is not None:
            scores.view(groups, -1, *self.hidden.shape).masked_fill_(self.hidden, -math.inf)
        return scores


class FlashOuter(Outer):
    """The same through PyTorch's fused CPU kernel, which keeps no P x M matrix."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """As `Outer.forward`."""
        # Not causal: every suffix comes after the whole prefix. Folding makes the query heads of a group rows of its
        # key head, so the prefix's keys are not repeated.
        folded = _fold(query[0], key.shape[1])[None]
        output, lse = _flash(folded, key, value, scale=self.scale)
        return output.reshape(query.shape[1:]), lse.reshape(query.shape[1:3])

    def backward(
        self, query: Tensor, key: Tensor, value: Tensor, grad: Tensor, mixed: Tensor, total: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `Outer.backward`."""
        groups = key.shape[1]
        d_query, d_key, d_value = _flash_backward(
            _fold(grad, groups)[None],
            _fold(query[0], groups)[None],
            key,
            value,
            _fold(mixed, groups)[None],
            total.reshape(1, groups, -1),
            0.0,
            False,
            scale=self.scale,
        )
        return d_query.reshape(query.shape[1:]), d_key, d_value


def _fold(heads_first: Tensor, groups: int) -> Tensor:
    """[H, M, D] to [G, H / G * M, D]; free for a contiguous tensor."""
    return heads_first.reshape(groups, -1, heads_first.shape[-1])
