"""A base GGUF plus a LoRA adapter, written as one GGUF that any llama.cpp or Ollama serves.

    metadata        the base's bytes as they are, then our own aeon_ft.* keys
    touched         W + scale * B @ A, in Q8_0 (F16 where the base is already in 8 or 16 bits); W is the base's
                    own, or that of the original weights where they are at hand
    everything else the base's bytes as they are

Tensor by tensor and in blocks of rows, so memory does not grow with the model. For every touched tensor the
share of the update that survived its number format is measured,

    share = sum((written - base) * update) / sum(update^2)

and a share outside 0.9 to 1.1 takes the tensor to the next finer format. The file appears whole or not at
all, and the same inputs give the same bytes.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.files import whole_file, why_refused
from aeon_plugin_ft.weights.adapter import AdapterFolder, Update, read_adapter
from aeon_plugin_ft.weights.architectures import FAMILIES, Family, permute
from aeon_plugin_ft.weights.gguf_file import GgufFile, Tensor
from aeon_plugin_ft.weights.merge_originals import Originals
from aeon_plugin_ft.weights.quantization import F32, K_TYPES, Rows, encode, finer, k_quantiser, promoted, row_bytes

_say = Speaker("errors/weights")

ARCHITECTURES = ("llama", "qwen2", "qwen3", "gemma3")
"""Families whose tensor names and row orders were checked; all others are refused."""

KEY_ADAPTER, KEY_BASE, KEY_VERSION = "aeon_ft.adapter", "aeon_ft.base", "aeon_ft.version"
"""Ours, in the metadata of a merged file: digests of what it was made from, and our name of it."""

SHARE_MIN, SHARE_MAX = 0.9, 1.1
CHUNK_WEIGHTS = 1 << 19
"""Weights in memory at a time (2 MiB as float32, five such arrays at once): fits the processor's cache."""
_COPY = 1 << 22


@dataclass(frozen=True, slots=True)
class MergedTensor:
    """One touched tensor: ggml types before and after, the share of the update that survived, and the size of
    the update against the weights, |update| / |base| (Frobenius)."""

    name: str
    before: int
    after: int
    share: float
    relative: float


@dataclass(frozen=True, slots=True)
class MergeReport:
    """`digest` is "sha256:<64 hex>" of the file, `size` its bytes; `untouched` counts the tensors copied."""

    digest: str
    size: int
    tensors: tuple[MergedTensor, ...]
    untouched: int
    seconds: float


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """`originals`: the Hugging Face folder of the weights that `base` was quantised from. `keep`: with them, touched
    tensors keep the base's number format. `base_digest` and `version` are noted in the metadata."""

    base_digest: str = ""
    version: str = ""
    originals: Path | None = None
    keep: bool = False

    def type_of(self, tensor: Tensor) -> int:
        """The number format that a touched tensor is tried in first."""
        return promoted(tensor.type, tensor.shape[-1], originals=self.originals is not None, keep=self.keep)


def merge_gguf(base: Path, adapter: Path, out: Path, options: MergeOptions | None = None) -> MergeReport:
    """Write `base` + `adapter` (a PEFT folder) to `out`.

    Raises ServingError (nothing to merge exactly, damaged, disk) and BaseModelError (`base` is no GGUF).
    """
    options = options or MergeOptions()
    started = time.monotonic()
    folder = read_adapter(adapter)
    with GgufFile(base) as gguf:
        updates = plan(gguf, folder)
        if any(options.type_of(gguf.tensors[name]) in K_TYPES for name in updates):
            k_quantiser()  # told now, and not after the first gigabytes
        notes = {KEY_ADAPTER: folder.digest, KEY_BASE: options.base_digest, KEY_VERSION: options.version}
        try:
            with whole_file(out, durable=True) as part:
                with base.open("rb") as source, part.open("w+b") as target:
                    merger = _Merger(gguf, source, target, updates, options)
                    merger.write({key: text for key, text in notes.items() if text})
                digest, size = sha256(part), part.stat().st_size
        except OSError as error:
            raise ServingError(*_say.error("merge.unwritable", path=out, reason=why_refused(error, out))) from error
        untouched = len(gguf.tensors) - len(merger.merged)
    return MergeReport(digest, size, tuple(merger.merged), untouched, time.monotonic() - started)


def merged_size(base: Path, adapter: Path, options: MergeOptions | None = None) -> int:
    """About how many bytes the merged file will have; raises as `merge_gguf` does for what it refuses."""
    options = options or MergeOptions()
    with GgufFile(base) as gguf:
        size = base.stat().st_size
        for name in plan(gguf, read_adapter(adapter)):
            tensor = gguf.tensors[name]
            size += tensor.shape[0] * row_bytes(options.type_of(tensor), tensor.shape[1])
            size -= tensor.size
        return size


def plan(gguf: GgufFile, folder: AdapterFolder) -> dict[str, Update]:
    """Which tensor gets which update, rows in llama.cpp's order. Updates of zero are left out.

    Raises ServingError for a base that is refused, or an adapter that was made for another model.
    """
    family = _family(gguf)
    heads = int(gguf.require("attention.head_count"))
    kv_heads = int(gguf.field("attention.head_count_kv", heads))
    updates = {}
    for module, update in folder.updates.items():
        name = f"{family.gguf_name(module)}.weight"
        if not name.startswith("blk.") or name not in gguf.tensors or family.is_norm(name):
            raise ServingError(*_say.error("merge.no_place", module=module, file=gguf.path.name))
        theirs, ours = (update.b.shape[0], update.a.shape[1]), gguf.tensors[name].shape
        if ours != theirs:
            raise ServingError(*_say.error("merge.misfit", module=module, theirs=theirs, ours=ours))
        permuted = family.permuted_heads(name, heads, kv_heads)
        if not update.is_zero:
            b = permute(update.b, permuted) if permuted else update.b
            # The scale goes into B: one product for each block of rows instead of two.
            updates[name] = Update(module, update.a, np.float32(update.scale) * b, 1.0)
    return updates


def _family(gguf: GgufFile) -> Family:
    """Raise ServingError for a base that cannot be merged exactly."""
    fused = any(".attn_qkv." in tensor for tensor in gguf.tensors)
    problems = {
        "architecture": gguf.architecture not in ARCHITECTURES,
        "fused": fused,
        "split": int(gguf.get("split.count", 0)) > 1,
        "experts": int(gguf.field("expert_count", 0) or 0) > 0,
        "merged": gguf.get(KEY_ADAPTER),
        "adapter": gguf.get("general.type", "model") == "adapter",
    }
    # The most particular first: an adapter's architecture may be a checked one, and the reason is still that it is one.
    problem = next((name for name, applies in reversed(problems.items()) if applies), None)
    if problem is not None:
        reason = _say(f"base.{problem}", architecture=gguf.architecture)
        slots = {"file": gguf.path.name, "reason": reason, "supported": ", ".join(ARCHITECTURES)}
        raise ServingError(*_say.error("merge.refused", **slots))
    return FAMILIES[gguf.architecture]


class _Merger:
    """Writes one file: header with a tensor table to be filled in, then the tensors, then the table."""

    def __init__(
        self, gguf: GgufFile, source: BinaryIO, target: BinaryIO, updates: Mapping[str, Update], options: MergeOptions
    ) -> None:
        self.gguf, self.source, self.target, self.updates = gguf, source, target, updates
        self.options = options
        self.merged: list[MergedTensor] = []

    def write(self, notes: Mapping[str, str]) -> None:
        """A type may be settled only after its tensor was tried, so the table (of fixed length) comes last."""
        table_at = self._write_metadata(notes)
        # As long as the final one, for types and offsets have fixed widths; it holds the place.
        blank = self._table({name: (tensor.type, 0) for name, tensor in self.gguf.tensors.items()})
        self.target.write(blank)
        self._pad()
        start = self.target.tell()
        places: dict[str, tuple[int, int]] = {}
        for name, tensor in self.gguf.tensors.items():
            at = self.target.tell()
            kind = self._merge(tensor) if name in self.updates else self._copy(tensor)
            places[name] = (kind, at - start)
            self._pad()
        self.target.seek(table_at)
        self.target.write(self._table(places))

    def _write_metadata(self, notes: Mapping[str, str]) -> int:
        """Header and key-values; returns where the tensor table goes."""
        entries = len(self.gguf.entries) + len(notes)
        self.target.write(b"GGUF" + struct.pack("<IQQ", 3, len(self.gguf.tensors), entries))
        self._copy_range(self.gguf.metadata_start, self.gguf.metadata_end - self.gguf.metadata_start)
        for key, text in notes.items():
            # 8 is GGUF's type number of a string.
            self.target.write(_text(key) + struct.pack("<I", 8) + _text(text))
        return self.target.tell()

    def _table(self, places: Mapping[str, tuple[int, int]]) -> bytes:
        rows = []
        for name, (kind, offset) in places.items():
            shape = self.gguf.tensors[name].shape
            lengths = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
            rows.append(_text(name) + lengths + struct.pack("<IQ", kind, offset))
        return b"".join(rows)

    def _pad(self) -> None:
        self.target.write(bytes(-self.target.tell() % self.gguf.alignment))

    def _copy(self, tensor: Tensor) -> int:
        self._copy_range(tensor.offset, tensor.size)
        return tensor.type

    def _copy_range(self, start: int, size: int) -> None:
        """By ordinary reads: pages of a memory map would count as this process's memory."""
        self.source.seek(start)
        while size:
            block = self.source.read(min(size, _COPY))
            self.target.write(block)
            size -= len(block)

    def _merge(self, tensor: Tensor) -> int:
        """Write W + update in the first type that keeps the update; returns the type."""
        at = self.target.tell()
        kind: int | None = self.options.type_of(tensor)
        while kind is not None:
            self.target.seek(at)
            # Back to where the tensor begins: the type before this one kept too little of the update.
            self.target.truncate()
            share, relative = self._write_tensor(tensor, self.updates[tensor.name], kind)
            if SHARE_MIN <= share <= SHARE_MAX:
                self.merged.append(MergedTensor(tensor.name, tensor.type, kind, share, relative))
                return kind
            kind = finer(kind)
        raise ServingError(*_say.error("merge.does_not_survive", tensor=tensor.name, share=f"{share:.2f}"))

    def _write_tensor(self, tensor: Tensor, update: Update, kind: int) -> tuple[float, float]:
        """Returns (share of the update that survived, |update| / |base|)."""
        kept = squared = weights = 0.0
        columns = tensor.shape[-1]
        expected = self.target.tell() + tensor.shape[0] * row_bytes(kind, columns)
        first = 0
        for base in self._base_rows(tensor):
            change = update.b[first : first + len(base)] @ update.a
            # `back` is what a reader gets: the share is measured on that and not on what was meant.
            packed, back = encode(base + change, kind)
            if not np.isfinite(back).all():
                raise ServingError(*_say.error("merge.not_finite", tensor=tensor.name))
            self.target.write(packed.data)
            # The share of the update that is in the file: the projection of what was written on what was meant.
            kept += float(np.vdot(back - base, change))
            squared += float(np.vdot(change, change))
            weights += float(np.vdot(base, base))
            first += len(base)
        # A short read of the base would leave a tensor that is too small, and shift all that come after it.
        if self.target.tell() != expected:
            raise ServingError(*_say.error("merge.not_whole", tensor=tensor.name))
        return kept / squared if squared else 1.0, (squared / weights) ** 0.5 if weights else 0.0

    def _base_rows(self, tensor: Tensor) -> Iterator[Rows]:
        """W in blocks of rows: of the original weights, else what the base's file holds."""
        folder = self.options.originals
        if folder is None:
            return _rows(self.source, tensor)
        heads = int(self.gguf.require("attention.head_count"))
        kv_heads = int(self.gguf.field("attention.head_count_kv", heads))
        originals = Originals(folder, FAMILIES[self.gguf.architecture], heads, kv_heads)
        return originals.blocks(tensor.name, tensor.shape, max(1, CHUNK_WEIGHTS // tensor.shape[-1]))


def _rows(source: BinaryIO, tensor: Tensor) -> Iterator[Rows]:
    """A matrix of the base as float32, in blocks of whole rows."""
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    count, columns = tensor.shape
    per_row = tensor.size // count
    step = max(1, CHUNK_WEIGHTS // columns)
    for first in range(0, count, step):
        number = min(step, count - first)
        source.seek(tensor.offset + first * per_row)
        packed = np.frombuffer(source.read(number * per_row), np.uint8).reshape(number, per_row)
        if tensor.type == F32:
            yield packed.view("<f4")
        else:
            yield np.asarray(dequantize(packed, GGMLQuantizationType(tensor.type)), dtype=np.float32)


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(raw)) + raw
