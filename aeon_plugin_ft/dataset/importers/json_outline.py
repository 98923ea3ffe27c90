"""A short form of a big JSON document, so that its format is recognised by all of it and not by its first 64 KB.

A Telegram account's export has hundreds of contacts before the first chat, and a line of JSON Lines may be longer than
what is looked at. The outline has the same keys in the same nesting, a few items of each list and the beginning of each
text.
"""

from __future__ import annotations

import json
from typing import Any

from aeon_plugin_ft.dataset.importers.json_stream import TextFile
from aeon_plugin_ft.dataset.importers.source import Source

ITEMS_KEPT = 5
KEYS_KEPT = 60
CHARS_KEPT = 200
MOST_CHARS = 64 * 1024
"""Of the outline."""
_SCALARS = {"null", "boolean", "integer", "double", "number", "string"}


class _Outline:
    """Tokens in, a value with a few of its parts out."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.chars = 0
        self._open: list[tuple[Any, list[int]]] = []
        """The containers around the present place, with how many parts each has had."""
        self._key = ""
        self._left_out = 0
        """How deep the present place is inside a part that is left out."""

    @property
    def whole(self) -> bool:
        """Whether more tokens would tell no more."""
        first = self._open[0][0] if self._open else None
        listed = isinstance(first, list) and len(self._open) == 1 and self._open[0][1][0] > ITEMS_KEPT
        return len(self.done) >= ITEMS_KEPT or self.chars > MOST_CHARS or listed

    def take(self, event: str, value: Any) -> None:
        """One more token of ijson's."""
        if event == "map_key":
            if not self._left_out:
                self._key = str(value)
        elif event in ("start_map", "start_array"):
            self._start({} if event == "start_map" else [])
        elif event in ("end_map", "end_array"):
            self._end()
        elif event in _SCALARS and not self._left_out:
            self._put(value[:CHARS_KEPT] if isinstance(value, str) else value)

    def _start(self, container: Any) -> None:
        if self._left_out or not self._put(container):
            self._left_out += 1
        else:
            self._open.append((container, [0]))

    def _end(self) -> None:
        if self._left_out:
            self._left_out -= 1
            return
        closed, _ = self._open.pop()
        if not self._open:
            self.done.append(closed)

    def _put(self, value: Any) -> bool:
        """Into the container around it, unless that has enough parts."""
        if not self._open:
            return isinstance(value, (dict, list))
        container, count = self._open[-1]
        count[0] += 1
        if count[0] > (ITEMS_KEPT if isinstance(container, list) else KEYS_KEPT):
            return False
        self.chars += 20 + (len(value) if isinstance(value, str) else 0)
        if isinstance(container, list):
            container.append(value)
        else:
            container[self._key] = value
        return True

    def text(self) -> str:
        """What was taken, a value a line."""
        values = self.done + ([self._open[0][0]] if self._open else [])
        return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def outline(source: Source) -> str:
    """The outline of a document, "" for what is no JSON at all."""
    import ijson

    made = _Outline()
    if source.sample.lstrip()[:1] not in ("[", "{"):
        return ""
    try:
        for event, value in ijson.basic_parse(TextFile(source), use_float=True, multiple_values=True):
            made.take(event, value)
            if made.whole:
                break
    except (ijson.JSONError, ValueError, RecursionError, OverflowError):
        pass  # what stands before the damage is told by itself
    return made.text()
