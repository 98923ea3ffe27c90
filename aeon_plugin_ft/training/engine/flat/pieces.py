"""What lies between the matrix products of a layer, forward and backward, each in as few passes as PyTorch has.

Sums are made in fp32 whatever the type; results are of the type of the input. Letters in shapes: T tokens, n width,
h heads of D numbers, F inner width.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Pieces(Protocol):
    """One way to compute them. Written tensors are named in each method; all others are read."""

    def norm(self, x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        """RMS norm (https://arxiv.org/abs/1910.07467) of x [..., n]: (x r w, r [..., 1] in fp32)."""

    def normed(self, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        """The first of what `norm` gave, from the second."""

    def norm_backward(self, grad: Tensor, x: Tensor, weight: Tensor, scale: Tensor, into: Tensor | None) -> Tensor:
        """The gradient of x, added to `into` (which is written) where there is one. `scale` is r."""

    def rope(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x [T, h, D] turned by angles of cos, sin [T, 1, D / 2], the first half of D being the one part and the
        second the other (https://arxiv.org/abs/2104.09864). Turned by -sin it comes back, and so do gradients."""

    def gate(self, both: Tensor) -> Tensor:
        """silu(g) u [T, F] of both = [g | u] [T, 2 F]."""

    def gate_backward(self, grad: Tensor, both: Tensor) -> Tensor:
        """The gradient of both [T, 2 F] from that of `gate`'s output."""

    def join(self, output: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
        """Two parts of an attention as one: output [T, h, D] and lse [h, T], both written, with another part."""


class Eager:
    """Operator by operator: everywhere, and where there is no compiler."""

    def norm(self, x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        """As `Pieces.norm`."""
        width = x.shape[-1]
        if x.is_cuda:
            made: tuple[Tensor, Tensor] = torch.ops.aten._fused_rms_norm(x, [width], weight, epsilon)
            return made
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = torch.addcmul(length.new_full((), epsilon), length, length, value=1 / width).rsqrt_()
        return self.normed(x, weight, scale), scale

    def normed(self, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        """As `Pieces.normed`."""
        made = torch.empty_like(x)
        torch.mul(x, scale, out=made)
        return made.mul_(weight)

    def norm_backward(self, grad: Tensor, x: Tensor, weight: Tensor, scale: Tensor, into: Tensor | None) -> Tensor:
        """As `Pieces.norm_backward`."""
        width = x.shape[-1]
        if x.is_cuda:
            back: Tensor = torch.ops.aten._fused_rms_norm_backward(
                grad, x, [width], scale, weight, [True, False]
            )[0]  # fmt: skip
            return back if into is None else into.add_(back)
        weighted = grad * weight
        # d x = r (w g - x r^2 / n <w g, x>): the second term is what r itself owes to x.
        along = torch.linalg.vecdot(weighted, x)[..., None] * scale.square()
        weighted.addcmul_(x, along, value=-1 / width)
        return weighted.mul_(scale) if into is None else into.addcmul_(weighted, scale)

    def rope(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """As `Pieces.rope`."""
        half = x.shape[-1] // 2
        pairs = x.unflatten(-1, (2, half))
        made = pairs * cos[:, :, None]
        made[:, :, 0].addcmul_(pairs[:, :, 1], sin, value=-1)
        made[:, :, 1].addcmul_(pairs[:, :, 0], sin)
        return made.flatten(-2)

    def gate(self, both: Tensor) -> Tensor:
        """As `Pieces.gate`."""
        gate, up = both.chunk(2, -1)
        return torch.nn.functional.silu(gate).mul_(up)

    def gate_backward(self, grad: Tensor, both: Tensor) -> Tensor:
        """As `Pieces.gate_backward`."""
        gate, up = both.chunk(2, -1)
        made = torch.empty_like(both)
        of_gate, of_up = made.chunk(2, -1)
        torch.mul(grad, torch.nn.functional.silu(gate), out=of_up)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=of_gate)
        return made

    def join(self, output: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
        """As `Pieces.join`."""
        joint = torch.logaddexp(lse, other_lse)
        # e^(l1-l) and e^(l2-l): each at most 1, so that nothing overflows however far apart the two are.
        output.mul_((lse - joint).exp_().t()[..., None])
        output.addcmul_(other, (other_lse - joint).exp_().t()[..., None].to(output.dtype))
        lse.copy_(joint)
