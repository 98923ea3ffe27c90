"""Which number format a merged tensor gets, and how its rows are written in it.

A base that came from 4 bits lies exactly on its 4-bit grid, so a small update rounds away when the sum is
written in the same type again. Touched tensors are therefore promoted; whether the update survived is
measured for each of them (see merge.py).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]

F32: Final = 0
F16: Final = 1
Q8_0: Final = 8
BF16: Final = 30
"""Numbers of ggml_type."""

BLOCK = 32
Q8_0_BYTES = 34


def promoted(kind: int, row_length: int) -> int:
    """The type for a touched tensor of the type `kind`.

    A base in 8 or 16 bits goes to F16: on its own grid a small update would be lost again.
    """
    if kind == F32:
        return F32
    if kind in (Q8_0, F16, BF16):
        return F16
    return Q8_0 if row_length % BLOCK == 0 else F16


def finer(kind: int) -> int | None:
    """The next type to try when the update did not survive in `kind`; None after F32."""
    return {Q8_0: F16, F16: F32}.get(kind)


def row_bytes(kind: int, row_length: int) -> int:
    """Bytes of one row."""
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
    return _encode_q8_0(rows)


def _encode_q8_0(rows: Rows) -> tuple[npt.NDArray[np.uint8], Rows]:
    """Blocks of 32: a float16 step d = max|x| / 127 and 32 signed bytes round(x / d)
    (quantize_row_q8_0_ref, https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c)."""
    blocks = rows.reshape(-1, BLOCK)
    step = _largest(blocks) / np.float32(127)
    inverse = np.divide(np.float32(1), step, out=np.zeros_like(step), where=step > 0)
    whole = np.rint(blocks * inverse)
    half = step.astype(np.float16)
    packed = np.empty((len(blocks), Q8_0_BYTES), np.uint8)
    packed[:, :2] = half.view(np.uint8)
    packed[:, 2:] = whole.astype(np.int8).view(np.uint8)
    whole *= half.astype(np.float32)
    return packed.reshape(len(rows), -1), whole.reshape(rows.shape)


def _largest(blocks: Rows) -> Rows:
    """max|x| of each block of 32, shape (blocks, 1). By halves: numpy's own maximum along so short an axis takes
    twice as long."""
    largest = np.abs(blocks)
    for half in (16, 8, 4, 2, 1):
        largest = np.maximum(largest[:, :half], largest[:, half : 2 * half])
    return largest
