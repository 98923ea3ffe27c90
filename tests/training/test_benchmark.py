"""The speed benchmark's own code, on a random model of a few thousand weights: both sides measure the same thing."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_both_engines_are_measured_on_the_same_rows_of_a_random_model(
    smollm2: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import training

    copy = smollm2.training_copy
    monkeypatch.setattr(training, "ROOT", tmp_path)
    monkeypatch.setattr(training, "default_copy", lambda: copy)
    folder = training.random_copy("tiny")
    found = {
        engine: training._measure(Namespace(child=engine, batch=[4], steps=2, threads=1, model=folder, dtype=None))
        for engine in ("stock", "shared")
    }
    for part in found.values():
        assert len(part["losses"]) == 2 and part["median"] > 0 and part["peak_bytes"] > 1e8
    assert found["shared"]["losses"] == pytest.approx(found["stock"]["losses"], abs=1e-4)
    assert found["shared"]["norms"] == pytest.approx(found["stock"]["norms"], rel=1e-3)
