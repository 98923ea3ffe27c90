"""Attention of many packed suffixes over one shared prefix, and of the prefix itself.

Registered with transformers under the name NAME, so that every architecture that goes through its
attention interface computes with it, unpatched. Three modes, set by `Sharing`:

- prefix: one sequence, causal. Keys and values of every layer are kept for the suffixes.
- suffix: several suffixes packed end to end in one row of M tokens. Each token sees the whole prefix
  and the earlier tokens of its own suffix. No padding, no mask over the prefix, no copy of its keys:
  the prefix part is one attention call of all rows against P keys; the part within the suffixes is a
  batch of small ones; the two are joined by their log-sum-exp.

Exact: with l1, l2 the log-sum-exp of the two parts and l = log(e^l1 + e^l2), the output is
e^(l1-l) o1 + e^(l2-l) o2, and each part's backward is that of an ordinary attention whose
probabilities are e^(score - l) (the flash-attention backward with the joint l and the joint output:
Dao et al. 2022, https://arxiv.org/abs/2205.14135, algorithm 4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

NAME = "aeon_shared_prefix"

KeyValue = tuple[Tensor, Tensor]
"""Keys and values of one layer, each [1, kv heads, P, head dim]."""

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


class NotShareableError(Exception):
    """The model's attention does something that prefix sharing has no exact form for."""


class PrefixDone(Exception):
    """Raised inside the last layer once its keys and values are kept; the rest of the pass is not needed."""


@dataclass(frozen=True, slots=True)
class Packing:
    """Suffixes of `lengths` tokens packed end to end (M = their sum) behind a prefix of `prefix` tokens.

    `to_padded` [E * S] gives the packed row of each padded place (0 for padding), `to_packed` [M] the
    padded place of each packed row, `padding` [E * S] is true for padding; E suffixes of at most S tokens.
    """

    prefix: int
    lengths: tuple[int, ...]
    to_padded: Tensor
    to_packed: Tensor
    padding: Tensor
    positions: Tensor

    @property
    def longest(self) -> int:
        return max(self.lengths)

    @classmethod
    def of(cls, lengths: Sequence[int], prefix: int, device: torch.device | str = "cpu") -> Packing:
        longest = max(lengths)
        size = torch.tensor(lengths)
        place = torch.arange(longest)[None].expand(len(lengths), -1)  # [E, S]
        real = place < size[:, None]
        start = torch.cumsum(size, 0) - size
        to_padded = torch.where(real, start[:, None] + place, 0).flatten()
        to_packed = real.flatten().nonzero().flatten()
        positions = prefix + place[real]
        return cls(
            prefix,
            tuple(lengths),
            to_padded.to(device),
            to_packed.to(device),
            (~real).flatten().to(device),
            positions.to(device),
        )


class Sharing:
    """What the attention calls of one pass are about; the model's layers find it through `active`."""

    active: Sharing | None = None

    def __init__(self, layers: int, packing: Packing, prefix: dict[int, KeyValue] | None = None) -> None:
        self.layers = layers
        self.packing = packing
        self.prefix = prefix or {}
        self.keep = False
        self.kept: dict[int, KeyValue] = {}

    @classmethod
    def of_prefix(cls, length: int, layers: int, device: torch.device | str = "cpu") -> Sharing:
        """The pass over the prefix itself: one sequence with nothing before it, whose keys are kept."""
        made = cls(layers, Packing.of([length], 0, device))
        made.keep = True
        return made

    def __enter__(self) -> Sharing:
        Sharing.active = self
        return self

    def __exit__(self, *exc: object) -> None:
        Sharing.active = None


def shared_prefix_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """The attention interface of transformers. query [1, H, M, D], key and value [1, G, M, D]; returns
    [1, M, H, D]. Raises NotShareableError for dropout, soft-capping, sinks and masks of the model's own."""
    sharing = Sharing.active
    if sharing is None:
        raise NotShareableError("a forward pass outside the shared-prefix engine")
    for name, there in (
        ("attention dropout", dropout > 0),
        ("soft-capped scores", kwargs.get("softcap") is not None),
        ("attention sinks", kwargs.get("s_aux") is not None),
        ("a position bias", kwargs.get("position_bias") is not None),
        ("its own attention mask", attention_mask is not None),
        ("non-causal attention", kwargs.get("is_causal") is False or getattr(module, "is_causal", True) is False),
        ("values of another width than its keys", key.shape[-1] != value.shape[-1]),
    ):
        if there:
            raise NotShareableError(f"the model's attention has {name}")
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    if sharing.keep:
        sharing.kept[layer] = (key, value)
        if len(sharing.kept) == sharing.layers:
            raise PrefixDone
    scale = 1 / math.sqrt(query.shape[-1]) if scaling is None else float(scaling)
    empty = key.new_zeros(1, key.shape[1], 0, key.shape[3])
    before = sharing.prefix.get(layer, (empty, empty))
    if before[0].shape[2] != sharing.packing.prefix:
        raise NotShareableError(f"layer {layer} kept no keys of the prefix")
    mixed: Tensor = _SuffixAttention.apply(  # type: ignore[no-untyped-call]
        query, key, value, *before, sharing.packing, scale, sliding_window
    )
    return mixed.transpose(1, 2), None


class _SuffixAttention(torch.autograd.Function):
    """Packed suffixes over a shared prefix; see the module's docstring for the arithmetic."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        prefix_key: Tensor,
        prefix_value: Tensor,
        packing: Packing,
        scale: float,
        window: int | None,
    ) -> Tensor:
        query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
        inner = _inner(query, packing, scale, window)
        mixed, total, kept = inner.forward(query, key, value)
        outer = None
        if packing.prefix:
            outer = _outer(query, packing, scale, window)
            output, lse = outer.forward(query, prefix_key, prefix_value)
            joint = torch.logaddexp(total, lse)
            inner_share = (total - joint).exp_()
            mixed.mul_(inner_share[..., None]).addcmul_(output, (lse - joint).exp_()[..., None].to(mixed.dtype))
            kept, total = inner.shrink(kept, inner_share), joint
        ctx.save_for_backward(query, key, value, prefix_key, prefix_value, mixed, total, kept)
        ctx.inner, ctx.outer = inner, outer
        return mixed[None]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, prefix_key, prefix_value, mixed, total, kept = ctx.saved_tensors
        grad = gradients[0][0].contiguous()  # [H, M, D]
        delta = (grad.float() * mixed.float()).sum(-1)  # [H, M]
        d_query, d_key, d_value = ctx.inner.backward(query, key, value, grad, mixed, total, delta, kept)
        d_prefix_key = d_prefix_value = None
        if ctx.outer is not None:
            outer_query, d_prefix_key, d_prefix_value = ctx.outer.backward(
                query, prefix_key, prefix_value, grad, mixed, total, delta
            )
            d_query += outer_query
        return d_query[None], d_key[None], d_value[None], d_prefix_key, d_prefix_value, None, None, None


class _Inner:
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
        padded_grad = self._pad(grad).masked_fill_(self._padding(heads), 0.0)
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


class _FlashInner(_Inner):
    """One sequence over itself through PyTorch's fused CPU kernel, which keeps no M x M matrix."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heads = query.shape[1]
        output, lse = _flash(query, _repeat(key, heads), _repeat(value, heads), is_causal=True, scale=self.scale)
        return output[0].contiguous(), lse[0], lse.new_empty(0)

    def shrink(self, weights: Tensor, share: Tensor) -> Tensor:
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
        heads, groups = query.shape[1], key.shape[1]
        d_query, d_key, d_value = _flash_backward(
            grad[None], query, _repeat(key, heads), _repeat(value, heads), mixed[None], total[None], 0.0, True,
            scale=self.scale,
        )  # fmt: skip
        return d_query[0].contiguous(), _sum_heads(d_key[0], groups), _sum_heads(d_value[0], groups)


def _inner(query: Tensor, packing: Packing, scale: float, window: int | None) -> _Inner:
    plain = window is None or window >= packing.longest
    flash = query.device.type == "cpu" and plain and len(packing.lengths) == 1
    return (_FlashInner if flash else _Inner)(packing, scale, window)


def _repeat(key: Tensor, heads: int) -> Tensor:
    """[1, G, M, D] to [1, H, M, D] without a copy."""
    _, groups, length, width = key.shape
    return key if groups == heads else key[:, :, None].expand(1, groups, heads // groups, length, width).flatten(1, 2)


def _sum_heads(per_query_head: Tensor, groups: int) -> Tensor:
    """[H, M, D] to [G, M, D]: the gradient of a key head is the sum over the query heads that share it."""
    heads, *rest = per_query_head.shape
    return per_query_head if heads == groups else per_query_head.reshape(groups, heads // groups, *rest).sum(1)


def _outer(query: Tensor, packing: Packing, scale: float, window: int | None) -> _Outer:
    reach = packing.prefix + packing.longest
    hidden = None
    if window is not None and window < reach:
        before = packing.positions[:, None] - torch.arange(packing.prefix, device=query.device)[None]
        hidden = before >= window  # [M, P]
    flash = query.device.type == "cpu" and hidden is None
    return (_FlashOuter if flash else _Outer)(scale, hidden)


class _Outer:
    """All packed rows over the prefix, query heads that share a key head folded into the rows."""

    def __init__(self, scale: float, hidden: Tensor | None) -> None:
        self.scale, self.hidden = scale, hidden

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Output [H, M, D] of this part alone and its log-sum-exp [H, M]; a row that sees nothing of the prefix
        has an output of zeros and a log-sum-exp of -inf."""
        scores = self._scores(query, key)
        lse = scores.logsumexp(-1)
        weights = torch.softmax(scores, -1).nan_to_num_(0.0)
        output = torch.bmm(weights.to(value.dtype), value[0])
        return output.reshape(query.shape[1:]), lse.reshape(query.shape[1:3])

    def backward(
        self, query: Tensor, key: Tensor, value: Tensor, grad: Tensor, mixed: Tensor, total: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        groups = key.shape[1]
        folded_query, folded_grad = _fold(query[0], groups), _fold(grad, groups)
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


class _FlashOuter(_Outer):
    """The same through PyTorch's fused CPU kernel, which keeps no P x M matrix."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        folded = _fold(query[0], key.shape[1])[None]
        output, lse = _flash(folded, key, value, scale=self.scale)
        return output.reshape(query.shape[1:]), lse.reshape(query.shape[1:3])

    def backward(
        self, query: Tensor, key: Tensor, value: Tensor, grad: Tensor, mixed: Tensor, total: Tensor, delta: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
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
