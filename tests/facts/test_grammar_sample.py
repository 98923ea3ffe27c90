"""What the grammar reads in the sample conversation, against the table in its README."""

from __future__ import annotations

import pytest

from tests.facts.sample_table import ROWS, TOLD_OFTEN, read


def test_the_facts_told_three_times_are_found() -> None:
    told, found = read()
    often = [row.name for row in ROWS if told[row.name] >= TOLD_OFTEN]
    missed = [name for name in often if not found[name]]
    assert len(often) > 30
    assert 1 - len(missed) / len(often) >= 0.9, missed


@pytest.mark.parametrize("name", ["the owner's name", "the cat", "the boss", "the daily", "the backup's hour"])
def test_the_main_facts_are_found_in_two_turns_at_least(name: str) -> None:
    """A reply counts as a fact only where two turns agree."""
    assert read()[1][name] >= 2
