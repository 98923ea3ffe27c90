"""Weights of a GGUF as fp32, written into a buffer that the caller owns, by every core.

libgguf decodes in C and lets other threads run meanwhile, so a pool of threads reaches the memory's speed, where the
gguf package's numpy reaches a tenth of it. Both give the same numbers, to the last bit
(tests/weights/test_dequantise.py).
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.processes.calm import compute_alone
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.quantization import BF16, F16, F32

Floats = npt.NDArray[np.float32]
Decode = Callable[[memoryview, int, Floats], None]

PIECE_WEIGHTS = 1 << 19
"""Weights that one thread decodes at a time: 2 MiB as fp32, which stay in its cache while they are written."""
NEAR_WEIGHTS = 1 << 20
"""The same where they are read again at once: 4 MiB. Smaller pieces would stay nearer, but then the threads spend their
time in handing Python's lock to one another."""
Take = Callable[[int, Floats], None]
"""Is given decoded rows: the number of the first of them, and the rows, which are its own until it returns."""

_say = Speaker("errors/weights")
log = logging.getLogger(__name__)


class Dequantiser:
    """Decodes blocks of rows on `threads` threads (0: one for each physical core). Close it, or its threads stay."""

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads or psutil.cpu_count(logical=False) or os.cpu_count() or 1
        self._decode = fast_decode() or slow_decode
        several = self.threads > 1
        self._pool = ThreadPoolExecutor(self.threads, "dequantise", compute_alone) if several else None
        self._of_thread = threading.local()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def into(self, encoded: memoryview, kind: int, out: Floats) -> None:
        """Decode rows of the ggml type `kind` into `out` [rows, columns], which must be contiguous.

        Raises ValueError where `encoded` is not what such rows take.
        """
        count, columns = out.shape
        size = len(encoded) // count
        if size * count != len(encoded) or not out.flags.c_contiguous:
            raise ValueError(f"{len(encoded)} bytes are no {count} rows of a contiguous buffer")
        step = max(1, PIECE_WEIGHTS // columns)

        def piece(first: int) -> None:
            last = min(count, first + step)
            self._decode(encoded[first * size : last * size], kind, out[first:last])

        self._each(piece, range(0, count, step))

    def pieces(self, encoded: memoryview, kind: int, shape: tuple[int, int], take: Take, together: int = 1) -> None:
        """Decode rows of the ggml type `kind`, `shape` [rows, columns] of them, and give them to `take` some at a
        time, a multiple of `together`, on several threads at once and in any order. Raises ValueError as `into`."""
        count, columns = shape
        size = len(encoded) // count
        if size * count != len(encoded):
            raise ValueError(f"{len(encoded)} bytes are no {count} rows")
        # As much for each thread, where that is less.
        most = min(NEAR_WEIGHTS, -(-count // self.threads) * columns)
        step = max(1, most // (together * columns)) * together

        def piece(first: int) -> None:
            last = min(count, first + step)
            numbers = self._scratch(step * columns)[: (last - first) * columns].reshape(last - first, columns)
            self._decode(encoded[first * size : last * size], kind, numbers)
            take(first, numbers)

        self._each(piece, range(0, count, step))

    def _each(self, piece: Callable[[int], None], starts: range) -> None:
        if self._pool is None or len(starts) == 1:
            for first in starts:
                piece(first)
            return
        left = deque(starts)
        working = [self._pool.submit(_work_off, left, piece) for _ in range(self.threads)]
        wait(working)  # also after an error: until then somebody writes into what the caller owns
        for done in working:
            done.result()

    def _scratch(self, count: int) -> Floats:
        """Room for so many numbers, the same for each piece of a thread: fresh memory would have to be cleared."""
        made: Floats | None = getattr(self._of_thread, "scratch", None)
        if made is None or len(made) < count:
            made = self._of_thread.scratch = np.empty(count, np.float32)
        return made


def _work_off(left: deque[int], piece: Callable[[int], None]) -> None:
    """What one of the threads does. Each takes its next piece itself: with one thread that hands them out and waits for
    each, they spent a quarter of their time in handing Python's lock to one another."""
    try:
        while True:
            try:
                first = left.popleft()
            except IndexError:
                return
            piece(first)
    except BaseException:
        left.clear()  # what is left is of no use to anybody
        raise


def fast_decode() -> Decode | None:
    """Decoding by libgguf; None where it is not installed, which is said once."""
    try:
        import libgguf
    except ImportError:
        _say_slow()
        return None
    known = frozenset(int(kind) for kind in libgguf.GGML_QUANT_SIZES if libgguf.row_size(kind, _block(kind)))

    def decode(encoded: memoryview, kind: int, out: Floats) -> None:
        if kind in (F32, F16, BF16) or kind not in known:
            return slow_decode(encoded, kind, out)
        # As one row: rows are blocks one behind the other, and each call of its kernel costs as much as many blocks.
        libgguf.dequantize_rows_into_raw(kind, encoded, out.reshape(1, -1), 1, out.size)
        return None

    return decode


def require_decodable(file: GgufFile) -> None:
    """Raise BaseModelError where a tensor's type is one that nothing here decodes."""
    decode = fast_decode() or slow_decode
    for name, tensor in {tensor.type: (name, tensor) for name, tensor in file.tensors.items()}.values():
        count = tensor.weights // tensor.shape[-1]
        # A copy: an error would keep a view of the file alive, which could then not be closed.
        with file.raw(name) as whole:
            row = bytes(whole[: tensor.size // count])
        try:
            decode(memoryview(row), tensor.type, np.empty((1, tensor.shape[-1]), np.float32))
        except ValueError as error:
            why = _say.error("numbers.undecodable", file=file.path.name, tensor=name, error=error)
            raise BaseModelError(*why) from error


def _block(kind: Any) -> int:
    import libgguf

    return int(libgguf.GGML_QUANT_SIZES[kind][0])


_said_slow = False


def _say_slow() -> None:
    global _said_slow
    if not _said_slow:
        log.warning('Weights are decoded ten times slower without libgguf: pip install "aeon-plugin-ft[kquants]"')
    _said_slow = True


def slow_decode(encoded: memoryview, kind: int, out: Floats) -> None:
    """The plain types, and every other by the gguf package. Raises ValueError for a type that it does not know."""
    if kind in (F32, F16, BF16):
        widen(np.frombuffer(encoded, {F32: "<f4", F16: "<f2", BF16: "<u2"}[kind]).reshape(out.shape), out)
        return
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    try:
        rows = np.frombuffer(encoded, np.uint8).reshape(len(out), -1)
        out[:] = dequantize(rows, GGMLQuantizationType(kind))
    except NotImplementedError as error:
        raise ValueError(_say("numbers.ggml_type", kind=kind)) from error


def widen(numbers: npt.NDArray[Any], out: Floats) -> None:
    """fp32, fp16, or the 16 upper bits of an fp32 (bf16, given as unsigned numbers) into `out` of the same shape."""
    if numbers.dtype == np.dtype("<u2"):
        np.left_shift(numbers, np.uint32(16), out=out.view(np.uint32), dtype=np.uint32)
    else:
        np.copyto(out, numbers)
