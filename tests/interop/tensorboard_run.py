"""With [train] report_to = "tensorboard" a run writes what TensorBoard reads.

    python tests/interop/tensorboard_run.py

Needs `pip install tensorboard` beside the trainer; trains the tests' tiny model for six steps.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
TEST = """
from pathlib import Path
import pytest
from tests.training.worker.runner import Runner, Watch, runner
from tests.training.tiny import tiny_base, tiny_copy, tiny_dataset, tiny_recipe
pytestmark = [pytest.mark.filterwarnings("ignore")]

def test_it(runner, tiny_recipe):
    run = runner.new(tiny_recipe(report_to="tensorboard"))
    runner.train(run, Watch())
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    files = list(run.folder.rglob("events.out.tfevents*"))
    found = EventAccumulator(str(files[0].parent)).Reload()
    steps = [event.step for event in found.Scalars("train/loss")]
    assert steps == [1, 2, 3, 4, 5, 6], found.Tags()
    print("train/loss at", steps, "in", files[0].relative_to(run.folder))
"""


def main() -> int:
    file = REPOSITORY / "tests" / "training" / "test_zz_tensorboard_by_hand.py"
    file.write_text(TEST, encoding="utf-8")
    try:
        return subprocess.call([sys.executable, "-m", "pytest", "-q", "-s", str(file)], cwd=REPOSITORY)
    finally:
        file.unlink()


if __name__ == "__main__":
    sys.exit(main())
