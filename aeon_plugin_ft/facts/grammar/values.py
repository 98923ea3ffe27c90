"""The words of a value: where they end, what belongs to them, and which ones are no value of anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from aeon_plugin_ft.facts.grammar.casing import NAME_RUN
from aeon_plugin_ft.facts.grammar.lexicon import member, read_toml

LONGEST_VALUE = 120
_REST_OF_NAME = 2
"""Words behind those that surely are a name which may be more of it: "Ângela prado", "Estrela do mar"."""

_ARTICLE = re.compile(r"(?:o|a|os|as|um|uma|uns|umas)\s+(?=\S)")
_TITLE = re.compile(r"\s((?:O|A|Os|As)\s)$")
"""An article that is part of a title: "é O Auto da Compadecida"."""
_ALSO = re.compile(rf" e (?:[oa] )?{NAME_RUN.pattern}")
_EDGE = " \t,.;:!?\"'“”«»()-–—"
_PREPOSITION = re.compile(r"(?:de|do|da|dos|das|a|ao|aos|as|com)\s+")


@lru_cache(None)
def _pattern(name: str) -> re.Pattern[str]:
    """A pattern of data/values.toml, compiled at its first use."""
    raw = _raw()[name]
    if name == "cut":
        return re.compile(rf"\s+(?:{raw})(?=$|\s).*$", re.VERBOSE)
    return re.compile(rf"\s+(?:{raw})\b" if name in {"relative", "shift", "more", "date"} else raw)


@lru_cache(1)
def _raw() -> dict[str, str]:
    """data/values.toml: where values end."""
    return dict(read_toml("values.toml"))


def trimmed(text: str, folded: str, start: int, end: int, keep: bool = False) -> tuple[int, int]:
    """Where the value in text[start:end] really stands: without article, without what is said beside it."""
    if not keep:
        cut = _pattern("cut").search(folded, start, end)
        if cut and cut.start() > start:
            end = cut.start()
    while start < end and text[start] in _EDGE:
        start += 1
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    article = _ARTICLE.match(text, start, end)
    if article:
        return article.end(), end
    title = _TITLE.search(text, max(0, start - 4), start)
    return (title.start(1) if title else start), end


def without_shift(folded: str, start: int, end: int) -> int:
    """Where a school or a firm ends before the time of day: "IFSP **de manhã**"."""
    shift = _pattern("shift").search(folded, start, end)
    return shift.start() if shift else end


def without_date(folded: str, start: int, end: int) -> int:
    """Where a town ends before a day or a month: "Alcântara **no dia treze de dezembro**"."""
    date = _pattern("date").search(folded, start, end)
    return date.start() if date else end


def without_relative(folded: str, start: int, end: int) -> int:
    """Where a name or a thing ends before what is told of it: "Titan 160 **que é meu xodó**"."""
    relative = _pattern("relative").search(folded, start, end)
    return relative.start() if relative else end


def without_more(text: str, folded: str, start: int, end: int) -> int:
    """Where a name ends that nothing sets off: "valmir **sou operador**", "kelly **ela tem**"."""
    more = _pattern("more").search(folded, start, end)
    end = more.start() if more and more.start() > start else end
    run = NAME_RUN.match(text, start, end)
    if run is None:
        return end
    also = _ALSO.match(text, run.end(), end)
    while also:
        run, also = also, _ALSO.match(text, also.end(), end)
    rest = text[run.end() : end].split()
    return end if len(rest) <= _REST_OF_NAME and rest[-1:] != ["e"] else run.end()


def with_state(folded: str, start: int, end: int, limit: int) -> int:
    """Where a town ends with its state: "Oeiras, **no Piauí**"; `limit` is as far as it may go."""
    state = _pattern("state").match(folded, end, limit) if end > start else None
    return state.end() if state else end


def acceptable(value: str, folded: str) -> bool:
    """Whether these words may be a value at all."""
    return bool(value) and len(value) <= LONGEST_VALUE and folded not in {"e", "o"}


def parts(folded: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where each member of "samba, choro e forró" stands."""
    begin = start
    for joint in _pattern("and").finditer(folded, start, end):
        yield begin, joint.start()
        begin = joint.end()
        again = _PREPOSITION.match(folded, begin, end)
        if again:
            begin = again.end()
    yield begin, end


def in_class(name: str, folded: str) -> bool:
    """Whether the value begins with a word of the class, articles aside."""
    return bool(member(name, _ARTICLE.sub("", folded, count=1) if _ARTICLE.match(folded) else folded))
