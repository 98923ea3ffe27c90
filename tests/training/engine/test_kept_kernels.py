"""The kernels that oneDNN makes for one layer are there for the next one, and for the next step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aeon_plugin_ft.training.supervise import child_environment

pytestmark = pytest.mark.slow
STEP = "second step"
TWO_STEPS = f"""
import sys
from pathlib import Path
from aeon_plugin_ft.weights.sources import GgufSource
from tests.training.architectures import rows
from tests.training.engine.layered import make_gguf, narrow

config, path = make_gguf(Path(sys.argv[1]), "llama", "Q4_K")
engine = narrow(config, GgufSource(path, 1))
assert engine.written is not None
batch = rows("uneven", 6)
engine.step(batch)
print("{STEP}", flush=True)
engine.step(batch)
"""


def made_in_second_step(folder: Path, **environment: str) -> tuple[int, int]:
    """(kernels that oneDNN made in the second of two steps, those that it found)."""
    env = {**child_environment(1), "ONEDNN_VERBOSE": "profile_create", **environment}
    told = subprocess.run([sys.executable, "-c", TWO_STEPS, str(folder)], env=env, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    of_step = told.stdout.partition(STEP)[2]
    return of_step.count("cache_miss"), of_step.count("cache_hit")


def test_a_step_makes_no_kernel_anew(tmp_path: Path) -> None:
    made, found = made_in_second_step(tmp_path)
    if not found:
        pytest.skip("PyTorch multiplies bf16 here without oneDNN")
    assert made == 0


def test_too_few_of_them_would_be_seen(tmp_path: Path) -> None:
    few = dict.fromkeys(("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"), "32")  # as it once was
    made, found = made_in_second_step(tmp_path, **few)
    if not made + found:
        pytest.skip("PyTorch multiplies bf16 here without oneDNN")
    assert made > 50
