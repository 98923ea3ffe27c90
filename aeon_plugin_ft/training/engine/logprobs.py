"""Log-probabilities of a padded batch as one differentiable operator on the shared-prefix engine.

TRL's preference trainers ask the model for `model(..., labels=labels, fused_lm_head=True).log_probs`, sum
them over each reply, and compute their loss from the sums. `through_engine` answers that question with the
engine: the sums come from one pass without gradients, and when the loss asks for the sums' gradients, a
second pass adds the adapter's. The loss, the reference model and the schedule stay TRL's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from trl.trainer.utils import FusedCausalLMOutput

from aeon_plugin_ft.training.engine.shared import SharedPrefix
from aeon_plugin_ft.training.plan import IGNORED, Row


@contextmanager
def through_engine(engine: SharedPrefix) -> Iterator[None]:
    """While this is open, TRL's fused head of the engine's model computes on the engine."""
    causal = engine.causal
    stock = causal.forward

    def forward(*args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return stock(*args, **kwargs)
        return _scored(engine, kwargs["input_ids"], kwargs["attention_mask"], kwargs["labels"])

    # On the instance, where it hides the class's method for this one model.
    causal.forward = forward
    try:
        yield
    finally:
        causal.forward = stock


def _scored(engine: SharedPrefix, ids: Tensor, mask: Tensor, labels: Tensor) -> FusedCausalLMOutput:
    """What TRL's fused head returns for ids, mask and labels [B, L]. `log_probs` [B, L - 1] holds the sum of
    each row at its first place, and zeros: the losses used here read nothing but the sums. The fields that
    only TRL's own log shows (entropy, mean logits, accuracy) are zeros."""
    rows = _rows(ids, mask, labels)
    anchor = torch.zeros((), requires_grad=True, device=ids.device)  # makes the result part of the graph
    sums: Tensor = _RowLogProbs.apply(anchor, engine, rows)  # type: ignore[no-untyped-call]
    # One place fewer than tokens (the first is predicted by nothing), and one of those is taken by the sum.
    rest = sums.new_zeros(len(rows), ids.shape[1] - 2)
    nothing = sums.new_zeros(len(rows), ids.shape[1] - 1)
    return FusedCausalLMOutput(
        loss=None,
        log_probs=torch.cat([sums[:, None], rest], 1),
        entropy=nothing,
        mean_logits=nothing,
        is_top1=nothing.bool(),
        label_mask=labels[:, 1:] != IGNORED,
    )


def _rows(ids: Tensor, mask: Tensor, labels: Tensor) -> list[Row]:
    lengths = mask.sum(-1).tolist()
    return [
        Row(tuple(i[:n]), tuple(lab[:n]))
        for i, lab, n in zip(ids.tolist(), labels.tolist(), lengths, strict=True)
    ]  # fmt: skip


class _RowLogProbs(torch.autograd.Function):
    """Summed log-probability of each row's supervised tokens, nats [B]."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, engine: SharedPrefix, rows: Sequence[Row]) -> Tensor:
        ctx.engine, ctx.rows = engine, rows
        return -torch.tensor(engine.losses(rows), device=anchor.device)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        # Autograd runs backward passes without recording; this one contains a forward pass of its own.
        with torch.enable_grad():
            # The adapter's gradients are added on the side, past autograd, which sees this operator as a dead end.
            # Minus: the engine weighs losses, and a loss is the negative of a log-probability.
            ctx.engine.accumulate(ctx.rows, (-gradients[0]).tolist())
        return None, None, None
