"""Commands that a synthetic voice read to a small speech recogniser: what it wrote down, through the matcher."""

from __future__ import annotations

from aeon_plugin_ft.voice.intents import Name
from benchmarks.voice import DATA, measure, read_commands

NOT_RECORDED = {Name.SECRET, Name.PANEL, Name.PLACE}
"""Commands that came after the recording: nobody has read them to the recogniser yet."""


def test_every_command_was_spoken() -> None:
    assert {Name(expected.split()[0]) for expected, _ in read_commands("spoken.tsv")} == set(Name) - NOT_RECORDED


def test_a_command_that_was_misheard_is_never_taken_for_another() -> None:
    """Most of these transcripts are far off; being asked again is better than a wrong deed."""
    assert measure(read_commands("spoken.tsv"), []).mistaken == 0


def test_what_was_heard_word_for_word_is_understood() -> None:
    rows = [line.split("\t") for line in (DATA / "spoken.tsv").read_text(encoding="utf-8").splitlines() if "\t" in line]
    exact = [(row[0], row[1]) for row in rows if row[0][:1] != "#" and _letters(row[1]) == _letters(row[2])]
    assert len(exact) >= 5
    assert measure(exact, []).accuracy == 1.0


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
