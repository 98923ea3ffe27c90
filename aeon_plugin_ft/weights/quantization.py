"""Which number format a merged tensor gets, and how its rows are written in it.

A base that came from 4 bits lies exactly on its 4-bit grid, so a small update rounds away when the sum is
written in the same type again. Touched tensors are therefore promoted; whether the update survived is
measured for each of them (see merge.py). Where the original weights are at hand there is no such grid, and the
base's own type may be kept; for the K types that needs libgguf, which writes what ggml writes, byte for byte.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker

Rows = npt.NDArray[np.float32]
_say = Speaker("errors/weights")

F32: Final = 0
F16: Final = 1
Q8_0: Final = 8
BF16: Final = 30
"""Numbers of ggml_type."""

BLOCK = 32
Q8_0_BYTES = 34
PLAIN_TYPES = frozenset({2, 3, 6, 7})
"""Q4_0, Q4_1, Q5_0, Q5_1: written by the gguf package."""
K_TYPES = frozenset({10, 11, 12, 13, 14})
"""Q2_K to Q6_K: written by libgguf."""


def promoted(kind: int, row_length: int, *, originals: bool = False, keep: bool = False) -> int:
    """The type for a touched tensor of the type `kind`.

    A base in 8 or 16 bits goes to F16: on its own grid a small update would be lost again. With the `originals` there
    is no grid: 8 bits stay 8, and `keep` keeps any type that can be written.
    """
    if kind == F32:
        return F32
    if originals and keep and kind in PLAIN_TYPES | K_TYPES | {Q8_0}:
        return kind
    if kind in (F16, BF16) or (kind == Q8_0 and not originals):
        return F16
    return Q8_0 if row_length % BLOCK == 0 else F16


def finer(kind: int) -> int | None:
    """The next type to try when the update did not survive in `kind`; None after F32."""
    # BF16 does not come up: `promoted` never begins with it.
    return {F32: None, F16: F32, Q8_0: F16}.get(kind, Q8_0)


def row_bytes(kind: int, row_length: int) -> int:
    """Bytes of one row."""
    if kind in PLAIN_TYPES | K_TYPES:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        weights, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        return int(row_length // weights * size)
    if kind == Q8_0:
        return row_length // BLOCK * Q8_0_BYTES
    return row_length * (4 if kind == F32 else 2)


def encode(rows: Rows, kind: int) -> tuple[npt.NDArray[np.uint8], Rows]:
    """The rows in `kind`, and what a reader gets back from it: infinite where a number does not fit."""
    if kind == F32:
        return rows.view(np.uint8), rows
    if kind == F16:
        with np.errstate(over="ignore"):
            half = rows.astype(np.float16)
        return half.view(np.uint8), half.astype(np.float32)
    return _encode_q8_0(rows) if kind == Q8_0 else _encode_small(rows, kind)


def _encode_small(rows: Rows, kind: int) -> tuple[npt.NDArray[np.uint8], Rows]:
    """Six bits and fewer, by the libraries that know them."""
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize, quantize

    of = GGMLQuantizationType(kind)
    packed = np.asarray(k_quantiser().quantize_rows(rows, kind) if kind in K_TYPES else quantize(rows, of), np.uint8)
    return packed, np.asarray(dequantize(packed, of), np.float32)


def k_quantiser() -> Any:
    """The library that writes K types. Raises ServingError with the command that installs it."""
    try:
        import libgguf
    except ImportError as error:
        raise ServingError(*_say.error("numbers.no_quantiser")) from error
    return libgguf


def _encode_q8_0(rows: Rows) -> tuple[npt.NDArray[np.uint8], Rows]:
    """Blocks of 32: a float16 step d = max|x| / 127 and 32 signed bytes round(x / d)
    (quantize_row_q8_0_ref, https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c)."""
    blocks = rows.reshape(-1, BLOCK)
    step = _largest(blocks) / np.float32(127)
    # A block of zeros has a step of 0, and stays zeros.
    inverse = np.divide(np.float32(1), step, out=np.zeros_like(step), where=step > 0)
    # Times the inverse, as ggml does: dividing would round a few numbers the other way.
    whole = np.rint(blocks * inverse)
    half = step.astype(np.float16)
    packed = np.empty((len(blocks), Q8_0_BYTES), np.uint8)
    packed[:, :2] = half.view(np.uint8)
    packed[:, 2:] = whole.astype(np.int8).view(np.uint8)
    # By the step as the file has it, in F16, not by the one it was rounded from: that is what a reader gets.
    whole *= half.astype(np.float32)
    return packed.reshape(len(rows), -1), whole.reshape(rows.shape)


def _largest(blocks: Rows) -> Rows:
    """max|x| of each block of 32, shape (blocks, 1). By halves: numpy's own maximum along so short an axis takes
    twice as long."""
    largest = np.abs(blocks)
    for half in (16, 8, 4, 2, 1):
        largest = np.maximum(largest[:, :half], largest[:, half : 2 * half])
    return largest
