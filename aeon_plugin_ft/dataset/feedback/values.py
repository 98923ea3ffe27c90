"""What may stand in another's place: times, dates, days, numbers, names and quoted words, each with its sort.

A correction puts a value of one sort in the place of a value of the same sort; that is how it is told from a sentence
about something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from aeon_plugin_ft.privacy.folding import fold_in_place
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.number_words import HUNDREDS, TEENS, TENS, UNITS
from aeon_plugin_ft.privacy.text import vocabulary


class Sort(Enum):
    """What a value is."""

    TIME = "time"
    DATE = "date"
    DAY = "day"
    """A day of the month: "dia 12"."""
    WEEKDAY = "weekday"
    MONTH = "month"
    NUMBER = "number"
    NAME = "name"
    QUOTED = "quoted"


@dataclass(frozen=True, slots=True)
class Value:
    """A value at text[start:end]; `canon` is the same for two ways to say it ("9h30", "nove e meia"), `unit` the word
    that follows a number ("minutos"), folded."""

    sort: Sort
    start: int
    end: int
    canon: str
    unit: str = ""


_MONTHS = (
    "janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_MONTH = "(?:" + "|".join(_MONTHS) + ")"
_WORDS = "(?:" + "|".join(sorted(NUMBER_WORDS - {"um", "uma", "meia", "cem"}, key=len, reverse=True)) + ")"
_SAID = rf"(?:{_WORDS}(?:(?:\s+e)?\s+(?:{_WORDS}|uma?))*|cem)"
"""A number in words. Alone "um" is an article and "meia" half of something."""
_MINUTES = rf"(?:meia|[0-5]?\d|{_SAID})"
_PART = r"(?:\s+da\s+(?:manha|tarde|noite|madrugada))"
_PATTERNS: tuple[tuple[Sort, re.Pattern[str]], ...] = (
    (
        Sort.TIME,
        re.compile(rf"\b(?:[01]?\d|2[0-3])\s?(?:h(?:oras?)?(?:\s?(?:e\s+)?{_MINUTES})?|:[0-5]\d){_PART}?(?!\w)"),
    ),
    (Sort.TIME, re.compile(rf"\b(?:\d{{1,2}}|{_SAID})(?:\s+e\s+{_MINUTES})?{_PART}\b")),
    (Sort.TIME, re.compile(rf"(?<=\bas )(?:\d{{1,2}}|{_SAID})(?:\s+e\s+{_MINUTES})?\b(?!\s*(?:%|[a-z]))")),
    (Sort.TIME, re.compile(r"\bmei[ao][ -](?:dia|noite)\b")),
    (Sort.TIME, re.compile(rf"\b(?:\d{{1,2}}|{_SAID}) e meia\b")),
    (Sort.DATE, re.compile(rf"\b(?:\d{{1,2}}[ºo°]?|primeiro|{_SAID}) de {_MONTH}(?: de \d{{4}})?\b")),
    (Sort.DATE, re.compile(r"\b\d{1,2}/\d{1,2}(?:/\d{2,4})?(?!\w)")),
    (Sort.DAY, re.compile(rf"(?<=\bdia )(?:\d{{1,2}}|primeiro|{_SAID})\b")),
    (Sort.WEEKDAY, re.compile(r"\b(?:segunda|terca|quarta|quinta|sexta)(?:[ -]feira)?\b|\b(?:sabado|domingo)\b")),
    (Sort.MONTH, re.compile(rf"\b{_MONTH}\b")),
    (Sort.NUMBER, re.compile(rf"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])|(?<!\w){_SAID}(?!\w)")),
)  # fmt: skip
_UNIT = re.compile(r"\s*(%|por cento\b|[a-z]+)")
_QUOTED = re.compile(r"[\"“”']([^\"“”'\n]{1,60})[\"“”'](?!\w)")
_CAPITAL = r"[A-ZÀ-ÖØ-Þ](?!\$)[\w'’+#-]*"
_NAME = re.compile(rf"(?<!\w){_CAPITAL}(?:\s+(?:(?:d[aeo]s?|e)\s+)?{_CAPITAL})*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)[\"“(]?$")
_DONE = re.compile(r"\w{2,}(?:ei|ou|iu|eu|ndo|ar|er|ir|do)")
"""What a reply begins with that tells what was done: "Coloquei Garota de Ipanema"."""
_NO_NAME = vocabulary(
    "o a os as um uma e eu tu voce ele ela nao sim isso esse essa ok aeon bom boa na no em de do da para por com meu"
    " minha seu sua tua teu era foi sao hoje ontem amanha"
)


def values(text: str, names: bool = True, whole: bool = True) -> list[Value]:
    """The values of a text, in order and without overlaps. `whole`: the text begins a sentence, whose first word has a
    capital whatever it is."""
    folded = fold_in_place(text)
    taken: list[Value] = []
    for sort, pattern in _PATTERNS:
        for match in pattern.finditer(folded):
            _take(taken, Value(sort, *match.span(), _canon(sort, match.group()), _unit(folded, match.end())))
    if names:
        for match in _QUOTED.finditer(text):
            _take(taken, Value(Sort.QUOTED, *match.span(1), fold_in_place(match[1])))
        for match in _NAME.finditer(text):
            name = _name(text, *match.span(), whole)
            if name is not None:
                _take(taken, name)
    return sorted(taken, key=lambda value: value.start)


def _take(taken: list[Value], value: Value) -> None:
    if all(value.end <= other.start or other.end <= value.start for other in taken):
        taken.append(value)


def _unit(folded: str, end: int) -> str:
    match = _UNIT.match(folded, end)
    return match[1] if match else ""


def _name(text: str, start: int, end: int, whole: bool) -> Value | None:
    """Words with capitals; the first word of a sentence has its own for another reason, unless a name follows it."""
    while start < end:
        first = re.match(r"\S+", text[start:end])
        word = fold_in_place(first.group()) if first else ""
        begins = (whole or start > 0) and _begins_a_sentence(text, start)
        common = word in _NO_NAME or (begins and (len(word) == end - start or _DONE.fullmatch(word) is not None))
        if word and not common:
            return Value(Sort.NAME, start, end, fold_in_place(text[start:end]))
        rest = re.match(r"\S+\s+(?:d[aeo]s?\s+|e\s+)?", text[start:end])
        if rest is None:
            return None
        start += rest.end()
    return None


def _begins_a_sentence(text: str, start: int) -> bool:
    # Only what stands right before it: a look at all of it for each name would take the square of a text's length.
    nearest = max(0, start - _BEFORE)
    return _SENTENCE_START.search(text[nearest:start]) is not None


_BEFORE = 16
"""Signs between two sentences."""


def _canon(sort: Sort, folded: str) -> str:
    if sort is Sort.TIME:
        return _clock(folded)
    if sort is Sort.WEEKDAY:
        return re.split(r"[ -]", folded)[0]
    if sort in {Sort.DATE, Sort.DAY}:
        return re.sub(rf"{_SAID}|primeiro|\d+[ºo°]?", lambda m: number_of(m.group()), folded)
    return number_of(folded) if sort is Sort.NUMBER else folded


_CLOCK_JOINT = re.compile(r"\s*(?:h(?:oras?)?\b|h(?=\d)|:|\s+e\s+)\s*")


def _clock(folded: str) -> str:
    if folded[:4] in {"meio", "meia"}:
        return "12:00" if folded.endswith("dia") else "0:00"
    part = re.search(r"\s+da\s+(\w+)$", folded)
    plain = folded[: part.start()] if part else folded
    pieces = [
        piece for piece in re.split(r"\s*(?:h(?:oras?)?\b|h(?=\d)|:|\s+e\s+)\s*", plain) if piece and piece != "e"
    ]
    if not pieces or ("h" not in folded and ":" not in folded and " e " not in plain):
        pieces = [plain]
    hour = int(number_of(pieces[0]))
    minute = 30 if pieces[1:] == ["meia"] else int(number_of(pieces[1])) if len(pieces) > 1 else 0
    if part and part[1] in {"tarde", "noite"} and hour < 12:
        hour += 12
    return f"{hour}:{minute:02}"


def number_of(folded: str) -> str:
    """The number that figures or words stand for, as figures: "1.234,5", "quarenta e cinco", "primeiro"."""
    if folded == "primeiro":
        return "1"
    if not folded[:1].isdigit():
        return str(sum(_NUMBERS.get(word, 0) for word in re.findall(r"[a-z]+", folded)))
    plain = folded.rstrip("ºo°")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", plain):
        plain = plain.replace(".", "")
    whole, _, rest = plain.replace(",", ".").partition(".")
    rest = rest.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{rest}" if rest else whole.lstrip("0") or "0"


_NUMBERS = {**UNITS, **TEENS, **TENS, **HUNDREDS}
