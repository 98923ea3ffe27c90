"""JSON of any size and shape as a stream of its values: a list, one value a line, or one value after another.

A document has no lines: exports of years stand on one. Its text is read in pieces and parsed by tokens, and a document
that is cut or broken gives every value before the damage and one skip. JSON Lines are read line by line instead, so
that a torn line costs only itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/dataset")

LONGEST_STRING = 8 << 20
"""Bytes without the end of a string, beyond which a document counts as damaged: no message is so long, and the parser
would keep it in memory several times."""
LONGEST_VALUE = 64 << 20
"""Bytes of one line of JSON Lines, beyond which it is left out: it is kept in memory whole."""
DAMAGED = "the JSON is cut or damaged from here on"
TORN = "not a JSON object (a torn line?)"
_QUOTE = re.compile(rb'(?<!\\)"')


class _Unquoted:
    """Counts bytes since the last quote."""

    def __init__(self) -> None:
        self._count = 0

    def check(self, data: bytes) -> None:
        """Raises ValueError for a string that does not end."""
        self._count = 0 if _QUOTE.search(data) else self._count + len(data)
        if self._count > LONGEST_STRING:
            raise ValueError("a string without an end")


class TextFile:
    """What a JSON parser reads from: `read(size)` gives bytes."""

    def __init__(self, source: Source) -> None:
        self._pieces = source.pieces(mend=False)
        self._rest = b""
        self._unquoted = _Unquoted()

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
        """The next piece, never empty before the end."""
        lines, whole = next(self._pieces, (None, True))
        if lines is None:
            return b""
        data = _bytes(lines, whole)
        self._unquoted.check(data)
        return data


def _bytes(lines: list[str], whole: bool) -> bytes:
    return ("\n".join(lines) + ("\n" if whole else "")).encode("utf-8", "replace")


def items(source: Source, prefix: str, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """(position from 1, object) for everything at `prefix` (ijson's notation); what is no object is skipped."""
    for number, read in _stream(source, prefix, reading):
        if isinstance(read, dict):
            yield number, read
        else:
            reading.skip(number, "not a JSON object")


def _stream(source: Source, prefix: str, reading: Reading, *, several: bool = False) -> Iterator[tuple[int, Any]]:
    import ijson

    number = 0
    try:
        for read in ijson.items(TextFile(source), prefix, use_float=True, multiple_values=several):
            number += 1
            yield number, source.mend(read) if source.suspect else read
    except (ijson.JSONError, ValueError, RecursionError, OverflowError):
        reading.skip(number + 1, DAMAGED)


def values(source: Source, reading: Reading) -> Iterator[tuple[int, Any]]:
    """(line or position from 1, value) of a JSON list, of JSON Lines, or of one value after another."""
    if _is_lines(source):
        return _of_lines(source, reading)
    if source.sample.lstrip().startswith("["):
        return _stream(source, "item", reading)
    return _stream(source, "", reading, several=True)


def _is_lines(source: Source) -> bool:
    """Whether a value ends with its line. A value that goes on over several lines is read by tokens; where not even
    the first one can be read so, lines are what can be saved."""
    text = source.sample.lstrip()
    first, more, rest = text.partition("\n")
    if _is_json(first):
        return first.startswith("{") or (more != "" and rest.lstrip()[:1] == "[")
    if text.startswith("["):
        return False
    if not more and _is_json(_first_line(source)):
        return True
    return not _starts_with_a_value(source)


def _first_line(source: Source) -> str:
    """The first line that holds something, however long it is; "" for one of over LONGEST_VALUE."""
    begun, size = [], 0
    for lines, whole in source.pieces(mend=False):
        for at, line in enumerate(lines):
            begun.append(line)
            size += len(line)
            ends = whole or at < len(lines) - 1
            if size > LONGEST_VALUE or (ends and "".join(begun).strip()):
                return "".join(begun) if size <= LONGEST_VALUE else ""
    return "".join(begun)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _starts_with_a_value(source: Source) -> bool:
    import ijson

    depth = 0
    try:
        for event, _ in ijson.basic_parse(TextFile(source), multiple_values=True):
            depth += event in ("start_map", "start_array")
            depth -= event in ("end_map", "end_array")
            if not depth:
                return True
    except (ijson.JSONError, ValueError, RecursionError, OverflowError):
        return False
    return False


def _of_lines(source: Source, reading: Reading) -> Iterator[tuple[int, Any]]:
    """Line by line; one that is too long for a line is parsed by tokens."""
    number, long = 0, None
    for lines, whole in source.pieces(mend=False):
        for at, line in enumerate(lines):
            last = at == len(lines) - 1 and not whole
            if long is None and not last:
                number += 1
                if line.strip():
                    yield from _line(source, number, line, reading)
                continue
            if long is None:
                number, long = number + 1, _LongLine()
            long.add(line)
            if not last:
                yield from long.end(source, number, reading)
                long = None
    if long is not None:
        yield from long.end(source, number, reading)


def _line(source: Source, number: int, line: str, reading: Reading) -> Iterator[tuple[int, Any]]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        reading.skip(number, TORN)
        return
    yield number, source.mend(read) if source.suspect else read


class _LongLine:
    """One line that comes in pieces. What is broken or too long is thrown away as soon as that is known."""

    def __init__(self) -> None:
        import ijson

        self._errors = (ijson.JSONError, ValueError, RecursionError, OverflowError)
        self._values: Any = ijson.sendable_list()
        self._parser: Any = ijson.items_coro(self._values, "", use_float=True)
        self._unquoted, self._size = _Unquoted(), 0

    def add(self, text: str) -> None:
        """One more piece."""
        if self._parser is None:
            return
        data = text.encode("utf-8", "replace")
        self._size += len(data)
        try:
            self._unquoted.check(data)
            if self._size > LONGEST_VALUE:
                raise ValueError("a line that is too long")
            self._parser.send(data)
        except self._errors:
            self._parser = None
            self._values.clear()

    def end(self, source: Source, number: int, reading: Reading) -> Iterator[tuple[int, Any]]:
        """The value of the line."""
        if self._parser is not None:
            try:
                self._parser.close()
            except self._errors:
                self._values.clear()
        if not self._values:
            reading.skip(
                number,
                TORN if self._size <= LONGEST_VALUE else _say("skipped.long_line", megabytes=LONGEST_VALUE >> 20),
            )
        for read in self._values:
            yield number, source.mend(read) if source.suspect else read
