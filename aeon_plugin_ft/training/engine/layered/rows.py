"""A layer's MLP over some rows at a time: what is in memory of it no longer grows with the tokens.

An MLP sees each token by itself, so its rows may be cut anywhere. Forward, only the output is kept. Of a layer that
ends in "its input + MLP" nobody reads the MLP's output in backward, only its gradient: each chunk is then computed
again and gone back through before the next one, without the last of its products. Where something reads it (a norm
behind it, as in Gemma) it is computed as ever, cut all the same, so that the numbers do not depend on who knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.fast import is_adapted_linear, unread

INNER_BYTES = 16 << 20
"""Of one vector of the MLP's inner width for each row of a chunk, in fp32; some seven of them are there at once."""
CARD_INNER_BYTES = 64 << 20
"""The same on a graphics card, whose products of few rows wait for its memory."""
LEAST_ROWS = 64
"""Products of fewer rows wait for the memory, not for the processor."""
LAST = "down_proj"
PARTS = frozenset({"gate_proj", "up_proj", "gate_up_proj", LAST, "act_fn", "activation_fn"})


class ChunkedLayers:
    """The MLPs of decoder layers that can be cut, and the swap of their forward. `inner` is their inner width."""

    def __init__(self, layers: Any, inner: int, device: str = "cpu") -> None:
        of_chunk = INNER_BYTES if device == "cpu" else CARD_INNER_BYTES
        most = max(LEAST_ROWS, of_chunk // (4 * max(1, inner)))
        self.of: dict[int, Chunks] = {
            number: Chunks(layer.mlp, most) for number, layer in enumerate(layers) if _can_be_cut(layer)
        }

    @contextmanager
    def active(self) -> Iterator[None]:
        """While it lasts, the MLPs go in chunks."""
        try:
            for chunks in self.of.values():
                chunks.mlp.forward = chunks
            yield
        finally:
            for chunks in self.of.values():
                del chunks.mlp.forward

    def settle(self, layer: int, output: Tensor) -> None:
        """See, once, from the graph behind a layer's output whether anything reads what its MLP has computed."""
        chunks = self.of.get(layer)
        if chunks is None or chunks.is_read is not None or output.grad_fn is None:
            return
        # The backward of a plain sum hands its gradient on and looks at no value; anything else might.
        plain = output.grad_fn.name() == "AddBackward0"
        chunks.is_read = not (plain and any(_is_chunked(node) for node, _ in output.grad_fn.next_functions))


class Chunks:
    """Stands for one MLP's forward. `most` is the rows of a chunk; `is_read` says whether the layer's backward pass
    looks at the output, None while that is not known."""

    def __init__(self, mlp: Any, most: int) -> None:
        self.mlp, self.most = mlp, most
        self.compute: Callable[[Tensor], Tensor] = mlp.forward
        self.is_read: bool | None = None

    def __call__(self, hidden: Tensor) -> Tensor:
        """The MLP of hidden [1, tokens, width]."""
        if not torch.is_grad_enabled():
            return self.whole(hidden)
        # An input without a gradient (a first layer whose attention has no adapter) must not hide the adapter's.
        known = hidden if hidden.requires_grad else hidden.detach().requires_grad_()
        made: Tensor = _Chunked.apply(known, self)  # type: ignore[no-untyped-call]
        return made

    def whole(self, hidden: Tensor) -> Tensor:
        """The output, chunk by chunk, without a graph."""
        output = torch.empty_like(hidden)
        with torch.no_grad():
            for rows in self.cut(hidden.shape[1]):
                output[:, rows] = self.compute(hidden[:, rows])
        return output

    def with_graphs(self, hidden: Tensor) -> list[Chunk]:
        """Each chunk with what its backward pass needs."""
        with torch.enable_grad():
            return [_chunk(hidden, rows, self.compute) for rows in self.cut(hidden.shape[1])]

    def again(self, hidden: Tensor) -> Iterator[Chunk]:
        """The same one after the other, for whoever only goes back through them."""
        for rows in self.cut(hidden.shape[1]):
            with torch.enable_grad():
                yield _chunk(hidden, rows, self._unread)

    def cut(self, tokens: int) -> Iterator[slice]:
        """Chunks of about the same size."""
        count = -(-tokens // self.most)
        for number in range(count):
            yield slice(number * tokens // count, (number + 1) * tokens // count)

    def _unread(self, hidden: Tensor) -> Tensor:
        with unread(getattr(self.mlp, LAST)) as left_out:
            output = self.compute(hidden)
        # Were there anything behind the last product, it would have been given numbers that are none.
        return output if not left_out or is_adapted_linear(output) else self.compute(hidden)


Chunk = tuple[slice, Tensor, Tensor]
"""(rows, the input of these rows as a leaf, the output with its graph)."""


def _chunk(hidden: Tensor, rows: slice, compute: Callable[[Tensor], Tensor]) -> Chunk:
    leaf = hidden[:, rows].detach().requires_grad_()
    return rows, leaf, compute(leaf)


class _Chunked(torch.autograd.Function):
    """y = mlp(x), with x alone kept. x, y [1, tokens, width]."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, chunks: Chunks) -> Tensor:
        ctx.save_for_backward(hidden)
        ctx.chunks, ctx.made = chunks, None
        if chunks.is_read is False:
            # No number, so that whoever reads it after all is seen to.
            return hidden.new_full((1,), torch.nan).expand(hidden.shape)
        # It has to be computed anyway: the graphs are kept, in place of computing them once more.
        ctx.made = chunks.with_graphs(hidden)
        return torch.cat([output.detach() for _, _, output in ctx.made], 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (hidden,) = ctx.saved_tensors
        d_hidden = torch.empty_like(hidden)
        for rows, leaf, output in ctx.chunks.again(hidden) if ctx.made is None else ctx.made:
            torch.autograd.backward([output], [gradients[0][:, rows]])
            d_hidden[:, rows] = leaf.grad
        ctx.made = None
        return d_hidden, None


def _is_chunked(node: Any) -> bool:
    return node is not None and node.name() == "_ChunkedBackward"


def _can_be_cut(layer: Any) -> bool:
    mlp = getattr(layer, "mlp", None)
    if mlp is None or not hasattr(mlp, LAST):
        return False
    return all(name in PARTS for name, _ in mlp.named_children())
