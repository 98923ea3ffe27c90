"""By what a log file is known again: hashes of its start, and of what stands before the place it was read to."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

MARK_BYTES = 4096
"""How much of each is hashed."""


def head_of(file: BinaryIO) -> str:
    """A hash of its first line, or of what there is of it."""
    start = bytes_at(file, 0, MARK_BYTES)
    return _hash(start[: start.find(b"\n") + 1] or start)


def tail_of(file: BinaryIO, offset: int) -> str:
    """A hash of what stands right before a position, in bytes."""
    start = max(0, offset - MARK_BYTES)
    return _hash(bytes_at(file, start, offset - start))


def bytes_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """What stands there."""
    file.seek(offset)
    return file.read(length)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
