"""Text folded for comparison: lower case, no accents, no punctuation. Never shown, never trained on."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_MARKS = re.compile("[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W_]+")
_BARE = bytes(ord(unicodedata.normalize("NFD", chr(code))[0]) for code in range(256))
"""Latin-1 to latin-1 without accents."""
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
RECENT = 256
"""Texts whose folded form is kept: every filter asks for that of the same turn."""


@lru_cache(RECENT)
def fold(text: str) -> str:
    """Lower case without accents; punctuation stays."""
    text = text.lower()
    if text.isascii():
        return text
    try:  # most texts, in a quarter of the time
        return text.encode("latin-1").translate(_BARE).decode("latin-1")
    except UnicodeEncodeError:
        return _MARKS.sub("", unicodedata.normalize("NFD", text))


@lru_cache(RECENT)
def words(text: str) -> tuple[str, ...]:
    """The folded words of a text, in order."""
    folded = fold(text)
    return tuple(folded.translate(_SPACED).split() if folded.isascii() else _WORD.findall(folded))


def vocabulary(text: str) -> frozenset[str]:
    """The space-separated words of a constant."""
    return frozenset(text.split())


@lru_cache(RECENT)
def normal(text: str) -> str:
    """One form for texts that a person would call the same: "Oi, tudo bem?" and "oi tudo bem"."""
    return " ".join(words(text))
