"""What a pass takes of a card's memory, in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from aeon_plugin_ft.training.engine.flat.layer import LayerParts
from aeon_plugin_ft.training.engine.head import CHUNK_BYTES

SPARE_BYTES = 256 << 20
"""For what PyTorch's allocator cannot use of what it has, and for other programs' windows."""


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """`kept` is what one layer keeps for the way back, `at_work` what is needed beside that at any moment."""

    kept: int
    at_work: int

    @classmethod
    def of(cls, parts: LayerParts, layers: int, itemsize: int, tokens: int) -> MemoryNeed:
        """Of a pass of `tokens` through `layers` like this one, whose numbers take `itemsize` bytes."""
        width, inner = parts.before.weight.shape[0], parts.gate_up.blocks[0].members[0].out
        heads = parts.heads + parts.groups
        low = sum(lora.rank for one in parts.projections for lora in one.loras)
        # Input and middle; queries, keys, values and what they attend to, queries and keys twice where they are normed;
        # the gated pair; and in fp32 the attention's sums and the norms' scales.
        numbers = 2 * width + heads * parts.width * (2 if parts.query_norm is None else 3) + 2 * inner + low
        kept = tokens * (itemsize * numbers + 4 * parts.heads + 8)
        # On the way back: the pair and its gradient, the product and its, some hidden states and heads; and the largest
        # matrix, where it is made again from its quantised form.
        work = tokens * (6 * inner + 6 * width + 4 * heads * parts.width) + 2 * inner * width
        return cls(kept, itemsize * (work + layers * tokens * width) + 2 * CHUNK_BYTES + SPARE_BYTES)

    @classmethod
    def most_tokens(cls, parts: LayerParts, layers: int, itemsize: int, free: int) -> int:
        """Tokens of the largest pass that `free` bytes hold, with nothing kept."""
        fixed, token = (cls.of(parts, layers, itemsize, tokens).at_work for tokens in (0, 1))
        return max(1, (free - fixed) // (token - fixed))


def free_on_card(device: torch.device) -> int:
    """Bytes that PyTorch could still give out: what is free, and what it holds and does not use."""
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + held
