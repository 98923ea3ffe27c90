"""The page about memory, in both languages: its examples really happen, its settings and commands are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aeon_plugin_ft.evaluation.report.words import exam_words
from aeon_plugin_ft.facts import grammar
from aeon_plugin_ft.settings import all_keys
from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.matcher import match
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "docs" / name for name in ("memory.md", "memory.pt-BR.md")]
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def quoted_rows(page: Path) -> list[list[str]]:
    """Of each table whose first cells are sentences, these sentences."""
    tables: list[list[str]] = [[]]
    for line in page.read_text(encoding="utf-8").splitlines():
        quoted = re.match(r'\| "([^"]+)" \|', line)
        if quoted:
            tables[-1].append(quoted[1])
        elif tables[-1]:
            tables.append([])
    return tables[:-1]


@EACH
def test_what_it_says_is_noted_is_read_and_the_rest_is_not(page: Path) -> None:
    noted, never = quoted_rows(page)
    assert len(noted) >= 6 and all(grammar.claims(sentence) for sentence in noted)
    assert len(never) >= 6
    assert not [sentence for sentence in never if grammar.claims(sentence)]


@EACH
def test_every_key_of_memory_is_explained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not [key for key in all_keys() if key.startswith("memory.") and key.removeprefix("memory.") not in text]


@EACH
def test_its_spoken_commands_are_understood(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    spoken = re.findall(r"^ {4}> (.+)$", text, re.MULTILINE)
    asked = {said: match(said) for said in spoken if said != "sim"}
    assert len(asked) == 3 and all(asked.values()), asked
    assert {one.name for one in asked.values() if one} == {Name.FACTS, Name.CORRECT_FACT, Name.FORGET_FACT}


@EACH
def test_the_verdict_is_worded_as_the_report_words_it(page: Path) -> None:
    numbers = {"exam.asked": 46, "exam.right.v0001": 39, "exam.before": 3, "exam.invented.v0001": 2}
    assert f"> {exam_words(numbers, 'v0001')}" in page.read_text(encoding="utf-8")


def test_both_languages_have_the_same_parts() -> None:
    english, portuguese = (page.read_text(encoding="utf-8").splitlines() for page in PAGES)
    for start in ("## ", "| ", "    "):
        counts = [sum(line.startswith(start) for line in page) for page in (english, portuguese)]
        assert counts[0] == counts[1], start
