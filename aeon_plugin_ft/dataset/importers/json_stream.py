"""Big JSON documents as a stream of their items: an export of years does not fit in memory twice.

The text goes through `Source`, so encodings and mojibake are handled as in a log. A document that is cut or broken
gives every item before the damage and one skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.source import Source


class TextFile:
    """What a JSON parser reads from: `read(size)` gives bytes."""

    def __init__(self, source: Source) -> None:
        self._blocks = source.blocks()
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """About `size` bytes; b"" at the end."""
        # ijson asks so, to learn whether it gets bytes or text.
        if size == 0:
            return b""
        if not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = ("\n".join(block) + "\n").encode("utf-8", "replace")
        if size < 0:
            size = len(self._rest)
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def items(source: Source, prefix: str, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """(position from 1, object) for everything at `prefix` (ijson's notation); what is no object is skipped."""
    import ijson

    number = 0
    try:
        for read in ijson.items(TextFile(source), prefix, use_float=True):
            number += 1
            if isinstance(read, dict):
                yield number, read
            else:
                reading.skip(number, "not a JSON object")
    except (ijson.JSONError, ValueError, RecursionError, OverflowError):
        reading.skip(number + 1, "the JSON is cut or damaged from here on")
