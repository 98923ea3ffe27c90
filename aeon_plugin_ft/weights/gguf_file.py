"""Reading a GGUF file: header, metadata and tensors, quickly and without copying the weights.

The `gguf` package's own reader makes one array view for every token of the vocabulary, which costs ten
seconds and more on a small model; this one parses the header in one pass (a tenth of a second) and maps
the rest. Wire format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.files import why_refused

MAGIC = b"GGUF"
DEFAULT_ALIGNMENT = 32
CHUNK_WEIGHTS = 1 << 22
"""Weights de-quantised at a time (16 MiB as F32)."""
_say = Speaker("errors/weights")

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `shape` is numpy's order (outermost first: rows, columns); `type` is ggml's number of the
    storage type; `offset` counts from the start of the file, `size` is in bytes."""

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int
    size: int

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass(frozen=True, slots=True)
class MetadataEntry:
    """One metadata value: its ggml type number and where its bytes are in the file."""

    value: Any
    type: int
    start: int
    end: int


class GgufFile:
    """A GGUF file, mapped. Use as a context manager, or `close()` it.

    `metadata` maps keys to plain values (arrays of numbers are numpy arrays, arrays of strings lists);
    `tensors` keeps the file's order. Raises BaseModelError when the file is not a whole GGUF of version 2
    or 3.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, MetadataEntry] = {}
        self.tensors: dict[str, Tensor] = {}
        self._open()
        try:
            self._parse()
        except (struct.error, ValueError, IndexError, KeyError, OverflowError) as error:
            self.close()
            raise _damaged(path, _say("gguf.header", error=error)) from error
        # A BaseModelError of our own too: a map that stays open keeps the file from being replaced on Windows.
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        try:
            with self.path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            if not isinstance(error, OSError):
                raise BaseModelError(*_say.error("gguf.empty", path=self.path)) from error
            reason = why_refused(error, self.path)
            raise BaseModelError(*_say.error("gguf.unreadable", path=self.path, reason=reason)) from error

    def close(self) -> None:
        """Give the memory map and the file back."""
        if not self._map.closed:
            self._map.close()

    def __enter__(self) -> GgufFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- metadata ------------------------------------------------------------------------------

    @property
    def metadata(self) -> dict[str, Any]:
        """Every key with its value; made anew at each call."""
        return {key: entry.value for key, entry in self.entries.items()}

    def get(self, key: str, default: Any = None) -> Any:
        """A key's value; `default` where the file has none."""
        entry = self.entries.get(key)
        return default if entry is None else entry.value

    @property
    def architecture(self) -> str:
        """ "llama", "gemma3", ...: llama.cpp's name for it, with which the model's own keys begin."""
        return str(self.get("general.architecture", ""))

    def field(self, name: str, default: Any = None) -> Any:
        """A value of the architecture's own section: field("block_count") reads "llama.block_count"."""
        return self.get(f"{self.architecture}.{name}", default)

    def require(self, name: str) -> Any:
        """`field`, raising BaseModelError when it is not there."""
        value = self.field(name)
        if value is None:
            raise _damaged(self.path, _say("gguf.lacks", name=f"{self.architecture}.{name}"))
        return value

    @property
    def parameters(self) -> int:
        """How many weights the model has, by the shapes of its tensors."""
        return sum(tensor.weights for tensor in self.tensors.values())

    # -- tensors -------------------------------------------------------------------------------

    def raw(self, name: str) -> memoryview:
        """A tensor's bytes as they stand in the file. Release it before `close()`."""
        tensor = self.tensors[name]
        return memoryview(self._map)[tensor.offset : tensor.offset + tensor.size]

    def rows(self, name: str, chunk_weights: int = CHUNK_WEIGHTS) -> Iterator[npt.NDArray[np.float32]]:
        """A tensor as F32, in blocks of whole rows: (rows, columns) each; a vector is one block of one row."""
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize

        tensor = self.tensors[name]
        columns = tensor.shape[-1]
        count = tensor.weights // columns
        row_bytes = tensor.size // count
        step = max(1, chunk_weights // columns)
        for first in range(0, count, step):
            number = min(step, count - first)
            start = tensor.offset + first * row_bytes
            encoded = np.frombuffer(self._map[start : start + number * row_bytes], dtype=np.uint8)
            decoded = dequantize(encoded.reshape(number, row_bytes), GGMLQuantizationType(tensor.type))
            yield decoded.reshape(number, columns).astype(np.float32, copy=False)

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """A whole tensor as F32 in its own shape."""
        return np.concatenate(list(self.rows(name))).reshape(self.tensors[name].shape)

    # -- parsing -------------------------------------------------------------------------------

    def _parse(self) -> None:
        if self._map[:4] != MAGIC:
            raise _damaged(self.path, _say("gguf.no_gguf"))
        version, tensor_count, entry_count = struct.unpack_from("<IQQ", self._map, 4)
        if version not in (2, 3):
            raise _damaged(self.path, _say("gguf.version", version=version))
        self.version = int(version)
        self.metadata_start = at = 24
        for _ in range(entry_count):
            key, at = self._string(at)
            kind, start = self._number("<I", at)
            value, at = self._value(kind, start)
            self.entries[key] = MetadataEntry(value, kind, start, at)
        self.metadata_end = at
        self.alignment = int(self.get("general.alignment", DEFAULT_ALIGNMENT))
        self._parse_tensors(at, tensor_count)

    def _parse_tensors(self, at: int, count: int) -> None:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        infos: list[tuple[str, tuple[int, ...], int, int, int]] = []
        for _ in range(count):
            name, at = self._string(at)
            dimensions, at = self._number("<I", at)
            lengths = struct.unpack_from(f"<{dimensions}Q", self._map, at)
            kind, offset = struct.unpack_from("<IQ", self._map, at + 8 * dimensions)
            at += 8 * dimensions + 12
            block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
            weights = int(np.prod(lengths, dtype=np.uint64))
            # GGUF names the innermost dimension first.
            infos.append((name, tuple(int(n) for n in reversed(lengths)), kind, offset, weights // block * block_bytes))
        self.table_end = at
        # Rounded up: tensors begin at a multiple of the alignment, and their offsets count from there.
        self.data_start = -(-at // self.alignment) * self.alignment
        for name, shape, kind, offset, size in infos:
            self.tensors[name] = Tensor(name, shape, kind, self.data_start + offset, size)
            if self.data_start + offset + size > len(self._map):
                raise _damaged(self.path, _say("gguf.ends", name=name))

    def _number(self, form: str, at: int) -> tuple[Any, int]:
        return struct.unpack_from(form, self._map, at)[0], at + struct.calcsize(form)

    def _string(self, at: int) -> tuple[str, int]:
        length, at = self._number("<Q", at)
        # A damaged length would otherwise ask for terabytes.
        if length > len(self._map) - at:
            raise ValueError(_say("gguf.runs_past"))
        # Tokens of a vocabulary may be no whole characters; so decoded they can be written back as they were.
        return self._map[at : at + length].decode("utf-8", "surrogateescape"), at + length

    def _value(self, kind: int, at: int) -> tuple[Any, int]:
        if kind == _STRING:
            return self._string(at)
        if kind == _ARRAY:
            return self._array(at)
        return self._number(_SCALARS[kind], at)

    def _array(self, at: int) -> tuple[Any, int]:
        kind, count = struct.unpack_from("<IQ", self._map, at)
        at += 12
        # At once: a vocabulary's scores are hundreds of thousands of numbers.
        if kind in _SCALARS:
            dtype = np.dtype(_SCALARS[kind])
            end = at + count * dtype.itemsize
            return np.frombuffer(self._map[at:end], dtype=dtype, count=count), end
        values = []
        for _ in range(count):
            value, at = self._value(kind, at)
            values.append(value)
        return values, at


def _damaged(path: Path, reason: str) -> BaseModelError:
    return BaseModelError(*_say.error("gguf.damaged", path=path, reason=reason))
