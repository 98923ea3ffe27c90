"""The labelled sentences: what they must be, and how well the grammar reads them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest

from aeon_plugin_ft.facts.model import Relation
from benchmarks.facts import DATA, HALVES, PRECISION, RECALL, measure


def rows(half: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (DATA / f"facts_{half}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("half", HALVES)
def test_precision_and_recall(half: str) -> None:
    score = measure(half)
    assert score.precision >= PRECISION
    assert score.recall >= RECALL


def test_the_halves_are_told_apart_by_the_hash_of_the_text() -> None:
    for half in HALVES:
        for row in rows(half):
            key = f"{row['question']}\n{row['text']}" if "question" in row else row["text"]
            odd = hashlib.sha256(f"facts-1:{key}".encode()).digest()[0] & 1
            assert odd == (half == "heldout"), row


def test_there_are_enough_of_every_sort() -> None:
    everything = [row for half in HALVES for row in rows(half)]
    assert len(everything) >= 500
    assert sum(not row["claims"] for row in everything) >= len(everything) / 2
    assert sum(row["speaker"] == "assistant" for row in everything) >= len(everything) / 5
    told = Counter(one["relation"] for row in everything for one in row["claims"])  # type: ignore[attr-defined]
    assert set(told) == {relation.value for relation in Relation}
