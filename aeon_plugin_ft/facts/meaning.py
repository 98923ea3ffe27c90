"""Values by what they mean: "9h30" and "nove e meia", "8 de agosto" and "08/08", "Lívia" and "livia." are one."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents

_CLOCK = re.compile(r"\b(\d{1,2})\s*(?:h(?:s|rs?|oras?)?(?![a-z])|:(?=\d\d\b))\s*(?:(\d{2})\b)?\s*(?:min(?:utos)?\b)?")
_EDGES = " \t\n.,;:!?\"'“”‘’()"
_HALF = "~"
"""Before an hour of which the half of the day was not said."""
_HALF_DAY = 720
"""Minutes."""
_DATED = frozenset({Relation.BIRTHDAY, Relation.DAY})


@lru_cache(maxsize=16384)
def plain(text: str) -> str:
    """Without case, accents and spaces more than one."""
    return " ".join(fold_accents(text).split())


@lru_cache(maxsize=8192)
def canonical(value: str) -> str:
    """A value for comparing: case, accents, spaces, closing punctuation, the ways to write a time ("9h30", "9:30",
    "09 h 30 min") and numbers in words do not matter."""
    # Here: the host imports this at its start, and what reads numbers takes time to compile.
    from aeon_plugin_ft.facts.marking.readings import in_figures

    figures = _CLOCK.sub(lambda clock: f"{int(clock[1])}:{clock[2] or '00'}", in_figures(plain(value)))
    return figures.strip(_EDGES)


def meaning(claim: Claim) -> str:
    """A claim's value for comparing it with others of its relation; "" for none."""
    return _meaning(claim.relation, claim.value)


@lru_cache(maxsize=8192)
def _meaning(relation: Relation, value: str) -> str:
    from aeon_plugin_ft.facts.marking.readings import is_content, read

    if relation is Relation.TIME:
        reading = next((made for made in (read(value), read(f"às {value}")) if made.times), read(value))
        if len(reading.times) == 1 and not any(map(is_content, reading.rest)):
            clock = reading.times[0]
            exact = f"{clock.minutes // 60}:{clock.minutes % 60:02d}"
            return exact if clock.exact else f"{_HALF}{clock.minutes % _HALF_DAY}"
    if relation in _DATED:
        reading = read(value)
        if len(reading.dates) == 1 and not any(map(is_content, reading.rest)):
            return "{}/{}".format(*reading.dates[0])
    return canonical(value)


def alike(meanings: Collection[str]) -> dict[str, str]:
    """Each meaning to the one that it stands for: "às duas" stands for "duas da manhã" where that is the only hour
    among them that it can be."""
    return {one: _whole_hour(one, meanings) if one.startswith(_HALF) else one for one in meanings}


def _whole_hour(half: str, meanings: Collection[str]) -> str:
    clocks = [one for one in meanings if re.fullmatch(r"\d{1,2}:\d\d", one)]
    fitting = [one for one in clocks if _minutes(one) % _HALF_DAY == int(half.removeprefix(_HALF))]
    return fitting[0] if len(fitting) == 1 else half


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)
