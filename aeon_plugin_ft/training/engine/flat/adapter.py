"""The adapter's numbers in the type that the model is computed in, and their gradients: one stretch of memory each.

The adapter itself stays in fp32, with its optimizer (a step of 1e-4 is lost in three digits). What a pass multiplies
with is a copy, made by one operator a step, so that nothing is cast in the layers. Gradients become the parameters' own
at the end of a pass, all at once: a pass that is left in its middle leaves nothing behind.
"""

from __future__ import annotations

import torch
from torch import Tensor


class AdapterMemory:
    """Numbers of `parameters` in `dtype`, one behind the other; neighbours here can be read as one matrix."""

    def __init__(self, parameters: list[Tensor], dtype: torch.dtype) -> None:
        self.parameters = parameters
        device = parameters[0].device if parameters else torch.device("cpu")
        self.total = sum(parameter.numel() for parameter in parameters)
        self._starts: dict[int, int] = {}
        start = 0
        for parameter in parameters:
            self._starts[id(parameter)] = start
            start += parameter.numel()
        self.numbers = torch.empty(self.total, dtype=dtype, device=device)
        self.gradients = self.numbers
        self._views = [self.view(self.numbers, [parameter]) for parameter in parameters]

    def view(self, memory: Tensor, parameters: list[Tensor]) -> Tensor:
        """The place of matrices of one width that follow one another, as one matrix."""
        start = self._starts[id(parameters[0])]
        rows = sum(parameter.shape[0] for parameter in parameters)
        return memory[start : start + rows * parameters[0].shape[1]].view(rows, -1)

    def refresh(self) -> None:
        """Copy the adapter as it is now."""
        if self.parameters:
            torch._foreach_copy_(self._views, [parameter.detach() for parameter in self.parameters])

    def begin(self) -> None:
        """Make room for the gradients of a pass, each of which will be written once."""
        self.gradients = torch.empty_like(self.numbers)

    def deliver(self) -> None:
        """Add the gradients of the pass to the parameters'."""
        if not self.parameters:
            return
        # Parameters of an adapter are all of one type.
        made = self.gradients.to(self.parameters[0].dtype)
        views = [self.view(made, [parameter]) for parameter in self.parameters]
        self.gradients = self.numbers
        there = [parameter.grad for parameter in self.parameters]
        for parameter, view in zip(self.parameters, views, strict=True):
            if parameter.grad is None:
                parameter.grad = view
        pairs = [(grad, view) for grad, view in zip(there, views, strict=True) if grad is not None]
        if pairs:
            torch._foreach_add_([grad for grad, _ in pairs], [view for _, view in pairs])
