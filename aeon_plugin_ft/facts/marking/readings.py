"""What a text says, in a form that can be compared: stems, numbers, times and dates.

read("é às nove e meia da manhã").times      -> (Clock(570, exact=True),)
read("trinta e dois gigas").tokens           -> "#32", "gb"
read("em agosto, dia 8").dates               -> ((8, 8),)
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.number_words import HUNDREDS, TEENS, TENS, UNITS
from aeon_plugin_ft.privacy.text import vocabulary

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).parent / "data"
MOST = 4_000
"""Characters of a reply that are looked at: no answer to such a question is longer."""
HALF_DAY, DAY = 720, 1440
"""Minutes."""

_MONTHS = (
    "janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
    "dezembro",
)  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_NUMBERS = {**UNITS, **TEENS, **TENS, **HUNDREDS} | {"mil": 1000}
_WORD_NUMBER = re.compile(r"[a-z]+")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[a-z]+[+#]*|[.,;:!?()\n]")
_STOP = vocabulary(
    "o a os as um uma uns umas de do da dos das em no na nos nas num numa e eh ao aos pra pro pras pros para por pelo "
    "pela com que se me te lhe meu minha teu tua seu sua meus minhas teus tuas seus suas eu tu voce vc ce ele ela eles "
    "elas isso esse essa aquele aquela esta este ser sao foi era la ai ja so mais muito bem tipo cara sim senhor "
    "senhora mesmo ue ne feira"
)
_PART = r"(?:\s*(?:,\s*)?(?:da|de)\s+(?P<part>manha|tarde|noite|madrugada))?"
_CLOCKS = (
    re.compile(
        rf"\b(?P<hour>\d{{1,2}})\s*(?:h|hs|hrs|horas?)(?:\s*(?:e\s+)?(?P<minute>\d{{1,2}}|meia)(?!\d))?\b{_PART}"
    ),
    re.compile(rf"\b(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})\b{_PART}"),
    re.compile(
        rf"\b(?P<before>\d{{1,2}})\s+(?:minutos\s+)?(?:pras?|pros?|para\s+(?:as?|o))\s+(?P<hour>\d{{1,2}})\b{_PART}"
    ),
    re.compile(rf"\b(?P<noon>meio[ -]dia|meia[ -]noite)\b(?:\s+e\s+(?P<minute>\d{{1,2}}|meia)\b)?{_PART}"),
    re.compile(rf"\b(?P<hour>\d{{1,2}})\s+e\s+(?P<minute>\d{{1,2}}|meia)\b{_PART}"),
    re.compile(
        rf"\b(?:as|a|pelas|pela|la\s+pelas)\s+(?P<hour>\d{{1,2}})\b(?!\s*[/%])(?!\s+de\s+(?:{'|'.join(_MONTHS)})){_PART}"
    ),
    re.compile(r"\b(?P<hour>\d{1,2})\s+(?:da|de)\s+(?P<part>manha|tarde|noite|madrugada)\b"),
)
_DATES = (
    re.compile(rf"\b(?P<day>\d{{1,2}}|primeiro)(?:º|o)?\s+(?:de\s+)?{_MONTH}\b"),
    re.compile(rf"\b{_MONTH}\s*,?\s+(?:no\s+)?(?:dia\s+)(?P<day>\d{{1,2}}|primeiro)\b"),
    re.compile(r"\b(?P<day>\d{1,2})/(?P<number>\d{1,2})(?:/\d{2,4})?\b"),
)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day in minutes. Not `exact`: said without the part of the day, "às nove" may be the evening's."""

    minutes: int
    exact: bool

    def same(self, other: Clock) -> bool:
        """Whether both can be the same time."""
        if self.exact and other.exact:
            return self.minutes == other.minutes
        return self.minutes % HALF_DAY == other.minutes % HALF_DAY


@dataclass(frozen=True, slots=True)
class Reading:
    """`tokens` are stems, "#16" for numbers, "sem:acucar" for what is denied by "sem", and the punctuation;
    `rest` are those of the words that are part of no time and no date."""

    tokens: tuple[str, ...]
    times: tuple[Clock, ...]
    dates: tuple[tuple[int, int], ...]
    rest: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers, as their tokens."""
        return tuple(token for token in self.tokens if token.startswith("#"))


@lru_cache(maxsize=1)
def replies() -> dict[str, Any]:
    """data/replies.toml, not to be changed by its readers."""
    return cast(dict[str, Any], tomllib.loads((DATA / "replies.toml").read_text(encoding="utf-8")))


@lru_cache(maxsize=512)
def read(text: str) -> Reading:
    """The text in comparable form. Only its first `MOST` characters."""
    folded = in_figures(fold_accents(text[:MOST]))
    dates, left = _taken(folded, _DATES, _date)
    times, left = _taken(left, _CLOCKS, _clock)
    return Reading(_tokens(folded), times, dates, _tokens(left))


def is_content(token: str) -> bool:
    """Whether a token says something by itself."""
    return token not in _STOP and (token[0].isalnum() or token[0] == "#")


def stem(word: str) -> str:
    """A folded word without the endings of number and gender: "pretas", "preto" and "preta" are one."""
    unit = _unit_of().get(word)
    if unit:
        return unit
    for ending, singular in (("oes", "ao"), ("aes", "ao"), ("eis", "el"), ("ais", "al"), ("ois", "ol"), ("ns", "m")):
        if len(word) > 4 and word.endswith(ending):
            return word.removesuffix(ending) + singular
    if len(word) > 4 and word.endswith("res"):
        return word[:-2]
    if len(word) > 3 and word.endswith("s"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] in "oa" else word


def _taken(text: str, patterns: tuple[re.Pattern[str], ...], made: Any) -> tuple[tuple[Any, ...], str]:
    """What the patterns find in order of the text, and the text without it."""
    found: list[tuple[int, Any]] = []
    for pattern in patterns:
        for match in pattern.finditer(text):
            value = made(match)
            if value is not None:
                found.append((match.start(), value))
        # Each character is read once, and by the pattern that says most.
        text = pattern.sub(lambda match: " " * len(match[0]) if made(match) is not None else match[0], text)
    return tuple(value for _, value in sorted(found, key=lambda one: one[0])), text


def _date(match: re.Match[str]) -> tuple[int, int] | None:
    parts = match.groupdict()
    day = 1 if parts["day"] == "primeiro" else int(parts["day"])
    month = _MONTHS.index(parts["month"]) + 1 if parts.get("month") else int(parts["number"])
    return (day, month) if 1 <= day <= 31 and 1 <= month <= 12 else None


def _clock(match: re.Match[str]) -> Clock | None:
    parts = match.groupdict()
    noon = parts.get("noon")
    hour = int(parts["hour"]) if parts.get("hour") else 12 if noon and noon.startswith("meio") else 0
    minute = 30 if parts.get("minute") == "meia" else int(parts.get("minute") or 0)
    if hour > 24 or minute > 59:
        return None
    minutes = (hour * 60 + minute - int(parts.get("before") or 0)) % DAY
    part = parts.get("part")
    if part in {"tarde", "noite"} and minutes < HALF_DAY:
        minutes += HALF_DAY
    # A figure with "h" or ":" is read off a clock of 24 hours.
    written = re.match(r"\d{1,2}\s*(?:h|:)", match[0]) is not None
    return Clock(minutes, bool(part) or written or bool(noon) or hour > 12)


def _tokens(folded: str) -> tuple[str, ...]:
    made: list[str] = []
    without = False
    for token in _TOKEN.findall(folded):
        if token[0].isdigit():
            made.append(_number_token(token))
        elif not token[0].isalpha():
            made.append(token)
        elif token == "sem":
            without = True
            continue
        else:
            made.append(f"sem:{stem(token)}" if without and token not in _STOP else token)
        without = without and token in _STOP
    return tuple(made)


def _number_token(text: str) -> str:
    # "1.500" is fifteen hundred, "1.80" and "1,80" are 1.8.
    whole, _, part = text.replace(",", ".").partition(".")
    if len(part) == 3:
        return f"#{int(whole + part)}"
    return f"#{float(f'{whole}.{part}'):g}" if part else f"#{int(whole)}"


@lru_cache(maxsize=1)
def units() -> frozenset[str]:
    """Every word for a unit, folded."""
    return frozenset(_unit_of())


@lru_cache(maxsize=1)
def _unit_of() -> dict[str, str]:
    return {word: unit for unit, words in replies()["units"].items() for word in words.split()}


def in_figures(folded: str) -> str:
    """Number words as figures: "trinta e dois" is "32", "nove e meia" stays "9 e meia"; "um" is left alone."""
    parts = re.split(r"(\s+|-)", folded)
    made: list[str] = []
    at = 0
    while at < len(parts):
        value, used = _word_number(parts, at)
        made.append(parts[at] if value is None else f"{value}{_trailing(parts[at + used - 1])}")
        at += used
    return "".join(made)


def _trailing(word: str) -> str:
    match = _WORD_NUMBER.match(word)
    return word[match.end() :] if match else ""


def _word_number(parts: list[str], at: int) -> tuple[int | None, int]:
    """(value, parts used) of the number words that begin at `at`; (None, 1) where none does."""
    total, used, size = 0, 0, 1000
    where = at
    while where < len(parts):
        match = _WORD_NUMBER.match(parts[where])
        word = match[0] if match else ""
        value = _NUMBERS.get(word)
        if value is None or (word in {"meia", "um", "uma"} and not used) or value >= size:
            break
        total, used = total + value, where - at + 1
        size = 100 if value >= 100 else 10 if value >= 20 else 1
        if parts[where] != word or where + 4 >= len(parts) + 1 or parts[where + 2 : where + 3] != ["e"]:
            break
        where += 4
    return (total, used) if used else (None, 1)
