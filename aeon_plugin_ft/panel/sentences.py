"""Facts as the sentences in which they are told to the owner."""

from __future__ import annotations

from collections.abc import Iterable

from aeon_plugin_ft.facts.model import Fact
from aeon_plugin_ft.panel.desk import Desk


def in_sentences(desk: Desk, facts: Iterable[Fact]) -> list[tuple[Fact, str]]:
    """Each with its sentence, in Portuguese as it was said: "Sua gata se chama Fork"."""
    from aeon_plugin_ft.facts.wording import Person, genders, spoken

    listed = list(facts)
    names = genders([*desk.book.every(), *listed])
    return [(fact, _capital(spoken(fact, Person.VOCE, names))) for fact in listed]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
