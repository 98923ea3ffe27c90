"""Numbers in a spoken sentence: digits, or words such as "quinhentas e vinte"."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aeon_plugin_ft.voice.normal import sound

_ORDINALS = {
    "primeiro": 1,
    "primeira": 1,
    "segunda": 2,
    "terceiro": 3,
    "terceira": 3,
    "quarta": 4,
    "quinta": 5,
    "sexta": 6,
    "setima": 7,
    "oitava": 8,
    "nona": 9,
    "decima": 10,
}
ORDINALS = frozenset(_ORDINALS)
"""They name versions: "a terceira versão"."""

_VALUES = {
    "zero": 0,
    "um": 1,
    "uma": 1,
    "dois": 2,
    "duas": 2,
    "tres": 3,
    "treis": 3,
    "quatro": 4,
    "cinco": 5,
    "seis": 6,
    "sete": 7,
    "oito": 8,
    "nove": 9,
    "dez": 10,
    "deiz": 10,
    "onze": 11,
    "doze": 12,
    "treze": 13,
    "catorze": 14,
    "quatorze": 14,
    "quinze": 15,
    "dezesseis": 16,
    "dezessete": 17,
    "dezoito": 18,
    "dezenove": 19,
    "vinte": 20,
    "trinta": 30,
    "quarenta": 40,
    "cinquenta": 50,
    "sessenta": 60,
    "setenta": 70,
    "oitenta": 80,
    "noventa": 90,
    "cem": 100,
    "cento": 100,
    "duzentos": 200,
    "duzentas": 200,
    "trezentos": 300,
    "trezentas": 300,
    "quatrocentos": 400,
    "quatrocentas": 400,
    "quinhentos": 500,
    "quinhentas": 500,
    "seiscentos": 600,
    "seiscentas": 600,
    "setecentos": 700,
    "setecentas": 700,
    "oitocentos": 800,
    "oitocentas": 800,
    "novecentos": 900,
    "novecentas": 900,
    "mil": 1000,
    **_ORDINALS,
}


@lru_cache(maxsize=1)
def _sounds() -> dict[str, int]:
    return {sound(word): value for word, value in _VALUES.items()}


@lru_cache(maxsize=1024)
def value_of(word: str) -> int | None:
    """The number that one plain word says, by spelling or by sound ("cete"); None when it says none."""
    digits = word.lstrip("v").rstrip("%") if word[-1:].isdigit() or word.endswith("%") else word
    if digits.isdecimal():
        return int(digits)
    if word in _VALUES:
        return _VALUES[word]
    return _sounds().get(sound(word)) if len(word) > 2 else None


def read_number(words: Sequence[str]) -> tuple[int, int] | None:
    """The number at the start of `words` and how many of them it takes; None when there is none.

    "quinhentas e vinte conversas" -> (520, 3); "2 mil" -> (2000, 2).
    """
    total = part = used = 0
    for index, word in enumerate(words):
        if word == "e" and used == index and 0 < index < len(words) - 1:
            value = value_of(words[index + 1])
            if value is None or not _joins(part, value):
                break
            continue
        value = value_of(word)
        if value is None or (used and not _joins(part, value)):
            break
        # "dois mil" multiplies; the digits 1000 are a number of their own.
        if value == 1000 and not word.isdecimal():
            total, part = total + max(part, 1) * 1000, 0
        else:
            part += value
        used = index + 1
    return (total + part, used) if used else None


def _joins(part: int, value: int) -> bool:
    """Whether `value` goes on with the number said so far ("cento e" + "vinte", not "três" + "quatro")."""
    if value == 1000:
        return part < 1000
    size = 100 if value >= 100 else 10 if value >= 20 else 1
    return part == 0 or (part % (10 * size if size > 1 else 100) == 0) or (size == 1 and value < 10 and part % 10 == 0)
