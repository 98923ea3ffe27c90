"""The loss of hidden states under a frozen output head, without ever holding all logits.

The gradient of the cross-entropy is known as soon as the logits are, so one pass over chunks of rows
gives both the loss and the gradient for the hidden states; nothing of size rows x vocabulary outlives
its chunk. (The idea of Cut Cross-Entropy, https://arxiv.org/abs/2411.09009, without a kernel.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CHUNK_BYTES = 64 << 20
"""Logits of one chunk, in bytes. Every chunk reads the whole weight twice, so few rows leave the processor waiting for
the memory: with Gemma's 262 thousand words a row of 24 takes twice the time of a row of 64 (docs/training.md)."""
PRECISE_ROWS = 16
"""With fewer rows and several threads MKL adds up a product's terms one after the other, and over a vocabulary of 262
thousand in fp32 that costs two digits (measured: 6e-5 in place of 1e-6, AVX2)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The frozen output layer: `weight` [vocabulary, width], and what the architecture does to its output:
    logits = cap * tanh(weight h / divisor / cap) with `cap` None for no capping."""

    weight: Tensor
    bias: Tensor | None = None
    divisor: float = 1.0
    cap: float | None = None

    @classmethod
    def of(cls, model: torch.nn.Module) -> Head:
        """The head of a transformers causal language model.

        `logits_scaling` divides (Granite), `logit_scale` multiplies (Cohere), `final_logit_softcapping` caps.
        """
        layer: Any = model.get_output_embeddings()  # type: ignore[operator]
        config: Any = model.config.get_text_config()  # type: ignore[union-attr, operator]
        divisor = float(getattr(config, "logits_scaling", None) or 1.0)
        divisor /= float(getattr(config, "logit_scale", None) or 1.0)
        return cls(layer.weight, layer.bias, divisor, getattr(config, "final_logit_softcapping", None))

    @property
    def chunk(self) -> int:
        """Rows whose fp32 logits take CHUNK_BYTES."""
        return max(1, CHUNK_BYTES // (4 * self.weight.shape[0]))

    def logits(self, hidden: Tensor, room: Room | None = None) -> tuple[Tensor, Tensor | None]:
        """fp32 logits [n, vocabulary], and d logits / d raw output where that is not constant; in `room`, if given."""
        raw = self._raw(hidden, room)
        if self.divisor != 1.0:
            raw.div_(self.divisor)
        if self.cap is None:
            return raw, None
        bent = raw.div_(self.cap).tanh_()
        # The derivative of cap * tanh(raw / cap) by raw: the two caps cancel.
        slope = 1 - bent * bent
        return bent.mul_(self.cap), slope

    def _raw(self, hidden: Tensor, room: Room | None) -> Tensor:
        # fp32 before anything is summed: bf16 keeps three digits, too few for a sum over the vocabulary.
        if room is None or self.bias is not None:
            return torch.nn.functional.linear(hidden, self.weight, self.bias).float()
        product = torch.mm(hidden, self.weight.T, out=room.narrow[: len(hidden)])
        wide = room.wide[: len(hidden)]
        return wide if wide.data_ptr() == product.data_ptr() else wide.copy_(product)


class Room:
    """Memory for one chunk's logits, used again by every chunk: what is allocated anew is mapped anew, page by page,
    which takes longer than filling it. `wide` is fp32, `narrow` of the weight's type (the same memory if that is fp32);
    both [rows, vocabulary]."""

    def __init__(self, head: Head, rows: int) -> None:
        size = (min(rows, head.chunk), head.weight.shape[0])
        self.wide = torch.empty(size, device=head.weight.device)
        same = head.weight.dtype == torch.float32
        self.narrow = self.wide if same else torch.empty(size, dtype=head.weight.dtype, device=head.weight.device)


def summed_loss(hidden: Tensor, targets: Tensor, head: Head, weights: Tensor | None = None) -> Tensor:
    """Sum of the cross-entropies, nats. hidden [n, width], targets [n]; differentiable for `hidden` only.

    `weights` [n] multiplies each of them: a negative one makes its token less likely.
    """
    return _SummedLoss.apply(hidden, targets, head, weights)[0]  # type: ignore[no-any-return, no-untyped-call]


def token_losses(hidden: Tensor, targets: Tensor, head: Head) -> Tensor:
    """Cross-entropy of each row, nats [n]; no gradient."""
    with torch.no_grad():
        losses = [
            torch.nn.functional.cross_entropy(head.logits(part)[0], ids, reduction="none")
            for part, ids in zip(torch.split(hidden, head.chunk), torch.split(targets, head.chunk), strict=True)
        ]
        return torch.cat(losses)


def loss_and_gradient(
    hidden: Tensor, targets: Tensor, head: Head, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(what `summed_loss` gives, its gradient for `hidden`)."""
    # In fp64: a sum over thousands of tokens in fp32 would differ with the size of the chunks, and with it the
    # comparison with the stock path. Apple's GPUs have no fp64.
    exact = torch.float64 if hidden.device.type == "cpu" else torch.float32
    total = torch.zeros((), dtype=exact, device=hidden.device)
    # Of hidden's size, filled chunk by chunk: this is all that outlives the loop.
    gradient = torch.empty_like(hidden)
    room = Room(head, hidden.shape[0])
    for start in range(0, hidden.shape[0], head.chunk):
        part = slice(start, start + head.chunk)
        scale = None if weights is None else weights[part]
        total += _chunk(hidden[part], targets[part], head, gradient[part], scale, room)
    return total.float(), gradient


class _SummedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, targets: Tensor, head: Head, weights: Tensor | None) -> tuple[Tensor]:
        total, gradient = loss_and_gradient(hidden, targets, head, weights)
        ctx.save_for_backward(gradient)
        return (total,)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None


def _chunk(hidden: Tensor, targets: Tensor, head: Head, gradient: Tensor, weights: Tensor | None, room: Room) -> Tensor:
    """Summed loss of a chunk; writes d loss / d hidden into `gradient`."""
    logits, slope = head.logits(hidden, room)
    rows = torch.arange(len(targets), device=targets.device)
    of_targets = logits[rows, targets]
    highest = logits.amax(-1)
    # In place from here on, and each pass once: a pass over the vocabulary costs as much as a layer of a small model.
    # What becomes the gradient, softmax - one-hot, stays multiplied by the softmax's denominator until it is narrow.
    odds = logits.sub_(highest[:, None]).exp_()
    denominator = odds.sum(-1)
    losses = denominator.log() + highest - of_targets
    loss = (losses if weights is None else losses * weights).sum()
    # Before anything is rounded: of a token that is known by heart the difference is all there is.
    odds[rows, targets] -= denominator
    if slope is not None:
        odds.mul_(slope)
    scale = 1 / (denominator * head.divisor)
    _back_to_hidden(
        room.narrow[: len(hidden)].copy_(odds), head.weight, scale if weights is None else scale * weights, gradient
    )
    return loss


def _back_to_hidden(d_logits: Tensor, weight: Tensor, scale: Tensor, gradient: Tensor) -> None:
    """scale [n] times d_logits [n, vocabulary] times weight, into `gradient` [n, width]."""
    missing = PRECISE_ROWS - d_logits.shape[0]
    if missing > 0 and d_logits.device.type == "cpu":
        d_logits = torch.nn.functional.pad(d_logits, (0, 0, 0, missing))
    product = torch.mm(d_logits, weight)[: len(gradient)]
    gradient.copy_(product.float().mul_(scale[:, None]))
