"""One reply read: how much of it is no Portuguese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aeon_plugin_ft.evaluation.sense.gender import disagreements
from aeon_plugin_ft.evaluation.sense.grammar import END, oddities, repeats
from aeon_plugin_ft.evaluation.sense.words import is_word
from aeon_plugin_ft.privacy.folding import fold_accents

NONSENSE_ABOVE = 0.10
"""Errors a word from which on a reply makes no sense: hardly one sound one in a hundred does (benchmarks/nonsense.py
measures it)."""
TALK_ABOVE = 0.04
"""Errors a word over all replies of a model from which on it strings words together. Of 400 samples of a dozen sound
replies none came above 0.028, of small models after some steps of training hardly any below 0.047."""
WEIGHTS = (1.0, 1.0, 1.0, 0.7, 0.3)
"""Of an unknown word, odd neighbours, a disagreement, a repeated pair, a strange name. A sound reply may well say a
name that no list has, or say something twice."""
FEWEST_WORDS = 75
"""Of a model that says less, this many are taken for said: three slips are the fewest that count against it."""
SHRINK = 3
"""Words: one slip in a reply of three must not make it nonsense."""

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[.,;:!?…\n]+|\d[\d.,:h]*|\S")
_CODE = re.compile(r"\S*(?:[_/\\@=#<>{}\[\]|`~$%&*+^]|[^\W\d_]\d|\d[^\W\d_]{2}|\w\.\w|[a-z][A-Z])\S*")
_FOREIGN = re.compile(r"[^\W\d_a-zà-öø-ÿ'’-]", re.IGNORECASE)
_PIECE = re.compile(r"\n+|\S+")
_STOP = re.compile(r"[.,;:!?…\n]+")
_LAUGHTER = re.compile(r"(?:k{2,}|(?:h[aeiu]){2,}h?|(?:rs){1,}|u+h*u*|a+h+|o+h+|h+m+)")
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted in a reply: its words without numbers and code, and of them those that nobody writes;
    neighbours that cannot be neighbours; determiners that do not agree with their nouns; pairs of words without a name
    that were said before; names that are in no list."""

    words: int
    unknown: int
    odd: int
    disagreeing: int
    repeated: int
    strange_names: int

    @property
    def errors(self) -> float:
        """All of them together, each by what it tells."""
        counts = (self.unknown, self.odd, self.disagreeing, self.repeated, self.strange_names)
        return sum(weight * count for weight, count in zip(WEIGHTS, counts, strict=True))

    @property
    def score(self) -> float:
        """Errors a word; a short reply is given the benefit of SHRINK words more."""
        return self.errors / (self.words + SHRINK)


class Sense:
    """Reads replies. `own_words` are words that this owner and assistant use and no list has (from their log), in any
    case: names, code words, slang."""

    def __init__(self, own_words: Iterable[str] = ()) -> None:
        self._own = frozenset(fold_accents(word) for word in own_words)

    def read(self, text: str) -> Reading:
        """Count what is wrong with a reply."""
        tokens = list(_tokens(text))
        words = [token for token, _ in tokens if token and token != END]
        unknown = sum(not name and self._is_unknown(token) for token, name in tokens if token)
        small = [token for token, _ in tokens]
        nouns = ["" if name else token for token, name in tokens]
        strange = len({token for token, name in tokens if name and self._is_unknown(token)})
        # People say a name twice, having no other for it: "O teu Raspberry Pi. Cara, o teu Raspberry Pi se chama Tatu."
        return Reading(len(words), unknown, oddities(small), disagreements(nouns), repeats(nouns), strange)

    def is_nonsense(self, text: str) -> bool:
        """Whether a reply as a whole is."""
        return self.read(text).score > NONSENSE_ABOVE

    def nonsense(self, texts: Iterable[str]) -> float:
        """Errors a word over all replies of one model; 0.0 for none. Tells a model that strings words together from
        one that talks far more surely than any single reply can."""
        readings = [self.read(text) for text in texts]
        words = sum(reading.words for reading in readings)
        return sum(reading.errors for reading in readings) / max(words, FEWEST_WORDS)

    def _is_unknown(self, word: str) -> bool:
        if _FOREIGN.search(word):
            return True
        if word == END or len(word) < 3 or _LAUGHTER.fullmatch(word):
            return False
        return not (is_word(word) or fold_accents(word) in self._own or self._is_compound(word))

    def _is_compound(self, word: str) -> bool:
        """ "vira-lata", "levá-lo": of parts that are words."""
        parts = re.split(r"['’-]", word)
        return len(parts) > 1 and all(is_word(part) or len(part) < 3 for part in parts)


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """(word in lower case, whether it is a name) and (END, False); ("", False) for numbers, marks and code, of which
    nothing can be said. A name is what is capitalised inside a sentence, or anywhere and in no list."""
    begins = True
    for piece in _PIECE.findall(text):
        pieces = [piece] if _CODE.fullmatch(piece) else _TOKEN.findall(piece)
        for token in pieces:
            if _STOP.fullmatch(token):
                yield END, False
                begins = begins or not set(token) <= set(",;:")
            elif (len(pieces) == 1 and _CODE.fullmatch(token)) or not _LETTERS.match(token):
                yield "", False
                begins = False
            else:
                lower = token.lower()
                yield lower, token[0] != lower[0] and (not begins or not is_word(lower))
                begins = False
    yield END, False
