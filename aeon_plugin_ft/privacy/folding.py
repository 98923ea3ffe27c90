"""Text folded for comparison: lower case and without accents, in the three forms that the product needs.

They agree on what Brazilians type (ASCII and latin-1, but for punctuation) and differ on purpose beyond it:

| function | length | punctuation | other alphabets, combining accents | for |
| --- | --- | --- | --- | --- |
| `fold_in_place` | kept | kept | left as they are | finding a place in the original |
| `fold_accents` | may change | kept | accents taken off | words, duplicates, the split |
| `fold_to_ascii_words` | may change | one space | letters outside a-z are dropped | hashes of fixed sentences |

What the second and the third return is in use as a key (which conversation is a duplicate, which side of the split it
is on, which sentence is canned): a change of either would shuffle the data of every owner.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

RECENT = 256
"""Texts whose folded form is kept: every filter asks for that of the same turn."""

_ACCENTED = "áàâãäåéèêëíìîïóòôõöúùûüçñýÿ"
_TO_BARE = str.maketrans(_ACCENTED, "aaaaaaeeeeiiiiooooouuuucnyy")
_BARE_BYTES = bytes(ord(chr(code).translate(_TO_BARE)) for code in range(256))
"""Lower-case latin-1 to latin-1 without accents: one look-up a character, in a seventh of the time."""
_MARKS = re.compile("[\u0300-\u036f]+")
_EVERY_MARK = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
"""Every block of combining marks that a Latin letter can carry."""
_NOT_ASCII_WORD = re.compile("[^0-9a-z]+")


def fold_in_place(text: str) -> str:
    """Lower case without accents, of the same length: a position in it is one in the original."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters, such as the Turkish dotted I, grow when lowered
        lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    bare = _latin_fold(lowered)
    return lowered.translate(_TO_BARE) if bare is None else bare


@lru_cache(RECENT)
def fold_accents(text: str) -> str:
    """Lower case without accents, whether they are part of a letter or follow it; punctuation stays."""
    lowered = text.lower()
    bare = _latin_fold(lowered)
    return _MARKS.sub("", unicodedata.normalize("NFD", lowered)) if bare is None else bare


def fold_to_ascii_words(text: str) -> str:
    """Words of a-z and 0-9 with single spaces between them; ligatures, fractions and wide letters spelt out."""
    plain = text.casefold()
    try:  # most texts, in a third of the time
        folded = plain.encode("latin-1").translate(_ASCII_BYTES)
    except UnicodeEncodeError:
        return _ascii_words(plain)
    return _ascii_words(plain) if b"\0" in folded else b" ".join(folded.split()).decode("ascii")


def _latin_fold(lowered: str) -> str | None:
    """None for a text with characters beyond latin-1."""
    if lowered.isascii():
        return lowered
    try:
        return lowered.encode("latin-1").translate(_BARE_BYTES).decode("latin-1")
    except UnicodeEncodeError:
        return None


def _ascii_words(plain: str) -> str:
    if not plain.isascii():
        plain = _EVERY_MARK.sub("", unicodedata.normalize("NFKD", plain))
    return _NOT_ASCII_WORD.sub(" ", plain).strip()


_ASCII_BYTES = bytes(ord(bare) if len(bare := _ascii_words(chr(code)) or " ") == 1 else 0 for code in range(256))
"""What each latin-1 character is folded to; 0 where that is more than one (a fraction)."""
