"""The pieces between a layer's products as one kernel each, made by PyTorch's compiler.

Where there is none (Windows without Triton, a machine without a C++ compiler), `best_pieces` says so once and gives
the ones that run operator by operator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.flat.pieces import Eager, Pieces
from aeon_plugin_ft.training.engine.loading import CARDS

log = logging.getLogger(__name__)


TOKENS = (96, 160)
"""Two numbers of tokens to compile for: what differs between them is an argument of a kernel, all else is built in."""


def best_pieces(device: torch.device, config: Any, dtype: torch.dtype = torch.bfloat16) -> Pieces:
    """Compiled ones on a card, where they compile; else the others. `config` is the model's text config."""
    if device.type not in CARDS:
        # On a processor they are a tenth of a step, and compiling takes longer than they would save in an hour.
        return Eager()
    pieces = Compiled()
    try:
        with torch.no_grad():
            for tokens in TOKENS:
                warm(pieces, tokens, config, device, dtype)
    except Exception as error:  # noqa: BLE001 - whatever a compiler raises, the other pieces compute the same
        log.warning("No compiler for this card (%s: %s): running operator by operator", type(error).__name__, error)
        return Eager()
    return pieces


def warm(pieces: Pieces, tokens: int, config: Any, device: torch.device, dtype: torch.dtype) -> None:
    """Compute each of them once, in a model's sizes; raises what a compiler raises."""
    made = {"device": device, "dtype": dtype}
    heads, groups = int(config.num_attention_heads), int(config.num_key_value_heads)
    width = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    x, weight = torch.ones(tokens, int(config.hidden_size), **made), torch.ones(int(config.hidden_size), **made)
    normed, scale = pieces.norm(x, weight, 1e-5)
    pieces.normed(x, weight, scale)
    pieces.norm_backward(normed, x, weight, scale, None)
    pieces.norm_backward(normed, x, weight, scale, x.clone())
    angles = torch.ones(tokens, 1, width, **made)[..., : width // 2]
    pieces.rope(torch.ones(tokens, heads + groups, width, **made), angles, angles)
    both = torch.ones(tokens, 2 * int(config.intermediate_size), **made)
    pieces.gate_backward(pieces.gate(both), both)
    output, lse = torch.ones(tokens, heads, width, **made), torch.ones(heads, 2 * tokens, device=device)
    pieces.join(output, lse[:, tokens:], output.clone(), lse[:, :tokens].clone())


class Compiled:
    """As `Pieces`: plain formulas, compiled for any number of tokens."""

    def __init__(self) -> None:
        self._norm = _compile(_norm)
        self._normed = _compile(_normed)
        self._norm_backward = _compile(_norm_backward)
        self._norm_backward_onto = _compile(_norm_backward_onto)
        self._rope = _compile(_rope)
        self._gate = _compile(_gate)
        self._gate_backward = _compile(_gate_backward)
        self._join = _compile(_join)

    def norm(self, x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        """As `Pieces.norm`."""
        made: tuple[Tensor, Tensor] = self._norm(x, weight, epsilon)
        return made

    def normed(self, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        """As `Pieces.normed`."""
        made: Tensor = self._normed(x, weight, scale)
        return made

    def norm_backward(self, grad: Tensor, x: Tensor, weight: Tensor, scale: Tensor, into: Tensor | None) -> Tensor:
        """As `Pieces.norm_backward`."""
        if into is None:
            made: Tensor = self._norm_backward(grad, x, weight, scale)
            return made
        self._norm_backward_onto(grad, x, weight, scale, into)
        return into

    def rope(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """As `Pieces.rope`."""
        made: Tensor = self._rope(x, cos, sin)
        return made

    def gate(self, both: Tensor) -> Tensor:
        """As `Pieces.gate`."""
        made: Tensor = self._gate(both)
        return made

    def gate_backward(self, grad: Tensor, both: Tensor) -> Tensor:
        """As `Pieces.gate_backward`."""
        made: Tensor = self._gate_backward(grad, both)
        return made

    def join(self, output: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
        """As `Pieces.join`."""
        self._join(output, lse, other, other_lse)


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    # Batches differ in their number of tokens: sizes are arguments of the kernel, which is made once.
    made: Callable[..., Any] = torch.compile(function, fullgraph=True, dynamic=True)
    return made


def _norm(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    wide = x.float()
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)
    return (wide * scale * weight).to(x.dtype), scale


def _normed(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return (x.float() * scale * weight).to(x.dtype)


def _norm_backward(grad: Tensor, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    wide, weighted = x.float(), grad.float() * weight
    along = (weighted * wide).mean(-1, keepdim=True)
    return (scale * (weighted - wide * (scale * scale * along))).to(x.dtype)


def _norm_backward_onto(grad: Tensor, x: Tensor, weight: Tensor, scale: Tensor, into: Tensor) -> None:
    wide, weighted = x.float(), grad.float() * weight
    along = (weighted * wide).mean(-1, keepdim=True)
    into.add_(scale * (weighted - wide * (scale * scale * along)))


def _rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.float().chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(x.dtype)


def _gate(both: Tensor) -> Tensor:
    gate, up = both.float().chunk(2, -1)
    return (torch.nn.functional.silu(gate) * up).to(both.dtype)


def _gate_backward(grad: Tensor, both: Tensor) -> Tensor:
    gate, up = both.float().chunk(2, -1)
    wide, open_ = grad.float(), torch.sigmoid(gate)
    d_gate = wide * up * open_ * (1 + gate * (1 - open_))
    return torch.cat([d_gate, wide * gate * open_], -1).to(both.dtype)


def _join(output: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    joint = torch.logaddexp(lse, other_lse)
    mine, others = (lse - joint).exp().t()[..., None], (other_lse - joint).exp().t()[..., None]
    output.copy_(output * mine + other * others)
    lse.copy_(joint)
