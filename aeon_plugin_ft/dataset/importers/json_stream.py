"""Big JSON documents as a stream of their items: an export of years does not fit in memory twice.

The text goes through `Source`, so encodings and mojibake are handled as in a log. A document that is cut or broken
gives every item before the damage and one skip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.source import Source

LONGEST_STRING = 8 << 20
"""Bytes without the end of a string, beyond which a document counts as damaged: no message is so long, and the parser
would keep it in memory several times."""
_QUOTE = re.compile(rb'(?<!\\)"')


class TextFile:
    """What a JSON parser reads from: `read(size)` gives bytes. Such documents are often one line, so they are read in
    pieces and not line by line."""

    def __init__(self, source: Source) -> None:
        self._pieces = source.pieces()
        self._rest = b""
        self._unquoted = 0

    def read(self, size: int = -1) -> bytes:
        """About `size` bytes; b"" at the end."""
        # ijson asks so, to learn whether it gets bytes or text.
        if size == 0:
            return b""
        if not self._rest:
            self._rest = self._next()
        if size < 0:
            size = len(self._rest)
        given, self._rest = self._rest[:size], self._rest[size:]
        return given

    def _next(self) -> bytes:
        """The next piece, never empty before the end. Raises ValueError for a string that does not end."""
        lines, whole = next(self._pieces, (None, True))
        if lines is None:
            return b""
        data = ("\n".join(lines) + ("\n" if whole else "")).encode("utf-8", "replace")
        self._unquoted = 0 if _QUOTE.search(data) else self._unquoted + len(data)
        if self._unquoted > LONGEST_STRING:
            raise ValueError("a string without an end")
        return data


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
