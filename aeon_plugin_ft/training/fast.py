"""A LoRA linear layer as one autograd function.

PEFT computes `base(x) + B(A(dropout(x))) * scale` as seven operators, three of which pass over the whole
output. Here the update is accumulated into the base's output by the matrix product itself, forward and
backward, and nothing but the input and A x is kept. The same numbers up to rounding; used only inside
the shared-prefix engine, so the stock path that it is checked against stays PEFT's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor


class FastLora:
    """Finds the layers of a PEFT model that have the plain form, and swaps their forward in and out."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.layers: list[Any] = [module for module in model.modules() if _plain(module)]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Layers whose adapter is switched off, merged or doubled meanwhile keep PEFT's own forward."""
        chosen = [layer for layer in self.layers if _one_adapter(layer)]
        try:
            for layer in chosen:
                layer.forward = _Forward(layer)
            yield
        finally:
            for layer in chosen:
                del layer.forward


class _Forward:
    """Stands for one layer's forward while the engine runs."""

    def __init__(self, layer: Any) -> None:
        (name,) = layer.active_adapters
        self.base = layer.base_layer
        self.down, self.up = layer.lora_A[name].weight, layer.lora_B[name].weight
        self.scale = float(layer.scaling[name])

    def __call__(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        made: Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]
            inputs, self.base.weight, self.base.bias, self.down, self.up, self.scale
        )
        return made


def _plain(module: Any) -> bool:
    """An ordinary linear layer in the adapter's own precision: no DoRA, dropout, biases or quantised weights."""
    return (
        type(module) is Linear
        and type(module.base_layer) is torch.nn.Linear
        and not module.fan_in_fan_out
        and not any(module.use_dora.values())
        and not any(module.lora_bias.values())
        and all(type(dropout) is torch.nn.Identity for dropout in module.lora_dropout.values())
        and all(part.weight.dtype == module.base_layer.weight.dtype for part in module.lora_A.values())
        and not getattr(module, "lora_variant", None)
    )


def _one_adapter(layer: Any) -> bool:
    names = list(layer.active_adapters)
    return not layer.disable_adapters and not layer.merged and len(names) == 1 and names[0] in layer.lora_A


class _LoraLinear(torch.autograd.Function):
    """y = x W' + b + s (x A') B'; W and b are frozen. x [..., in], W [out, in], A [r, in], B [out, r]."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        rows = inputs.reshape(-1, inputs.shape[-1])
        low = torch.mm(rows, down.t())
        output = torch.mm(rows, weight.t()) if bias is None else torch.addmm(bias, rows, weight.t())
        output.addmm_(low, up.t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, low)
        ctx.scale = scale
        return output.view(*inputs.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, down, up, low = ctx.saved_tensors
        grad = gradients[0].reshape(-1, weight.shape[0])
        d_low = torch.mm(grad, up).mul_(ctx.scale)
        d_down = torch.mm(d_low.t(), rows)
        d_up = torch.mm(grad.t(), low).mul_(ctx.scale)
        d_inputs = None
        if ctx.needs_input_grad[0]:
            d_inputs = torch.mm(grad, weight).addmm_(d_low, down)
            d_inputs = d_inputs.view(*gradients[0].shape[:-1], -1)
        return d_inputs, None, None, d_down, d_up, None
