"""The frozen weights of a base where they lie, read a tensor or a few rows at a time, under Hugging Face's names.

Two kinds of files behind one contract: a GGUF, as it is served, and a folder of .safetensors. Nothing is copied to
disk, and no more is in memory than the buffer that the caller gives. What llama.cpp's converter has changed (the order
of rows, the offset of norms) is undone here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker, cause
from aeon_plugin_ft.weights.architectures import NOT_WEIGHTS, Family, family_of
from aeon_plugin_ft.weights.dequantise import NEAR_WEIGHTS, Dequantiser, Floats, Take, widen
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.merge_originals import Place, read_places
from aeon_plugin_ft.weights.quantization import BF16, F16, F32

Bytes = npt.NDArray[np.uint8]
_say = Speaker("errors/weights")


@dataclass(frozen=True, slots=True)
class Stored:
    """How a matrix lies in its file: `rows` of `row_size` bytes each, of ggml's type `kind`, which decode to `columns`
    weights. `heads`: the two halves of the rows of each of so many heads are woven into one another; 0: they are not.
    """

    kind: int
    rows: int
    columns: int
    row_size: int
    heads: int = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self.rows * self.row_size


class WeightSource(Protocol):
    """Frozen weights by name ("model.layers.0.self_attn.q_proj.weight"). Close it when it is not needed any more."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, outermost first."""
        ...

    def read_into(self, name: str, out: Floats, first: int = 0) -> None:
        """Rows from `first` on of a tensor, as many as `out` [rows, columns] or [columns] holds."""
        ...

    def read_pieces(self, name: str, count: int, take: Take, first: int = 0) -> None:
        """`count` rows from `first` on of a matrix, given to `take` some at a time, from several threads at once; rows
        are counted from `first` on. What is given need not be contiguous, its rows are."""
        ...

    def pick_into(self, name: str, rows: Sequence[int], out: Floats) -> None:
        """These rows of a tensor [rows, columns], in this order."""
        ...

    def stored(self, name: str) -> Stored:
        """How a matrix lies in its file."""
        ...

    def copy_stored(self, name: str, out: Bytes, first: int = 0) -> None:
        """The bytes of a matrix as they lie in its file, as many as `out` holds, from row `first` on."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


class GgufSource:
    """The weights of a GGUF, decoded on `threads` threads (0: one a core). Raises BaseModelError for a file of an
    architecture that is not known, or with a tensor that the architecture should not have."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        self.file = GgufFile(path)
        self._dequantiser = Dequantiser(threads)
        try:
            self.family: Family = family_of(self.file.architecture)
            self._names = self._hf_names()
        except BaseException:
            self.close()
            raise
        self._heads = int(self.file.require("attention.head_count"))
        self._kv_heads = int(self.file.field("attention.head_count_kv", self._heads))

    def _hf_names(self) -> dict[str, str]:
        names = {}
        for tensor in self.file.tensors:
            if tensor in NOT_WEIGHTS:
                continue
            name = self.family.hf_name(tensor)
            if name is None:
                raise odd_tensor(self.file, tensor)
            names[name] = tensor
        return names

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As the contract says."""
        return {name: self.file.tensors[tensor].shape for name, tensor in self._names.items()}

    def read_into(self, name: str, out: Floats, first: int = 0) -> None:
        """As the contract says; of a tensor whose rows have to be put in order, whole heads. Raises ValueError where
        the rows are not there."""
        tensor = self._names[name]
        heads = self.family.permuted_heads(tensor, self._heads, self._kv_heads)
        table = out.reshape(-1, out.shape[-1])
        if heads is None:
            self._decode(tensor, table, first)
        elif out.ndim == 1:
            self._decode_woven_bias(tensor, out, heads, first)
        else:

            def take(at: int, numbers: Floats) -> None:
                out[at : at + len(numbers)] = numbers

            self.read_pieces(name, len(out), take, first)
        if self.family.norm_offset and self.family.is_norm(tensor):
            out -= np.float32(self.family.norm_offset)

    def read_pieces(self, name: str, count: int, take: Take, first: int = 0) -> None:
        """As the contract says. Raises ValueError where the rows are not there."""
        tensor = self.file.tensors[self._names[name]]
        rows, columns = tensor.shape
        heads = self.family.permuted_heads(tensor.name, self._heads, self._kv_heads)
        width = 1 if heads is None else rows // heads
        if not 0 <= first <= first + count <= rows or first % width or count % width:
            raise ValueError(f"{name} has no {count} rows from row {first} on that can be read by themselves")
        size = tensor.size // rows
        give = take if heads is None else _unweaving(take, width)
        with self.file.raw(tensor.name) as whole, whole[first * size : (first + count) * size] as encoded:
            self._dequantiser.pieces(encoded, tensor.type, (count, columns), give, width)

    def pick_into(self, name: str, rows: Sequence[int], out: Floats) -> None:
        """As the contract says."""
        for row, line in zip(rows, out, strict=True):
            self.read_into(name, line[None], row)

    def stored(self, name: str) -> Stored:
        """As the contract says."""
        tensor = self.file.tensors[self._names[name]]
        rows, columns = tensor.shape
        heads = self.family.permuted_heads(tensor.name, self._heads, self._kv_heads)
        return Stored(tensor.type, rows, columns, tensor.size // rows, heads or 0)

    def copy_stored(self, name: str, out: Bytes, first: int = 0) -> None:
        """As the contract says."""
        start = first * self.stored(name).row_size
        with self.file.raw(self._names[name]) as whole, whole[start : start + len(out)] as part:
            out[:] = np.frombuffer(part, np.uint8)

    def close(self) -> None:
        """As the contract says."""
        self._dequantiser.close()
        self.file.close()

    def _decode(self, tensor: str, out: Floats, first: int) -> None:
        stored = self.file.tensors[tensor]
        count = stored.weights // stored.shape[-1]
        if out.shape[-1] != stored.shape[-1] or not 0 <= first <= first + len(out) <= count:
            raise ValueError(f"{tensor} has no {out.shape} numbers from row {first} on")
        size = stored.size // count
        with self.file.raw(tensor) as whole, whole[first * size : (first + len(out)) * size] as encoded:
            self._dequantiser.into(encoded, stored.type, out)

    def _decode_woven_bias(self, tensor: str, out: Floats, heads: int, first: int) -> None:
        if first:
            raise ValueError(f"{tensor} can only be read whole")
        woven = np.empty((1, len(out)), np.float32)
        self._decode(tensor, woven, 0)
        out.reshape(heads, 2, -1)[:] = woven.reshape(heads, -1, 2).swapaxes(1, 2)


def odd_tensor(file: GgufFile, tensor: str) -> BaseModelError:
    """That a file has a tensor which its architecture should not have."""
    slots = {"file": file.path.name, "tensor": tensor, "architecture": file.architecture}
    return BaseModelError(*_say.error("gguf.odd_tensor", **slots))


def _unweaving(take: Take, width: int) -> Take:
    """`take` for rows of whole heads of `width` rows, the two halves of which llama.cpp has woven into one another."""

    def given(first: int, numbers: Floats) -> None:
        for head in range(0, len(numbers), width):
            take(first + head, numbers[head : head + width : 2])
            take(first + head + width // 2, numbers[head + 1 : head + width : 2])

    return given


class SafetensorsSource:
    """The weights of a Hugging Face folder, sharded or not. Raises BaseModelError where there are none."""

    def __init__(self, folder: Path) -> None:
        self._places: dict[str, Place] = {}
        try:
            for path in sorted(folder.glob("*.safetensors")):
                self._places |= read_places(path)
        except (OSError, ValueError, KeyError) as error:
            raise BaseModelError(*_say.error("folder.unreadable", folder=folder, error=cause(error))) from error
        if not self._places:
            raise BaseModelError(*_say.error("folder.no_weights", folder=folder))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """As the contract says."""
        return {name: place.shape for name, place in self._places.items()}

    def read_into(self, name: str, out: Floats, first: int = 0) -> None:
        """As the contract says. Raises ValueError where the rows are not there."""
        place = self._places[name]
        numbers = place.numbers().reshape(-1, place.shape[-1])
        table = out.reshape(-1, out.shape[-1])
        taken = numbers[first : first + len(table)]
        if taken.shape != table.shape:
            raise ValueError(f"{name} has no {out.shape} numbers from row {first} on")
        widen(taken, table)

    def read_pieces(self, name: str, count: int, take: Take, first: int = 0) -> None:
        """As the contract says. Raises ValueError where the rows are not there."""
        columns = self._places[name].shape[-1]
        step = max(1, NEAR_WEIGHTS // columns)
        for start in range(0, count, step):
            numbers = np.empty((min(step, count - start), columns), np.float32)
            self.read_into(name, numbers, first + start)
            take(start, numbers)

    def pick_into(self, name: str, rows: Sequence[int], out: Floats) -> None:
        """As the contract says."""
        widen(self._places[name].numbers()[list(rows)], out)

    def stored(self, name: str) -> Stored:
        """As the contract says."""
        numbers = self._places[name].numbers()
        rows, columns = numbers.shape
        kind = {"<f4": F32, "<f2": F16, "<u2": BF16}[numbers.dtype.str]
        return Stored(kind, rows, columns, columns * numbers.dtype.itemsize)

    def copy_stored(self, name: str, out: Bytes, first: int = 0) -> None:
        """As the contract says."""
        size = self.stored(name).row_size
        out[:] = self._places[name].numbers()[first : first + len(out) // size].reshape(-1).view(np.uint8)

    def close(self) -> None:
        """As the contract says; the maps are closed when nothing looks at them any more."""
        self._places = {}


def open_source(folder: Path, gguf: Path | None, threads: int = 0) -> GgufSource | SafetensorsSource:
    """The weights of a base: of the GGUF that is served where there is one, else those of its folder."""
    return GgufSource(gguf, threads) if gguf is not None else SafetensorsSource(folder)


def has_weights(folder: Path) -> bool:
    """Whether a base's folder holds the weights themselves."""
    return any(folder.glob("*.safetensors"))


def total_weights(shapes: Iterable[tuple[int, ...]]) -> int:
    """How many numbers tensors of these shapes hold."""
    return sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes)
