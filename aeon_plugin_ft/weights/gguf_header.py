"""A GGUF with a few entries more in its header and every other byte as it was.

Wire format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Offsets of tensors count from the start of
the data, so a longer header moves them together and their table need not change.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.weights.gguf_file import MAGIC, GgufFile

_say = Speaker("errors/weights")
_UINT32, _STRING = 4, 8
"""GGUF's numbers of the two types that are written here."""
_BLOCK = 1 << 20


def add_entries(source: Path, target: Path, entries: Mapping[str, str | int]) -> None:
    """Write `source` to `target` with `entries` behind its own; numbers are stored as uint32.

    The same inputs give the same bytes. Raises BaseModelError where `source` is no GGUF or has one of the keys
    already, OSError.
    """
    with GgufFile(source) as file:
        taken = sorted(set(entries) & set(file.entries))
        if taken:
            raise BaseModelError(*_say.error("gguf.own_entries", file=source.name, names=", ".join(taken)))
        count = len(file.entries) + len(entries)
        with source.open("rb") as old, target.open("wb") as new:
            new.write(MAGIC + struct.pack("<IQQ", file.version, len(file.tensors), count))
            _copy(old, new, file.metadata_start, file.metadata_end)
            for key, value in entries.items():
                new.write(_entry(key, value))
            _copy(old, new, file.metadata_end, file.table_end)
            new.write(bytes(-new.tell() % file.alignment))
            old.seek(file.data_start)
            shutil.copyfileobj(old, new, _BLOCK)


def _copy(old: BinaryIO, new: BinaryIO, start: int, end: int) -> None:
    old.seek(start)
    new.write(old.read(end - start))


def _entry(key: str, value: str | int) -> bytes:
    if isinstance(value, str):
        return _text(key) + struct.pack("<I", _STRING) + _text(value)
    return _text(key) + struct.pack("<II", _UINT32, value)


def _text(text: str) -> bytes:
    raw = text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw
