"""A text with its folded form: lower case, no accents, and every character still at its place."""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.folding import fold_in_place

PLACEHOLDER = re.compile(r"\[([A-Z]+)_(\d+)\]")


def vocabulary(text: str) -> frozenset[str]:
    """The words of a list that is written as one string."""
    return frozenset(text.split())


_LINE_START = re.compile(r"(?<![.!?;\n])\s*\n[\s\"'*_>-]*$")
_SENTENCE_END = re.compile(r"[!?\n]|\.\s")


class ScannedText:
    """What a recogniser reads: the text as it was written, and its folded form."""

    __slots__ = ("folded", "raw")

    def __init__(self, raw: str) -> None:
        self.raw, self.folded = raw, fold_in_place(raw)

    def before(self, position: int, reach: int = 48) -> str:
        """Folded text in front of a position, within its sentence, up to `reach` characters. What stands first in its
        line goes on with the line before: "meu rg é" and the number were two messages."""
        window = _LINE_START.sub(" ", self.folded[max(0, position - reach) : position])
        return _SENTENCE_END.split(window)[-1]

    def after(self, position: int, reach: int = 24) -> str:
        """Folded text behind a position, within its sentence."""
        window = self.folded[position : position + reach]
        return re.split(r"[!?\n]|\.\s|\.$", window)[0]
