"""The sentences that were written without knowing the grammar: what they are, and that the benchmark reads them."""

from __future__ import annotations

import json

from benchmarks.facts import DATA, FRESH, HALVES, labelled, measure


def _rows(name: str) -> list[dict[str, object]]:
    text = (DATA / f"facts_{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_half_of_the_fresh_sentences_hold_no_fact() -> None:
    fresh = _rows(FRESH)

    assert len(fresh) == 220
    assert sum(not labelled(row) for row in fresh) == 110


def test_no_fresh_sentence_is_one_that_the_rules_were_measured_with() -> None:
    fresh = {_bare(row) for row in _rows(FRESH)}
    measured = {_bare(row) for half in HALVES for row in _rows(half)}

    assert len(fresh) == 220
    assert not fresh & measured


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
