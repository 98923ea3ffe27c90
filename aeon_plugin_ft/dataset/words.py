"""Text folded for comparison: lower case, no accents, no punctuation. Never shown, never trained on."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_MARKS = re.compile("[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W_]+")
RECENT = 256
"""Texts whose folded form is kept: every filter asks for that of the same turn."""


@lru_cache(RECENT)
def fold(text: str) -> str:
    """Lower case without accents; punctuation stays."""
    return text.lower() if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", text.lower()))


@lru_cache(RECENT)
def words(text: str) -> tuple[str, ...]:
    """The folded words of a text, in order."""
    return tuple(_WORD.findall(fold(text)))


def vocabulary(text: str) -> frozenset[str]:
    """The space-separated words of a constant."""
    return frozenset(text.split())


@lru_cache(RECENT)
def normal(text: str) -> str:
    """One form for texts that a person would call the same: "Oi, tudo bem?" and "oi tudo bem"."""
    return " ".join(words(text))
