"""What lies between the matrix products of a layer, forward and backward, each in as few operators as PyTorch has.

Made into one kernel each by PyTorch's compiler they took as much of an H100's time (a step of a 1B: 33 ms either way),
and calling what it makes took longer than the launches that were saved (62 ms a step in place of 49).

Sums are made in fp32 whatever the type; results are of the type of the input. Letters in shapes: T tokens, n width,
h heads of D numbers, F inner width.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def norm(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """RMS norm (https://arxiv.org/abs/1910.07467) of x [..., n]: (x r w, r [..., 1] in fp32)."""
    if has_fused_norm(x):
        made: tuple[Tensor, Tensor] = torch.ops.aten._fused_rms_norm(x, [x.shape[-1]], weight, epsilon)
        return made
    scale = norm_scale(x, epsilon)
    return normed_again(x, weight, epsilon, scale)[0], scale


def norm_scale(x: Tensor, epsilon: float) -> Tensor:
    """What an RMS norm multiplies x [..., n] with before its weight [..., 1], in fp32."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    return torch.addcmul(_constant(epsilon, x.device), length, length, value=1 / x.shape[-1]).rsqrt_()


def normed_again(x: Tensor, weight: Tensor, epsilon: float, scale: Tensor) -> tuple[Tensor, Tensor]:
    """(the first of what `norm` gave, made again, the same without the weight) from the second."""
    if has_fused_norm(x):
        # One kernel makes both anew, and `norm_backward` asks for nothing there.
        return norm(x, weight, epsilon)[0], x
    bare = torch.empty_like(x)
    torch.mul(x, scale, out=bare)
    return bare * weight, bare


def norm_backward(
    grad: Tensor, x: Tensor, bare: Tensor, weight: Tensor, scale: Tensor, into: Tensor | None = None
) -> Tensor:
    """The gradient of x, added to `into` (which is written) where there is one. `bare` is x r, `scale` is r."""
    if has_fused_norm(x):
        back: Tensor = torch.ops.aten._fused_rms_norm_backward(grad, x, [x.shape[-1]], scale, weight, [True, False])[0]
        return back if into is None else into.add_(back)
    weighted = grad * weight
    # d x = r (w g - x r <w g, x r> / n): the second term is what r itself owes to x.
    weighted.addcmul_(bare, torch.linalg.vecdot(weighted, bare)[..., None], value=-1 / x.shape[-1])
    return weighted.mul_(scale) if into is None else into.addcmul_(weighted, scale)


def has_fused_norm(x: Tensor) -> bool:
    """Whether PyTorch has one kernel for it there."""
    return x.is_cuda and hasattr(torch.ops.aten, "_fused_rms_norm_backward")


@cache
def _constant(value: float, device: torch.device) -> Tensor:
    return torch.full((), value, device=device)


def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [T, h, D] turned by angles of cos, sin [T, 1, D / 2], the first half of D being the one part and the second
    the other (https://arxiv.org/abs/2104.09864). Turned by -sin it comes back, and so do gradients."""
    pairs = x.view(*x.shape[:-1], 2, x.shape[-1] // 2)
    made = pairs * cos[:, :, None]
    made[:, :, 0].addcmul_(pairs[:, :, 1], sin, value=-1)
    made[:, :, 1].addcmul_(pairs[:, :, 0], sin)
    return made.view(x.shape)


def gate(both: Tensor) -> tuple[Tensor, Tensor]:
    """(silu(g) u [T, F], silu(g)) of both = [g | u] [T, 2 F]."""
    half = both.shape[-1] // 2
    opened = torch.nn.functional.silu(both[:, :half])
    return opened * both[:, half:], opened


def gate_backward(grad: Tensor, both: Tensor, opened: Tensor) -> Tensor:
    """The gradient of both [T, 2 F] from that of `gate`'s output and its second result. `grad` is written."""
    half = both.shape[-1] // 2
    made = torch.empty_like(both)
    torch.mul(grad, opened, out=made[:, half:])
    torch.ops.aten.silu_backward.grad_input(grad.mul_(both[:, half:]), both[:, :half], grad_input=made[:, :half])
    return made


def join(output: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    """Two parts of an attention as one: output [T, h, D] and lse [h, T], both written, with another part.

    With l the log-sum-exp of the two, the share of the first is e^(lse - l) = sigmoid(lse - other_lse): no number
    overflows however far apart the two are.
    """
    share = torch.sub(lse, other_lse).sigmoid_().t()[..., None]
    torch.lerp(other, output, share.to(output.dtype), out=output)
    torch.logaddexp(lse, other_lse, out=lse)
