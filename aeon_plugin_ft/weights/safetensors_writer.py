"""Writing a .safetensors file tensor by tensor, without torch and without holding the model in memory.

Format: https://github.com/huggingface/safetensors#format (8 bytes of header length, JSON, data).
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.store import private

Rows = Callable[[], Iterator[npt.NDArray[np.float32]]]
Precision = Literal["F32", "BF16"]
WIDTH: dict[str, int] = {"F32": 4, "BF16": 2}


@dataclass(frozen=True, slots=True)
class TensorSource:
    """A tensor to be written: its name, its shape, and where its blocks of F32 rows come from."""

    name: str
    shape: tuple[int, ...]
    rows: Rows

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape, dtype=np.int64))


def write_safetensors(path: Path, sources: list[TensorSource], precision: Precision = "F32") -> None:
    """Write and fsync `path`."""
    # transformers looks at it, and refuses a file of another framework's.
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for source in sources:
        end = at + source.weights * WIDTH[precision]
        header[source.name] = {"dtype": precision, "shape": list(source.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    # Spaces, which JSON allows, so that the numbers begin at a multiple of eight.
    text += b" " * (-len(text) % 8)
    with open(path, "wb", opener=private.opener) as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for source in sources:
            for block in source.rows():
                file.write(encode(block, precision))
        file.flush()
        os.fsync(file.fileno())


def encode(block: npt.NDArray[np.float32], precision: Precision) -> bytes:
    """Little-endian bytes; BF16 is rounded to nearest, ties to even."""
    if precision == "F32":
        return block.astype("<f4", copy=False).tobytes()
    bits = np.ascontiguousarray(block, dtype="<f4").view(np.uint32)
    # Half of what is cut off, plus one where the last kept bit is set: ties go to even. The upper half is the BF16.
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return rounded.astype("<u2").tobytes()
