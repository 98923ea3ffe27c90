"""Recall and precision on the labelled sentences of benchmarks/, and a first look that misses nothing."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest
from rapidfuzz import fuzz, process

from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.privacy.recognisers import RECOGNISERS
from aeon_plugin_ft.privacy.signals import signals
from aeon_plugin_ft.privacy.text import ScannedText
from tests.conftest import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import privacy
    finally:
        sys.path.remove(str(BENCHMARKS))
    return privacy


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recall_and_precision_on_the_heldout_sentences(benchmark: ModuleType, seed: int) -> None:
    result = benchmark.measure("heldout", seed)
    assert result.recall >= 0.98, result.missed
    assert result.precision >= 0.95, result.extra


def test_nearly_every_finding_has_its_right_name(benchmark: ModuleType) -> None:
    result = benchmark.measure("heldout", 1)
    assert result.named / result.found >= 0.97


def test_the_sets_are_large_enough_and_share_no_sentence() -> None:
    sets = []
    for name in ("development", "heldout"):
        lines = (BENCHMARKS / "data" / f"privacy_{name}.txt").read_text(encoding="utf-8").splitlines()
        sets.append({line.casefold() for line in lines if not line.startswith("#")})
    assert sum(map(len, sets)) >= 300
    assert not sets[0] & sets[1]


def test_the_heldout_sentences_are_not_the_development_ones_said_again(benchmark: ModuleType) -> None:
    """Without those that are near a development sentence the figures are the same: it is not copies that are found."""
    templates = []
    for name in ("development", "heldout"):
        lines = (BENCHMARKS / "data" / f"privacy_{name}.txt").read_text(encoding="utf-8").splitlines()
        templates.append([line.casefold() for line in lines if line and not line.startswith("#")])
    near = {text for text in templates[1] if process.extractOne(text, templates[0], scorer=fuzz.ratio, score_cutoff=80)}
    assert len(near) <= 0.1 * len(templates[1]), near
    result, redactor = benchmark.Result(), Redactor("redact", benchmark.TERMS)
    filled = benchmark.sentences(BENCHMARKS / "data" / "privacy_heldout.txt", 1)
    for template, sentence in zip(templates[1], filled, strict=True):
        if template not in near:
            benchmark._score(sentence, redactor, result)
    assert result.sentences > 200 and result.recall >= 0.98 and result.precision >= 0.95


@pytest.mark.parametrize("name", ["development", "heldout"])
def test_the_first_look_skips_no_recogniser_that_would_find_something(benchmark: ModuleType, name: str) -> None:
    for seed in range(3):
        for sentence in benchmark.sentences(BENCHMARKS / "data" / f"privacy_{name}.txt", seed):
            seen = signals(sentence.text)
            for recogniser, needs in RECOGNISERS:
                found = list(recogniser(ScannedText(sentence.text)))
                assert not found or seen & needs, (recogniser.__name__, sentence.text)


def test_a_redacted_tool_call_is_still_valid_json(benchmark: ModuleType) -> None:
    redactor = Redactor("redact", benchmark.TERMS)
    for name in ("development", "heldout"):
        for sentence in benchmark.sentences(BENCHMARKS / "data" / f"privacy_{name}.txt", 7):
            for param in (sentence.text, f'disse "{sentence.text}"\n{sentence.text}\té'):
                call = json.dumps({"tool": "Lembretes.criar_nota", "param": param}, ensure_ascii=False)
                assert set(json.loads(redactor.redact(call))) == {"tool", "param"}, call


def test_a_labelled_value_never_survives_in_the_redacted_sentence(benchmark: ModuleType) -> None:
    redactor = Redactor("redact", benchmark.TERMS)
    survived = total = 0
    for sentence in benchmark.sentences(BENCHMARKS / "data" / "privacy_development.txt", 5):
        redacted = redactor.redact(sentence.text)
        for start, end, _ in sentence.personal:
            total += 1
            survived += sentence.text[start:end] in redacted
    assert survived / total <= 0.01
