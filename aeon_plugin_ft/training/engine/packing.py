"""Suffixes of different lengths, end to end in one row or side by side with padding: where each token goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Packing:
    """Suffixes of `lengths` tokens packed end to end (M = their sum) behind a prefix of `prefix` tokens.

    `to_padded` [E * S] gives the packed row of each padded place (0 for padding), `to_packed` [M] the
    padded place of each packed row, `padding` [E * S] is true for padding; E suffixes of at most S tokens.
    """

    prefix: int
    lengths: tuple[int, ...]
    to_padded: Tensor
    to_packed: Tensor
    padding: Tensor
    positions: Tensor

    @property
    def longest(self) -> int:
        """S: tokens of the longest suffix."""
        return max(self.lengths)

    @classmethod
    def of(cls, lengths: Sequence[int], prefix: int, device: torch.device | str = "cpu") -> Packing:
        """The packing of suffixes of these lengths, in tokens, behind a prefix of `prefix` tokens."""
        longest = max(lengths)
        size = torch.tensor(lengths)
        place = torch.arange(longest)[None].expand(len(lengths), -1)  # [E, S]
        real = place < size[:, None]
        start = torch.cumsum(size, 0) - size
        to_padded = torch.where(real, start[:, None] + place, 0).flatten()
        # Row-major, so the real places come in the order in which the suffixes are laid end to end.
        to_packed = real.flatten().nonzero().flatten()
        # Each suffix counts on from the prefix, as if it stood there alone: rotary embeddings see what they see in a
        # row.
        positions = prefix + place[real]
        return cls(
            prefix,
            tuple(lengths),
            to_padded.to(device),
            to_packed.to(device),
            (~real).flatten().to(device),
            positions.to(device),
        )
