"""Text that arrives in pieces, broken between words at the right margin of a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

from rich.cells import cell_len

_PARTS = re.compile(r"\n|[^\S\n]+|\S+")


class Wrapping:
    """`feed` what arrives, `close` at the end; `write` gets what may be shown by then. `width` is asked at each word,
    for a window may be resized; None: nothing is broken. `column` is where the text begins.

    A word is held back until what follows it is there, for no sooner is it known whether it fits. One that is wider
    than the terminal is left to it.
    """

    def __init__(self, write: Callable[[str], None], width: Callable[[], int | None], column: int = 0) -> None:
        self._write, self._width = write, width
        self._column = column
        self._gap = self._word = ""

    def feed(self, piece: str) -> None:
        """The next piece, cut anywhere."""
        if self._width() is None:
            self._write(piece)
            return
        for part in _PARTS.findall(piece):
            if part == "\n":
                self._put()
                self._write("\n")
                self._column, self._gap = 0, ""
            elif part.isspace():
                self._put()
                self._gap += part
            else:
                self._word += part

    def close(self) -> None:
        """What was held back."""
        self._put()

    def _put(self) -> None:
        if not self._word:
            return
        word, gap = self._word, self._gap
        self._word = self._gap = ""
        width = self._width()
        needed = cell_len(gap) + cell_len(word)
        if width is not None and self._column and self._column + needed > width:
            self._write(f"\n{word}")
            self._column = cell_len(word)
        else:
            self._write(gap + word)
            self._column += needed
        if width:
            self._column = self._column % width if self._column > width else self._column
