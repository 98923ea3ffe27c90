"""From a sentence as it was recognised to words that can be compared: spelling, and sound.

Speech recognition drops accents, writes homophones ("verção", "trena") and splits words. `words` keeps the
position of each word, so that a slot gives back the owner's own spelling; `sound` maps spellings that sound
alike in Brazilian Portuguese to one key.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from aeon_plugin_ft.privacy.folding import fold_accents

_WORD = re.compile(r"\d+[^\W\d_]{2,}|\d+(?:[.,]\d+)*%?|[^\W\d_]+(?:-[^\W\d_]+)*\d*")
_THOUSANDS = re.compile(r"(?<=\d)\.(?=\d{3}\b)")


@dataclass(frozen=True, slots=True)
class Word:
    """`plain` is lower case without accents, `sound` its key; `start` and `end` are its place in the raw text."""

    plain: str
    sound: str
    start: int
    end: int


def plain(text: str) -> str:
    """Lower case, accents and hyphens dropped."""
    return fold_accents(text).replace("-", " ")


def words(text: str, most: int | None = None) -> list[Word]:
    """The words and numbers of a sentence, punctuation left out ("1.000" is one number); of more than `most` the
    first."""
    split: list[Word] = []
    # Accents as part of their letters, or the pattern would cut words at them.
    text = unicodedata.normalize("NFC", text)
    for match in islice(_WORD.finditer(text), most):
        spelled = _THOUSANDS.sub("", match.group()).lower()
        parts = zip(plain(spelled).split(), plain(spelled.replace("ç", "ss")).split(), strict=True)
        # Here too: a chain of hyphens is one match and any number of words.
        for part, heard in islice(parts, most):
            split.append(Word(part, sound(heard), match.start(), match.end()))
    return split[:most]


_SOUNDS = (
    (r"ph", "f"),
    (r"[cs]h", "x"),
    (r"lh", "li"),
    (r"nh", "ni"),
    (r"h", ""),
    (r"y", "i"),
    (r"w", "v"),
    (r"x?c(?=[ei])", "s"),
    (r"[sx]s|sc(?=[ei])", "s"),
    (r"g(?=[ei])", "j"),
    (r"gu(?=[ei])", "g"),
    (r"qu?(?=[ei])|q|c|k", "k"),
    (r"z", "s"),
    (r"(.)\1+", r"\1"),
    (r"a[om]$", "an"),
    (r"[ao]e[sm]?$|oins$", "ons"),
    (r"m(?=[bpvfsrtdkgjnl]|$)", "n"),
    (r"l(?=[bpvfsrtdkgjmn]|$)", "u"),
    (r"ei(?=.)", "e"),
    (r"ou", "o"),
    (r"e(s?)$", r"i\1"),
    (r"o(s?)$", r"u\1"),
    (r"(?<=[aeiou])r$", ""),
)


@lru_cache(maxsize=1)
def _sounds() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compiled when the first word is heard: the host imports this at its start."""
    return tuple((re.compile(pattern), sound) for pattern, sound in _SOUNDS)


@lru_cache(maxsize=4096)
def sound(word: str) -> str:
    """How a plain word sounds, roughly: words that are confused with one another get near or equal keys.

    Infinitives lose their final r, as in speech ("treinar" like "treina").
    """
    # In their order: each rule works on what the ones before have made.
    for pattern, replacement in _sounds():
        word = pattern.sub(replacement, word)
    return word
