"""The sentences that were labelled before the grammar read them: what they are, and what of them is read today."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from benchmarks.facts import (
    DATA,
    FIRST_READINGS,
    FRESH,
    FRESH2,
    FRESH3,
    FRESH4,
    HALVES,
    PRECISION,
    RECALL,
    held_out,
    labelled,
    measure,
    rows_of,
)

SETS = (FRESH, "fresh2", FRESH3, FRESH4)


def _rows(name: str) -> list[dict[str, object]]:
    text = (DATA / f"facts_{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("name", "rows", "silent"), [(FRESH, 220, 110), ("fresh2", 294, 146), (FRESH3, 242, 116), (FRESH4, 220, 110)]
)
def test_about_half_of_the_fresh_sentences_hold_no_fact(name: str, rows: int, silent: int) -> None:
    fresh = _rows(name)

    assert len(fresh) == rows
    assert sum(not labelled(row) for row in fresh) == silent


def test_no_sentence_stands_in_two_sets() -> None:
    sets = [{_bare(row) for row in _rows(name)} for name in (*HALVES, *SETS)]

    assert not any(one & other for one, other in combinations(sets[2:], 2))
    assert not any(fresh & measured for fresh in sets[2:] for measured in sets[:2])


def test_the_halves_of_the_second_set_are_told_apart_by_the_hash_of_the_text() -> None:
    halves = [rows_of(half) for half in FRESH2]

    assert [held_out(row) for half in halves for row in half] == [False] * len(halves[0]) + [True] * len(halves[1])
    assert sum(map(len, halves)) == 294


@pytest.mark.parametrize("name", [*FRESH2, FRESH3, FRESH4])
def test_what_was_mended_holds(name: str) -> None:
    score = measure(name)

    assert score.precision >= PRECISION
    assert score.recall >= RECALL


def test_no_fact_is_read_in_a_sentence_of_the_other_author_that_holds_none() -> None:
    assert measure(FRESH4).false_alarms == 0


def test_a_first_reading_is_of_the_claims_that_are_there() -> None:
    there = {name: sum(len(labelled(row)) for row in rows_of(name)) for name in (FRESH, FRESH2[1], FRESH4)}
    for number in (6, 7):
        rows = [row for row in _rows(FRESH3) if row["round"] == number]
        there[f"fresh3, round {number}"] = sum(len(labelled(row)) for row in rows)

    assert {name: claims for name, (_, _, claims) in FIRST_READINGS.items()} == there


def test_the_benchmark_counts_the_fresh_sentences_by_sort() -> None:
    score = measure(FRESH)

    assert score.sentences == 220
    assert score.there.total() == sum(len(labelled(row)) for row in _rows(FRESH))
    assert sum(part.sentences for part in score.sorts.values()) == 220
    assert sum(part.false_alarms for part in score.sorts.values()) == score.false_alarms
    assert sum(part.right.total() for part in score.sorts.values()) == score.right.total()
    assert score.sorts["question"].there.total() == 0


def _bare(row: dict[str, object]) -> str:
    return str(row["text"]).casefold().strip(" .!?")
