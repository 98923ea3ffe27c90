"""Losses and gradients under an output head that is read in blocks of words, once, and never held as a whole.

The softmax over the vocabulary is taken as the blocks come: for each position the largest logit so far m, the sum s of
e^(logit - m), and the sum g of e^(logit - m) times the word's row, which are scaled down whenever m grows (the online
softmax of Milakov and Gimelshein, https://arxiv.org/abs/1805.02867). At the end the loss is m + log s - the target's
logit, and its gradient for the hidden state g / s - the target's row. So one pass over the head gives both, and what
is in memory beside a block is of the size of the hidden states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from aeon_plugin_ft.training.engine.head import PRECISE_ROWS, Head

Read = Callable[[str, Tensor, int], None]
"""Fills a tensor with rows of a matrix: its name, the tensor [rows, columns] in any type, the first row."""
BLOCK_BYTES = 64 << 20
"""A block of the head's rows, in bytes as fp32."""
POSITIONS = 2048
"""Positions that are scored at once; more of them read the head again."""


@dataclass(frozen=True, slots=True)
class StreamedHead:
    """`head` says what is done to its output; its weight of `words` rows is the tensor `name`, of which `read` gives
    rows. `between` is called before each block and may raise. `dtype` of the methods is what the head's products are
    computed in; whatever is summed over the vocabulary is fp32 or wider."""

    head: Head
    words: int
    name: str
    read: Read
    between: Callable[[], None]

    def losses(self, hidden: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Cross-entropy of each position, nats, fp64 [n]. hidden [n, width], targets [n]."""
        return self._scored(hidden, targets, None, dtype)

    def losses_and_gradients(
        self, hidden: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, Tensor]:
        """Also the gradient of each position's own loss for its hidden state [n, width]."""
        gradient = torch.zeros_like(hidden)
        return self._scored(hidden, targets, gradient, dtype), gradient

    def logits(self, hidden: Tensor) -> Tensor:
        """All logits of a few positions [n, vocabulary]; no gradient."""
        with torch.no_grad():
            blocks = self._blocks(torch.float32)
            return torch.cat([self._block(weight, bias).logits(hidden)[0] for _, weight, bias in blocks], 1)

    def _blocks(self, dtype: torch.dtype) -> Iterator[tuple[int, Tensor, Tensor | None]]:
        """(first word, rows, biases) of each block, in one buffer that all of them share."""
        words, width = self.words, int(self.head.weight.shape[1])
        size = max(1, min(words, BLOCK_BYTES // (4 * width)))
        block = torch.empty(size, width, dtype=dtype, device=self.head.weight.device)
        biases = None if self.head.bias is None else self.head.bias.to(dtype)
        for first in range(0, words, len(block)):
            self.between()
            weight = block[: min(len(block), words - first)]
            self.read(self.name, weight, first)
            yield first, weight, None if biases is None else biases[first : first + len(weight)]

    def _scored(self, hidden: Tensor, targets: Tensor, gradient: Tensor | None, dtype: torch.dtype) -> Tensor:
        with torch.no_grad():
            losses = []
            for first in range(0, len(hidden), POSITIONS):
                part = slice(first, first + POSITIONS)
                of_part = None if gradient is None else gradient[part]
                losses.append(self._part(hidden[part], targets[part], of_part, dtype))
            return torch.cat(losses) if losses else hidden.new_zeros(0, dtype=torch.float64)

    def _part(self, hidden: Tensor, targets: Tensor, gradient: Tensor | None, dtype: torch.dtype) -> Tensor:
        count, width = hidden.shape
        # Rows of zeros where there are few: see PRECISE_ROWS.
        hidden = torch.nn.functional.pad(hidden, (0, 0, 0, max(0, PRECISE_ROWS - count)))
        running = _Running.of(hidden, None if gradient is None else torch.zeros_like(hidden))
        wanted = hidden.new_zeros(count, dtype=torch.float64)
        target_rows = hidden.new_zeros(count, width) if gradient is not None else None
        narrow = hidden.to(dtype)
        for first, weight, bias in self._blocks(dtype):
            logits, slope = self._block(weight, bias).logits(narrow)
            (here,) = ((targets >= first) & (targets < first + len(weight))).nonzero(as_tuple=True)
            of_block = targets[here] - first
            wanted[here] = logits[here, of_block].double()
            if target_rows is not None:
                at = weight[of_block].to(target_rows.dtype)
                target_rows[here] = at if slope is None else at * slope[here, of_block][:, None]
            running.add(logits, slope, weight)
        losses = running.logsumexp()[:count] - wanted
        if gradient is not None and target_rows is not None:
            gradient.copy_(running.mean()[:count].sub_(target_rows).div_(self.head.divisor))
        return losses

    def _block(self, weight: Tensor, bias: Tensor | None) -> Head:
        return Head(weight, bias, self.head.divisor, self.head.cap)


@dataclass(slots=True)
class _Running:
    """The softmax so far: `largest` logit and `total` of e^(logit - largest), each [n]; `rows` [n, width] is the sum of
    the words' rows times e^(logit - largest) and the logit's slope."""

    largest: Tensor
    total: Tensor
    rows: Tensor | None

    @classmethod
    def of(cls, hidden: Tensor, rows: Tensor | None) -> _Running:
        start = hidden.new_full((len(hidden),), -torch.inf)
        return cls(start, hidden.new_zeros(len(hidden), dtype=torch.float64), rows)

    def add(self, logits: Tensor, slope: Tensor | None, weight: Tensor) -> None:
        """The words of one block; `logits` [n, block] is overwritten."""
        largest = torch.maximum(self.largest, logits.amax(-1))
        shrink = (self.largest - largest).exp_()  # 0 at the first block
        self.largest = largest
        weights = logits.sub_(largest[:, None]).exp_()
        # In fp64 from block to block: over hundreds of them fp32 would lose a digit.
        self.total.mul_(shrink).add_(weights.sum(-1))
        if self.rows is not None:
            if slope is not None:
                weights.mul_(slope)
            self.rows.mul_(shrink[:, None])
            if weight.dtype == self.rows.dtype:
                self.rows.addmm_(weights, weight)
            else:
                # What is rounded is a block's sum; they are added up in fp32.
                self.rows.add_(torch.mm(weights.to(weight.dtype), weight))

    def logsumexp(self) -> Tensor:
        """Of all logits so far, fp64 [n]."""
        return self.largest.double() + self.total.log()

    def mean(self) -> Tensor:
        """The words' rows, weighted by their probabilities [n, width]."""
        assert self.rows is not None
        return self.rows.div_(self.total[:, None].float())
