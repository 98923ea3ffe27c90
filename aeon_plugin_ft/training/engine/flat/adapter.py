"""The adapter's numbers in the type that the model is computed in, and their gradients: one stretch of memory each.

The adapter itself stays in fp32, with its optimizer (a step of 1e-4 is lost in three digits). What a pass multiplies
with is a copy, made by one operator a step, so that nothing is cast in the layers. Gradients become the parameters' own
at the end of a pass, all at once: a pass that is left in its middle leaves nothing behind.
"""

from __future__ import annotations

import torch
from torch import Tensor


class AdapterMemory:
    """Numbers and gradients of `parameters` in `dtype`, one behind the other, always in the same place. Neighbours can
    be read as one matrix."""

    def __init__(self, parameters: list[Tensor], dtype: torch.dtype) -> None:
        self.parameters = parameters
        device = parameters[0].device if parameters else torch.device("cpu")
        self._starts: dict[int, int] = {}
        total = 0
        for parameter in parameters:
            self._starts[id(parameter)] = total
            total += parameter.numel()
        self._numbers = torch.empty(total, dtype=dtype, device=device)
        self._gradients = torch.empty_like(self._numbers)
        self._copies = [self._view(self._numbers, [parameter]) for parameter in parameters]

    def numbers(self, *parameters: Tensor) -> Tensor:
        """The copy of matrices of one width that follow one another here, as one matrix."""
        return self._view(self._numbers, list(parameters))

    def gradients(self, *parameters: Tensor) -> Tensor:
        """Where a pass writes their gradients, once."""
        return self._view(self._gradients, list(parameters))

    def refresh(self) -> None:
        """Copy the adapter as it is now."""
        if self.parameters:
            torch._foreach_copy_(self._copies, [parameter.detach() for parameter in self.parameters])

    def deliver(self) -> None:
        """Add the gradients of the pass to the parameters'."""
        if not self.parameters:
            return
        # A copy, since the next pass writes in the same place. Parameters of an adapter are all of one type.
        made = self._gradients.to(self.parameters[0].dtype, copy=True)
        views = [self._view(made, [parameter]) for parameter in self.parameters]
        there = [parameter.grad for parameter in self.parameters]
        for parameter, view in zip(self.parameters, views, strict=True):
            if parameter.grad is None:
                parameter.grad = view
        pairs = [(grad, view) for grad, view in zip(there, views, strict=True) if grad is not None]
        if pairs:
            torch._foreach_add_([grad for grad, _ in pairs], [view for _, view in pairs])

    def _view(self, memory: Tensor, parameters: list[Tensor]) -> Tensor:
        start = self._starts[id(parameters[0])]
        rows = sum(parameter.shape[0] for parameter in parameters)
        return memory[start : start + rows * parameters[0].shape[1]].view(rows, -1)
