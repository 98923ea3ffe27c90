"""The similar turns that are shown with a question: made in the background, never what was just forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import pytest

from aeon_plugin_ft.dataset.model import Draft, Example
from aeon_plugin_ft.dataset.similar.showing import EVERY_TURNS, ShownTurns
from hooks import Message

GATA = Example(
    "a", (Message("system", "P"), Message("user", "qual o nome da gata?"), Message("assistant", "Pixel.")), ("1",)
)
ALUGUEL = Example("b", (Message("user", "que dia é o aluguel?"), Message("assistant", "Dia dez.")), ("2",))
ASKED = (Message("system", "P"), Message("user", "como é o nome da minha gata"))


class Log:
    def __init__(self) -> None:
        self.turns, self.made = EVERY_TURNS, 0
        self.forgotten: set[str] = set()
        self.broken = False
        self.shown = ShownTurns(self.draft, lambda: self.turns, self.remembered)

    def draft(self) -> Draft:
        self.made += 1
        return Draft(train=(GATA,), heldout=(ALUGUEL,))

    def remembered(self, ids: Sequence[str]) -> bool:
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")
        return not self.forgotten.intersection(ids)


def test_nothing_is_shown_before_the_index_is_made() -> None:
    assert Log().shown.examples(ASKED, 3) == ()


def test_the_similar_turn_is_shown_without_its_system_prompt() -> None:
    log = Log()
    assert log.shown.refresh()
    assert log.shown.examples(ASKED, 1) == GATA.messages[1:]


def test_the_index_is_made_anew_only_when_enough_was_said() -> None:
    log = Log()
    assert log.shown.refresh() and not log.shown.refresh()
    log.turns += EVERY_TURNS - 1
    assert not log.shown.refresh() and log.made == 1
    log.turns += 1
    assert log.shown.refresh() and log.made == 2


def test_what_was_forgotten_a_moment_ago_is_not_shown() -> None:
    log = Log()
    log.shown.refresh()
    log.forgotten.add("1")
    assert log.shown.examples(ASKED, 1) == ()


def test_nothing_is_shown_while_the_store_cannot_say_what_was_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    log.shown.refresh()
    log.broken = True
    assert log.shown.examples(ASKED, 1) == () == log.shown.examples(ASKED, 1)
    assert len(caplog.records) == 1
    log.broken = False
    assert log.shown.examples(ASKED, 1) == GATA.messages[1:]
