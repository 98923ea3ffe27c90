"""Attention of many packed suffixes over one shared prefix, and of the prefix itself.

Registered with transformers under the name NAME, so that every architecture that goes through its
attention interface computes with it, unpatched. Two modes, set by `Sharing`:

- prefix: one sequence, causal. Keys and values of every layer are kept for the suffixes.
- suffix: several suffixes packed end to end in one row of M tokens. Each token sees the whole prefix
  and the earlier tokens of its own suffix. No padding, no mask over the prefix, no copy of its keys:
  the prefix part is one attention call of all rows against P keys; the part within the suffixes is a
  batch of small ones; the two are joined by their log-sum-exp.

The two parts are in `kernels`, the packing in `packing`; here is what joins them.

Exact: with l1, l2 the log-sum-exp of the two parts and l = log(e^l1 + e^l2), the output is
e^(l1-l) o1 + e^(l2-l) o2, and each part's backward is that of an ordinary attention whose
probabilities are e^(score - l) (the flash-attention backward with the joint l and the joint output:
Dao et al. 2022, https://arxiv.org/abs/2205.14135, algorithm 4).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.kernels import inner_part, outer_part
from aeon_plugin_ft.training.engine.packing import Packing

NAME = "aeon_shared_prefix"

KeyValue = tuple[Tensor, Tensor]
"""Keys and values of one layer, each [1, kv heads, P, head dim]."""


class NotShareableError(Exception):
    """The model's attention does something that prefix sharing has no exact form for."""


class PrefixDone(Exception):
    """Raised inside the last layer once its keys and values are kept; the rest of the pass is not needed."""


class Sharing:
    """What the attention calls of one pass are about; the model's layers find it through `active`."""

    # Of the class, for the process: the layers are called by transformers and can be handed nothing of ours. A worker
    # computes in one thread.
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
    # transformers numbers its attention layers, which is what ties a layer's suffix pass to its prefix pass.
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    if sharing.keep:
        sharing.kept[layer] = (key, value)
        # The last layer's output over the prefix predicts nothing that is scored: its attention, its MLP and the
        # head are not computed at all.
        if len(sharing.kept) == sharing.layers:
            raise PrefixDone
    scale = 1 / math.sqrt(query.shape[-1]) if scaling is None else float(scaling)
    empty = key.new_zeros(1, key.shape[1], 0, key.shape[3])
    before = sharing.prefix.get(layer, (empty, empty))
    # A layer that was skipped in the prefix pass would silently see the suffixes alone.
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
        inner = inner_part(query, packing, scale, window)
        mixed, total, kept = inner.forward(query, key, value)
        outer = None
        if packing.prefix:
            # e^(l1-l) and e^(l2-l): each at most 1, so that nothing overflows however far apart the two are.
            outer = outer_part(query, packing, scale, window)
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
        # The sum of probability times its gradient over all keys, of both parts at once (algorithm 4's D): it follows
        # from the joint output, so neither part needs the other's probabilities.
        delta = (grad.float() * mixed.float()).sum(-1)  # [H, M]
        d_query, d_key, d_value = ctx.inner.backward(query, key, value, grad, mixed, total, delta, kept)
        d_prefix_key = d_prefix_value = None
        if ctx.outer is not None:
            outer_query, d_prefix_key, d_prefix_value = ctx.outer.backward(
                query, prefix_key, prefix_value, grad, mixed, total, delta
            )
            d_query += outer_query
        return d_query[None], d_key[None], d_value[None], d_prefix_key, d_prefix_value, None, None, None
