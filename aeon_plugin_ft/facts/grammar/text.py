"""A text as the grammar reads it: sentences, and in each the words with their places.

Everything is matched on the folded form (lower case, no accents), which is as long as the original: a place in one is
a place in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aeon_plugin_ft.facts.grammar.casing import broken, with_capitals
from aeon_plugin_ft.privacy.folding import fold_in_place

LONGEST_TEXT = 2000
"""Characters of a text that are read: more than that was pasted, not said."""
LONGEST_SENTENCE = 600
"""Nobody tells a fact in a longer one; it bounds the work of every pattern."""

_SENTENCE_END = re.compile(r"(?<!\bsr)(?<!\bdr)(?<!\bdra)(?<!\bsra)[.!?…]+(?=[\s\"”'»)]|$)|\n+")
_WORD = re.compile(r"\d+(?:[.,:/]\d+)*\w*|[^\W_]+(?:[-'’.+#][^\W_]+)*[+#]*")
_DAY = r"(?:segunda|terca|quarta|quinta|sexta|sabado|domingo)"
_BREAK = re.compile(rf",(?=\s|$)(?!\s{_DAY}(?:,|\se\s))|[;:](?=\s|$)|[()—–\"“”«»]| - ")
_QUOTED = re.compile(r"[\"“«]([^\"”»]{3,})[\"”»]")


@dataclass(frozen=True, slots=True)
class Word:
    """`folded` stands at `start` to `end` of the text."""

    folded: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of `text`: its place, its words, and the places of what breaks it (commas, brackets)."""

    text: str
    folded: str
    start: int
    end: int
    asks: bool
    words: tuple[Word, ...]
    breaks: tuple[int, ...]
    quoted: tuple[tuple[int, int], ...]
    caseless: bool
    """Whether it was written without a capital, as speech recognition does: those of `text` were put in."""

    def segments(self) -> Iterator[tuple[int, int]]:
        """Index of the first word, and behind the last, of each part between two breaks."""
        begin = 0
        marks = iter((*self.breaks, self.end))
        mark = next(marks)
        for index, word in enumerate(self.words):
            while word.start >= mark:
                if index > begin:
                    yield begin, index
                    begin = index
                mark = next(marks, self.end + 1)
        if begin < len(self.words):
            yield begin, len(self.words)

    def original(self, start: int, end: int) -> str:
        """The text as it was written."""
        return self.text[start:end]


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text; overlong ones are left out, and the one in which a long text is cut off."""
    whole = len(text) <= LONGEST_TEXT
    text = text[:LONGEST_TEXT]
    folded = fold_in_place(text)
    caseless = text == text.lower()
    text = with_capitals(text, folded)
    begin = 0
    for mark in _SENTENCE_END.finditer(folded):
        if mark.start() > begin:
            yield from _sentence(text, folded, begin, mark.start(), "?" in mark.group(), caseless)
        begin = mark.end()
    if whole:  # a sentence that is cut off says something else
        yield from _sentence(text, folded, begin, len(text), False, caseless)


def _sentence(text: str, folded: str, start: int, end: int, asks: bool, caseless: bool) -> Iterator[Sentence]:
    if end - start > LONGEST_SENTENCE:
        return
    words = tuple(Word(m.group(), m.start(), m.end()) for m in _WORD.finditer(folded, start, end))
    if words:
        breaks = tuple(m.start() for m in _BREAK.finditer(folded, start, end))
        if caseless:
            breaks = tuple(sorted({*breaks, *(start + at for at in broken(text[start:end], folded[start:end]))}))
        quoted = tuple(m.span() for m in _QUOTED.finditer(text, start, min(end + len('."'), len(text))))
        yield Sentence(text, folded, start, end, asks, words, breaks, quoted, caseless)
