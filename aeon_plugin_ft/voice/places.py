"""Which of the owner's places a sentence names, and what it says of when: "no PC da sala quando ele estiver livre,
senão aqui de madrugada"."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from aeon_plugin_ft.voice.adjust import DAWN, NIGHT
from aeon_plugin_ft.voice.grammar import read_toml
from aeon_plugin_ft.voice.normal import plain, sound, words


@dataclass(frozen=True, slots=True)
class PlaceWish:
    """`name` is as [train] places has it. `otherwise` is a value of [train] otherwise, "" where nothing was said of it;
    `hours` of [schedule] quiet_hours likewise. `allowed`: the owner has said before that runs may go there."""

    name: str
    otherwise: str = ""
    hours: str = ""
    allowed: bool = True


def place_in(text: str, names: Iterable[str]) -> PlaceWish | None:
    """The wish that `text` (what follows "treina no") states; None where it names no place, or says anything that is
    not understood: half a wish would be another one."""
    heard = _past_small([word.plain for word in words(text)])
    # The longest first: "PC da sala de jogos" is not "PC da sala".
    for name in sorted(names, key=len, reverse=True):
        named = _past_small(plain(name.casefold()).split())
        if named and [sound(word) for word in heard[: len(named)]] == [sound(word) for word in named]:
            return _wish(name, heard[len(named) :])
    return None


def _wish(name: str, rest: list[str]) -> PlaceWish | None:
    table = _table()
    if not set(rest) <= {word for listed in table.values() for word in listed}:
        return None
    said = set(rest)
    if not said & table["here"]:
        return PlaceWish(name, "wait" if said & table["wait"] else "")
    if said & table["dawn"]:
        return PlaceWish(name, "quiet", DAWN)
    return PlaceWish(name, "quiet", NIGHT) if said & table["night"] else PlaceWish(name, "here")


def _past_small(heard: list[str]) -> list[str]:
    small = _table()["small"]
    while heard and heard[0] in small:
        heard = heard[1:]
    return heard


@lru_cache(maxsize=1)
def _table() -> dict[str, frozenset[str]]:
    return {name: frozenset(plain(word) for word in listed.split()) for name, listed in _read().items()}


def _read() -> dict[str, str]:
    section: dict[str, str] = read_toml("grammar.toml")["place"]
    return section
