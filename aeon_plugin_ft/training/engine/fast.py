"""A LoRA linear layer, and an RMS norm, as one autograd function each.

PEFT computes `base(x) + B(A(dropout(x))) * scale` as seven operators, three of which pass over the whole
output. Here the update is accumulated into the base's output by the matrix product itself, forward and
backward, and nothing but the input and A x is kept. A norm takes fewer passes over its input, and keeps one
number a token beside it. The same numbers up to rounding; used only inside the
shared-prefix engine, so the stock path that it is checked against stays PEFT's and transformers' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor


class FastLayers:
    """Finds the layers of a PEFT model that have the plain form, and swaps their forward in and out."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.layers: list[Any] = [module for module in model.modules() if _plain(module)]
        self.norms: dict[Any, _NormForward] = dict(_plain_norms(model))
        self.between: Callable[[], None] | None = None
        """Called before each product with a frozen weight, also on the way back; may raise."""

    def all_of(self, matrices: Iterable[Tensor]) -> bool:
        """Whether every one of these frozen weights is computed with here, with one adapter, at present."""
        ours = {id(layer.base_layer.weight) for layer in self.layers if _one_adapter(layer)}
        return all(id(matrix) in ours for matrix in matrices)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Layers whose adapter is switched off, merged or doubled meanwhile keep PEFT's own forward."""
        made: dict[Any, Any] = {layer: _Forward(layer, self.between) for layer in self.layers if _one_adapter(layer)}
        made |= self.norms
        try:
            for layer, forward in made.items():
                layer.forward = forward
            yield
        finally:
            for layer in made:
                # Ours lies on the instance and hides the class's method, which comes back by deleting it.
                del layer.forward


class _Forward:
    """Stands for one layer's forward while the engine runs."""

    def __init__(self, layer: Any, between: Callable[[], None] | None = None) -> None:
        (name,) = layer.active_adapters
        self.between = between
        self.base = layer.base_layer
        self.down, self.up = layer.lora_A[name].weight, layer.lora_B[name].weight
        self.scale = float(layer.scaling[name])
        self.unread = False
        """Whether nobody will look at the output, only at its graph."""

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        made: Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]
            inputs, self.base.weight, self.base.bias, self.down, self.up, self.scale, self.between, self.unread
        )
        return made


@contextmanager
def unread(layer: Any) -> Iterator[bool]:
    """While it lasts, the product of a layer that is computed here is left out: its output is only gone back through.
    Yields whether it is; another layer computes as always."""
    forward = layer.__dict__.get("forward")
    if not isinstance(forward, _Forward):
        yield False
        return
    forward.unread = True
    try:
        yield True
    finally:
        forward.unread = False


def is_adapted_linear(output: Tensor) -> bool:
    """Whether a tensor is the very output of a layer that is computed here."""
    return output.grad_fn is not None and output.grad_fn.name() == "_LoraLinearBackward"


class _NormForward:
    """Stands for one norm's forward while the engine runs."""

    def __init__(self, weight: Tensor, epsilon: float) -> None:
        self.weight, self.epsilon = weight, epsilon

    def __call__(self, inputs: Tensor) -> Tensor:
        made: Tensor = _RmsNorm.apply(inputs, self.weight, self.epsilon)  # type: ignore[no-untyped-call]
        return made


def _plain(module: Any) -> bool:
    """An ordinary linear layer in the adapter's precision, or bf16: no DoRA, dropout, biases or quantised weights."""
    return (
        type(module) is Linear
        and type(module.base_layer) is torch.nn.Linear
        and not module.fan_in_fan_out
        and not any(module.use_dora.values())
        and not any(module.lora_bias.values())
        and all(type(dropout) is torch.nn.Identity for dropout in module.lora_dropout.values())
        and {part.weight.dtype for part in module.lora_A.values()} <= {module.base_layer.weight.dtype, torch.float32}
        and not getattr(module, "lora_variant", None)
    )


def _one_adapter(layer: Any) -> bool:
    names = list(layer.active_adapters)
    return not layer.disable_adapters and not layer.merged and len(names) == 1 and names[0] in layer.lora_A


class _LoraLinear(torch.autograd.Function):
    """y = x W' + b + s (x A') B'; W and b are frozen. x [..., in], W [out, in], A [r, in], B [out, r].

    All is computed in x's type, A and B too where theirs is wider. Their gradients are given in their own. W may be of
    a narrower type than all else: its products are then computed in that type.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
        between: Callable[[], None] | None,
        unread: bool = False,
    ) -> Tensor:
        if between is not None:
            between()
        rows = inputs.reshape(-1, inputs.shape[-1])
        ctx.wide = down.dtype
        # Two products with narrow copies of r rows: PEFT would widen each layer's input, and narrow its output.
        down, up = down.to(rows.dtype), up.to(rows.dtype)
        # A x is kept for the backward pass: r numbers a token, where its product with B would be the layer's width.
        low = torch.mm(rows, down.t())
        ctx.save_for_backward(rows, weight, down, up, low)
        ctx.scale, ctx.between = scale, between
        if unread:
            # No number, so that whoever reads it after all is seen to.
            return inputs.new_full((1,), torch.nan).expand(*inputs.shape[:-1], weight.shape[0])
        output = _product(rows, weight.t(), bias)
        # Into the base's own output: no second tensor of that size is made, nor read again to be added.
        output.addmm_(low, up.t(), alpha=scale)
        return output.view(*inputs.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, down, up, low = ctx.saved_tensors
        grad = gradients[0].reshape(-1, weight.shape[0])
        d_low = torch.mm(grad, up).mul_(ctx.scale)
        d_down = torch.mm(d_low.t(), rows).to(ctx.wide)
        d_up = torch.mm(grad.t(), low).to(ctx.wide).mul_(ctx.scale)
        d_inputs = None
        # The first layer's input is the frozen embedding: nothing asks for its gradient, and the product with the whole
        # weight is saved.
        if ctx.needs_input_grad[0]:
            if ctx.between is not None:
                ctx.between()
            d_inputs = _product(grad, weight).addmm_(d_low, down)
            d_inputs = d_inputs.view(*gradients[0].shape[:-1], -1)
        return d_inputs, None, None, d_down, d_up, None, None, None


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows [n, k] times weight [k, m] (+ bias [m]), in the type of the rows."""
    if rows.dtype == weight.dtype:
        return torch.mm(rows, weight) if bias is None else torch.addmm(bias, rows, weight)
    # The processor adds up in fp32 whatever it multiplies, so what is lost are the last digits of rows and product.
    product = torch.mm(rows.to(weight.dtype), weight).to(rows.dtype)
    return product if bias is None else product.add_(bias)


def _plain_norms(model: torch.nn.Module) -> Iterator[tuple[Any, _NormForward]]:
    """The frozen RMS norms (https://arxiv.org/abs/1910.07467) that compute what their name says: they are asked."""
    for module in model.modules():
        weight = getattr(module, "weight", None)
        epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        if not type(module).__name__.endswith("RMSNorm") or not isinstance(weight, Tensor) or epsilon is None:
            continue
        if weight.requires_grad or weight.dtype not in _DIGITS:
            continue
        probe = torch.linspace(-2.0, 3.0, weight.shape[-1], device=weight.device, dtype=weight.dtype)[None]
        # Gemma's norms multiply by one more than their weight.
        for factor in (weight, 1.0 + weight.float()):
            forward = _NormForward(factor, float(epsilon))
            with torch.no_grad():
                if torch.allclose(forward(probe), module(probe), rtol=_DIGITS[weight.dtype], atol=1e-6):
                    yield module, forward
                    break


_DIGITS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""How far two ways to compute the same in a type may be apart, relative."""


class _RmsNorm(torch.autograd.Function):
    """y = x r w with r = 1 / sqrt(mean(x^2) + epsilon) for each row; w is frozen. x [..., n], w [n].

    Computed in fp32, and given in x's type.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        wide = inputs.float()
        scale = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_().div_(wide.shape[-1])
        scale = scale.add_(epsilon).rsqrt_()
        ctx.save_for_backward(inputs, weight, scale)
        made: Tensor = (wide * scale).mul_(weight).to(inputs.dtype)
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        inputs, weight, scale = ctx.saved_tensors
        wide = inputs.float()
        grad = gradients[0].float() * weight
        # d x = r (w g) - x r^3 / n * <w g, x>: the second term is what r itself owes to x.
        along = torch.linalg.vecdot(grad, wide)[..., None] * scale.pow(3) / wide.shape[-1]
        return grad.mul_(scale).addcmul_(wide, along, value=-1).to(inputs.dtype), None, None
