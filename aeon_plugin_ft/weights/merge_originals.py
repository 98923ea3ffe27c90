"""The original weights of a base, row by row out of a Hugging Face folder, in the GGUF's order.

Where they are at hand, a merged tensor is W + update of the original W, not of what the 4-bit file makes of it: the
update meets no grid that rounds it away, and the rounding of the base is not carried on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker, cause
from aeon_plugin_ft.weights.adapter import decode
from aeon_plugin_ft.weights.architectures import Family, permute

_say = Speaker("errors/weights")
_WIDTHS = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where one tensor lies: `offset` in bytes from the start of the file, numbers of the type `dtype`."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def numbers(self) -> npt.NDArray[Any]:
        """The tensor where it lies, mapped, in its own type (bf16 as unsigned numbers). Raises OSError, ValueError."""
        if self.dtype not in _WIDTHS:
            raise ValueError(_say("numbers.type", dtype=self.dtype))
        # Mapped: rows in any order, of a file larger than the memory.
        return np.memmap(self.path, _WIDTHS[self.dtype], "r", self.offset, self.shape)

    def rows(self, numbers: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.float32]:
        """The whole tensor as float32, or only these of its rows, in this order. Raises OSError, ValueError."""
        mapped = self.numbers()
        taken = np.ascontiguousarray(mapped if numbers is None else mapped[numbers])
        return decode(taken.tobytes(), self.dtype).reshape(taken.shape)


def find_tensor(folder: Path, name: str) -> Place | None:
    """A tensor in a folder of .safetensors files, without reading the others; None when it is in none."""
    for path in sorted(folder.glob("*.safetensors")):
        place = read_places(path).get(name)
        if place is not None:
            return place
    return None


def read_places(path: Path) -> dict[str, Place]:
    """Where each tensor of a .safetensors file lies. Raises OSError, and ValueError for a file that is cut short."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError(_say("folder.cut_short", file=path.name))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {
        name: Place(path, str(e["dtype"]), tuple(int(n) for n in e["shape"]), 8 + length + int(e["data_offsets"][0]))
        for name, e in header.items()
    }


@dataclass(frozen=True, slots=True)
class Originals:
    """The linear layers of one model. `heads` and `kv_heads` are the GGUF's, for the order of its rows."""

    folder: Path
    family: Family
    heads: int
    kv_heads: int

    def blocks(self, name: str, shape: tuple[int, ...], step: int) -> Iterator[npt.NDArray[np.float32]]:
        """The rows of the GGUF's tensor `name`, `step` at a time. Raises ServingError where they are not there."""
        module = self.family.hf_name(name)
        try:
            place = find_tensor(self.folder, module) if module else None
            if place is None or place.shape != shape:
                raise ValueError(_say("folder.not_there", name=module or name, shape=shape))
            order = self._order(name, shape[0])
            for first in range(0, shape[0], step):
                yield place.rows(order[first : first + step])
        except (OSError, ValueError, KeyError) as error:
            raise ServingError(*_say.error("folder.originals", folder=self.folder, error=cause(error))) from error

    def _order(self, name: str, count: int) -> npt.NDArray[np.int64]:
        """Which row of the Hugging Face tensor is each row of the GGUF's."""
        rows = np.arange(count, dtype=np.int64)
        permuted = self.family.permuted_heads(name, self.heads, self.kv_heads)
        # The numbers of the rows, put in order as the rows would be. float32 holds whole numbers up to 2^24 exactly,
        # and no layer has as many rows.
        return permute(rows.astype(np.float32), permuted).astype(np.int64) if permuted else rows
