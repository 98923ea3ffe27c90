"""A text with its folded form: lower case, no accents, and every character still at its place."""

from __future__ import annotations

import re

_ACCENTED = "áàâãäåéèêëíìîïóòôõöúùûüçñýÿ"
_BARE = "aaaaaaeeeeiiiiooooouuuucnyy"
_TO_BARE = str.maketrans(_ACCENTED, _BARE)
_BARE_BYTES = bytes(ord(chr(code).translate(_TO_BARE)) for code in range(256))
"""The same for latin-1."""
PLACEHOLDER = re.compile(r"\[([A-Z]+)_(\d+)\]")


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as one string."""
    return frozenset(text.split())


def fold(text: str) -> str:
    """Lower case without accents, of the same length, so that positions stay valid in the original."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters, such as the Turkish dotted I, grow when lowered
        lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    if lowered.isascii():
        return lowered
    try:  # most texts, in a seventh of the time
        return lowered.encode("latin-1").translate(_BARE_BYTES).decode("latin-1")
    except UnicodeEncodeError:
        return lowered.translate(_TO_BARE)


class Source:
    """What a recogniser reads: the text as it was written, and its folded form."""

    __slots__ = ("folded", "raw")

    def __init__(self, raw: str) -> None:
        self.raw, self.folded = raw, fold(raw)

    def before(self, position: int, reach: int = 48) -> str:
        """Folded text in front of a position, within its sentence, up to `reach` characters."""
        window = self.folded[max(0, position - reach) : position]
        return re.split(r"[!?\n]|\.\s", window)[-1]

    def after(self, position: int, reach: int = 24) -> str:
        """Folded text behind a position, within its sentence."""
        window = self.folded[position : position + reach]
        return re.split(r"[!?\n]|\.\s|\.$", window)[0]
