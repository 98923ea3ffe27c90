"""What docs/voice.md promises is understood."""

from __future__ import annotations

import re

from aeon_plugin_ft.voice.announce import STALE_S
from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.matcher import match
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "voice.md").read_text(encoding="utf-8")


def test_every_phrase_in_the_table_is_a_command_and_every_command_is_there() -> None:
    table = PAGE[PAGE.index("| what for") : PAGE.index('"Treina de madrugada" sets')]
    found = {}
    for row in table.splitlines()[2:]:
        for phrase in re.findall(r'"([^"]+)"', row.split("|")[2] if row.count("|") > 2 else ""):
            intent = match(phrase)
            assert intent is not None, phrase
            found[phrase] = intent.name
    assert set(found.values()) == set(Name)


def test_the_sentences_that_are_said_not_to_be_commands_are_none() -> None:
    assert match("como está o treino do Flamengo") is None
    assert match("pausa o treino e lista as versões") is None
    assert match("então pausa aí o treno, por favor") is not None


def test_the_kinds_of_news_are_those_of_the_code() -> None:
    listed = PAGE[PAGE.index("says which news is spoken") : PAGE.index("News waits")]
    assert re.findall(r"`(\w+)`", listed) == [
        "started",
        "finished",
        "swapped",
        "refused",
        "rolled_back",
        "attention",
        "corrected",
    ]
    assert set(STALE_S) == set(re.findall(r"`(\w+)`", listed))
