"""Unique names for calls: UUID4 hex, drawn from the system's randomness in batches.

One draw per call would be a system call in each turn (3 to 20 us); a batch is one in 256.
"""

from __future__ import annotations

import os
from collections import deque

_BYTES, _BATCH = 16, 256
_ready: deque[bytes] = deque()


def new_id() -> str:
    """A UUID4 as 32 hexadecimal digits. Safe from many threads: a deque hands out each item once."""
    while True:
        try:
            raw = bytearray(_ready.popleft())
        except IndexError:
            drawn = os.urandom(_BYTES * _BATCH)
            _ready.extend(drawn[at : at + _BYTES] for at in range(0, len(drawn), _BYTES))
            continue
        raw[6] = raw[6] & 0x0F | 0x40  # version 4
        raw[8] = raw[8] & 0x3F | 0x80  # RFC 4122 variant
        return raw.hex()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ready.clear)  # a child must not repeat its parent's names
