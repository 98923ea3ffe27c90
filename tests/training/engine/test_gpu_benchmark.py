"""The script that stands ready for a card does on a processor what it does there, but for what only a card tells."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import gpu

ROOT = Path(gpu.__file__).parent.parent
TRIED = ["--device", "cpu", "--shape", "tiny", "--batch", "4", "--steps", "4"]


def tried(engine: str) -> Namespace:
    return Namespace(
        child=engine, shape=["tiny"], device="cpu", batch=[4], steps=4, micro_tokens=8192, quantize="none", card_gb=0.0,
        profile=False,
    )  # fmt: skip


def test_engines_are_measured_over_the_same_rows_from_the_same_weights() -> None:
    (flat,), (plain,) = gpu.measure(tried("flat")), gpu.measure(tried("plain"))
    assert flat["losses"][0] == pytest.approx(plain["losses"][0], rel=2e-3)
    # Random tokens are learnt by heart, a little in each step.
    assert flat["losses"][-1] < flat["losses"][0]
    assert len(flat["all_seconds"]) == 4 and flat["tokens_per_second"] > 0 and flat["device"] == "cpu"


def test_what_no_time_is_left_for_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu.py", *TRIED, "--engine", "flat", "--minutes", "0"])
    assert gpu.main() == 0
    assert "no time is left" in capsys.readouterr().out


@pytest.mark.slow(seconds=60)
def test_the_whole_call_makes_a_table_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    engines = ["flat", "shared", "plain", "trl", "trl-micro"]
    command = [sys.executable, "benchmarks/gpu.py", *TRIED, "--engine", *engines, "--out", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "failed" not in done.stdout
    made = json.loads(file.read_text(encoding="utf-8"))
    assert [one["engine"] for one in made] == engines
    first = [one["losses"][0] for one in made]
    assert max(first) == pytest.approx(min(first), rel=2e-3)
