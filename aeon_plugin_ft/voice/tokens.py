"""The words of a sentence with what each may stand for: by spelling, by sound, or nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from aeon_plugin_ft.voice.grammar import NUMBER, Grammar, grammar
from aeon_plugin_ft.voice.normal import Word, words
from aeon_plugin_ft.voice.numbers import read_number, value_of

_TAIL_CHARS = 60
"""Of the rest, the end: the politeness there is no part of the slot."""
_NUMBER_WORDS = 12
"""The longest number that is read: "novecentos e noventa e nove mil novecentos e noventa e nove"."""
_LONGEST_WORD = 40
_SOUND = 0.95
_NEAR = 82.0
_NEARER = 90.0
"""Likeness in per cent: of a misheard word, and of one whose first sound was misheard."""
_CONFUSABLE = 0.5


@dataclass(frozen=True, slots=True)
class Token:
    """One word with what it may stand for (concept to likeness), or a spoken number (`value`)."""

    text: str
    senses: dict[str, float]
    free: bool
    start: int
    end: int
    value: int | None = None


def without_polite(heard: list[Word], table: Grammar) -> list[Word]:
    """The sentence after its opening: the assistant's name, fillers, "eu queria que você", "pode"."""
    start = 0
    while start < len(heard):
        rest = tuple(word.plain for word in heard[start:])
        opening = next((phrase for phrase in table.polite if rest[: len(phrase)] == phrase), ())
        if opening:
            start += len(opening)
        elif rest[0] in table.free and rest[0] not in table.concepts and value_of(rest[0]) is None:
            start += 1
        else:
            break
    return heard[start:]


def tokens_of(heard: Sequence[Word], table: Grammar) -> list[Token]:
    """The words with their meanings. A spoken number is one token; a word repeated at once ("não, não") counts once."""
    tokens: list[Token] = []
    index = 0
    while index < len(heard):
        word = heard[index]
        number = _number(heard, index)
        used = number[1] if number else 1
        meaning = dict(senses(word.plain, word.sound))
        if number:
            meaning[NUMBER] = 1.0
        end = heard[index + used - 1].end
        if tokens and tokens[-1].text == word.plain:
            tokens[-1] = replace(tokens[-1], end=end)
        else:
            value = number[0] if number else None
            tokens.append(Token(word.plain, meaning, word.plain in table.free, word.start, end, value))
        index += used
    return tokens


def _number(heard: Sequence[Word], index: int) -> tuple[int, int] | None:
    """The number said at `index` and its length in words. "um" and "uma" are articles unless a unit follows, or
    it is a time of day ("da uma às seis")."""
    if heard[index].plain not in {"um", "uma"}:
        return read_number([word.plain for word in heard[index : index + _NUMBER_WORDS]])
    if index and "VERSION" in senses(heard[index - 1].plain, heard[index - 1].sound):
        return 1, 1
    if index + 1 >= len(heard):
        return None
    after = heard[index + 1]
    of_day = index > 0 and heard[index - 1].plain in {"da", "a"} and after.plain in {"as", "ate", "e"}
    unit = not {"MINUTES", "HOURS"}.isdisjoint(senses(after.plain, after.sound))
    return (1, 1) if of_day or unit else None


@lru_cache(maxsize=4096)
def senses(word: str, heard: str) -> dict[str, float]:
    """What a word may stand for, each with its likeness: by spelling, else by sound, else nearly."""
    table = grammar()
    exact = table.concepts.get(word)
    if exact:
        return dict.fromkeys(exact, 1.0)
    doubt = _CONFUSABLE if word in table.confusable else 1.0
    alike = table.sounds.get(heard)
    if alike:
        return dict.fromkeys(alike, _SOUND * doubt)
    if word in table.free or not 4 <= len(heard) <= _LONGEST_WORD or word.isdecimal():
        return {}
    return _near(heard, doubt, table)


def _near(heard: str, doubt: float, table: Grammar) -> dict[str, float]:
    # rapidfuzz takes about 0.1 s to import, which must not fall on Aeon's start.
    from rapidfuzz import fuzz, process

    senses: dict[str, float] = {}
    for key, ratio, _ in process.extract(heard, table.keys, scorer=fuzz.ratio, limit=4, score_cutoff=_NEAR):
        # The first sound is the one that is misheard least.
        if key[0] != heard[0] and ratio < _NEARER:
            continue
        for concept in table.sounds[key]:
            senses[concept] = max(senses.get(concept, 0.0), ratio / 100 * doubt)
    return senses


def tail_of(text: str, begin: int, table: Grammar) -> list[Token]:
    """The last words of a text whose words from `begin` on were not looked at; they stand for nothing."""
    start = max(begin, len(text) - _TAIL_CHARS)
    while begin < start < len(text) and not text[start].isspace():
        start += 1
    return [
        Token(word.plain, {}, word.plain in table.free, word.start + start, word.end + start)
        for word in words(text[start:])
    ]
