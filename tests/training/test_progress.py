"""What the worker tells while it runs: values in progress.jsonl, sentences at the edge."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import RunPhase
from aeon_plugin_ft.cli.learn import run_phase
from aeon_plugin_ft.training.model import Progress
from aeon_plugin_ft.training.progress import ProgressWriter, last_progress

PREFERRING = Progress(4, 4, 1.0, 0.0, 1.0, 9.0, 0.0, RunPhase.CORRECTIONS, stage_step=3, stage_steps=9)


def test_a_phase_comes_back_as_the_value_that_it_was(tmp_path: Path) -> None:
    writer = ProgressWriter(tmp_path / "progress.jsonl")
    writer.progress(PREFERRING)
    writer.close()
    read = last_progress(tmp_path / "progress.jsonl")
    assert read == PREFERRING and isinstance(read.phase, RunPhase)


@pytest.mark.parametrize("phase", ["learning from corrections, step 3 of 9", "of a later release"])
def test_a_phase_of_another_release_is_no_error(phase: str, tmp_path: Path) -> None:
    line = {"event": "progress", **asdict(PREFERRING), "phase": phase}
    (tmp_path / "progress.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    read = last_progress(tmp_path / "progress.jsonl")
    assert read is not None and read.phase is RunPhase.OTHER


def test_a_preference_stage_says_how_far_it_is() -> None:
    assert run_phase(PREFERRING) == "learning from corrections, step 3 of 9"
    assert run_phase(Progress(1, 4, 1.0, 0.0, 1.0, 9.0, 0.0)) == "training"
