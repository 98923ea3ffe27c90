"""Weights decoded by torch, on whatever device their bytes are: as the file has them, some millions at a time.

libgguf's torch kernels know every type that its C kernels know, in some twenty operations for each block. Where torch
can compile (an NVIDIA card, with Triton), they become one, which is compared with the plain one before it is trusted.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from aeon_plugin_ft.weights.quantization import BF16, F16, F32
from aeon_plugin_ft.weights.sources import Stored

BLOCK_WEIGHTS = 1 << 24
"""Weights that are decoded at once: what comes and goes meanwhile takes some 16 bytes for each."""
PLAIN = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}
Blocks = Callable[[Tensor], Tensor]
"""uint8 [blocks, bytes of a block] to fp32 [blocks, weights of a block]."""

log = logging.getLogger(__name__)


def can_decode(kind: int) -> bool:
    """Whether torch can decode this type here."""
    if kind in PLAIN:
        return True
    if importlib.util.find_spec("libgguf") is None:
        return False
    from libgguf.libgguf_torch import libgguf_torch

    return kind in libgguf_torch.dequantize_functions


def decode(encoded: Tensor, stored: Stored, out: Tensor) -> None:
    """Rows of a matrix, uint8 [bytes], into `out` [rows, columns] of any floating type. The rows are whole heads where
    `stored` has any."""
    width = stored.rows // stored.heads if stored.heads else 1
    step = max(1, BLOCK_WEIGHTS // (width * stored.columns)) * width
    for first in range(0, len(out), step):
        part = out[first : first + step]
        rows = encoded[first * stored.row_size : (first + len(part)) * stored.row_size].view(len(part), -1)
        numbers = _numbers(rows, stored)
        if stored.heads:
            # Row 2 i + j of a head becomes its row j * width / 2 + i.
            woven = numbers.view(-1, width // 2, 2, stored.columns)
            part.view(-1, 2, width // 2, stored.columns).copy_(woven.transpose(1, 2))
        else:
            part.copy_(numbers)


def _numbers(rows: Tensor, stored: Stored) -> Tensor:
    """uint8 [rows, bytes of a row] to numbers [rows, columns]."""
    if stored.kind in PLAIN:
        return rows.view(PLAIN[stored.kind])
    from libgguf import GGML_QUANT_SIZES, GGMLQuantizationType

    blocks = rows.reshape(-1, GGML_QUANT_SIZES[GGMLQuantizationType(stored.kind)][1])
    return _decoder(stored.kind, rows.device.type)(blocks).view(len(rows), stored.columns)


@cache
def _decoder(kind: int, device: str) -> Blocks:
    """The fastest that is there for a type; chosen once a process."""
    from libgguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from libgguf.libgguf_torch import libgguf_torch

    of = GGMLQuantizationType(kind)
    weights, size = GGML_QUANT_SIZES[of]
    kernel = libgguf_torch.dequantize_functions[of]

    def plain(blocks: Tensor) -> Tensor:
        made: Tensor = kernel(blocks, weights, size, torch.float32)
        return made

    return _compiled(plain, size) if device == "cuda" else plain


def _compiled(plain: Blocks, size: int) -> Blocks:
    """One kernel in place of twenty, where torch can make one that gives the same."""
    if importlib.util.find_spec("triton") is None:
        return plain
    made: Blocks = torch.compile(plain, dynamic=True)
    probe = torch.randint(0, 64, (4096, size), dtype=torch.uint8, device="cuda")
    try:
        same = torch.allclose(made(probe), plain(probe), rtol=1e-5, atol=1e-6, equal_nan=True)
    # Whatever is missing on this machine: a compiler, a header, a kernel for this card.
    except (RuntimeError, ImportError, OSError, AttributeError, TypeError) as error:
        log.warning("Weights are decoded without torch.compile, which does not work here (%s)", type(error).__name__)
        return plain
    return made if same else plain
