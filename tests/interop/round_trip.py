"""Out to another trainer and back: export -> its own command trains -> import -> judge -> swap -> undo.

    python tests/interop/round_trip.py llamafactory --venv FOLDER
    python tests/interop/round_trip.py trl

Run with the plugin's own environment (`pip install -e .[train]`). FOLDER is an environment with LLaMA-Factory in it,
made when it is not there (see llamafactory.py). TRL's own `trl sft` runs in the plugin's environment.

The base is a tiny random llama, so that it takes minutes on a CPU. Everything is real: the export, the other trainer,
the checks, the child that measures losses, the embedded server that is asked, the gate and its verdict, which is
printed: a random model babbles, and is refused. Then the same adapter is judged again by a gate that lets everything
pass, to show that what was brought is swapped into a running console, answers, and is undone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from aeon_plugin_ft.bringing import Brought, bring
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.dataset.export.exporting import export
from aeon_plugin_ft.dataset.export.texts import ExportPlan
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.runtime import Runtime
from core.console import Console
from tests.base.whole import whole_folder
from tests.flow.small_life import accept_everything, import_turns, make_folder, make_small, start_console
from tests.interop.llamafactory import VERSION, leave_out_what_does_not_fit, run

TURNS = 40
SWAP_SECONDS = 120.0


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("trainer", choices=("llamafactory", "trl"))
    arguments.add_argument("--venv", type=Path, help="a virtual environment for LLaMA-Factory")
    given = arguments.parse_args()
    if given.trainer == "llamafactory" and given.venv is None:
        arguments.error("--venv FOLDER is needed")
    train: Callable[[Dataset, Path, Path], Path] = by_trl
    if given.trainer == "llamafactory":
        python = environment(given.venv.absolute())

        def train(dataset: Dataset, folder: Path, base: Path) -> Path:
            return by_llamafactory(python, dataset, folder, base)

    make_small()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        make_folder(folder)
        console, runtime = start_console(folder)
        try:
            round_trip(console, runtime, Path(name) / "export", train)
        finally:
            console.stop()
    return 0


def round_trip(console: Console, runtime: Runtime, target: Path, train: Callable[[Dataset, Path, Path], Path]) -> None:
    import_turns(runtime, 0, TURNS)
    pipeline = runtime.pipeline
    dataset = pipeline.freeze()
    began = time.monotonic()
    adapter = train(dataset, target, whole_folder(pipeline.base()))
    print(f"trained elsewhere in {time.monotonic() - began:.0f} s: {sorted(path.name for path in adapter.iterdir())}")
    brought = bring(pipeline, adapter)
    assert brought.origin.dataset == dataset.hash, "the marker of the export was not found"
    print(f"brought: {json.dumps(brought.origin.plain())}")
    settled = pipeline.settle(brought.run)
    print(f"verdict on {settled.version.name}: {'accepted' if settled.version.verdict.accepted else 'refused'}")
    for check in settled.version.verdict.checks:
        print(f"  {'ok' if check.passed else 'no'}  {check.name}: {check.detail}")
    swap(console, runtime, brought)


def swap(console: Console, runtime: Runtime, brought: Brought) -> None:
    """The same run under a gate that lets everything pass: what was brought answers, and is undone."""
    pipeline = runtime.pipeline
    pipeline.registry.remove(pipeline.registry.version_of(brought.run.id) or "")
    accept_everything()
    settled = pipeline.settle(brought.run)
    assert settled.in_use, "it was not put into use"
    until(lambda: (route := runtime.routes.current) is not None and route.version == settled.version.name)
    reply = console.brain.pensar("quem é você?")
    print(f"{settled.version.name} answers in the console now: {reply[:80]!r}")
    pipeline.registry.promote(BASE, PromotionCause.UNDONE)
    until(lambda: (route := runtime.routes.current) is None or route.version != settled.version.name)
    print("undone")


def until(come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SWAP_SECONDS
    while not come():
        if time.monotonic() > deadline:
            raise SystemExit("the console did not follow")
        time.sleep(0.1)


# -- the other trainers ------------------------------------------------------------------------------


def environment(venv: Path) -> Path:
    """LLaMA-Factory's Python."""
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"llamafactory=={VERSION}"], check=True)
    leave_out_what_does_not_fit(python)
    return python


def by_llamafactory(python: Path, dataset: Dataset, folder: Path, base: Path) -> Path:
    # A template of plain words: the tiny vocabulary has no room for special tokens of another model's.
    plan = ExportPlan(
        str(base), template="alpaca", rank=8, alpha=16, learning_rate=2e-3, epochs=1, batch_size=8, cpu=True
    )
    export(dataset, folder, "llamafactory", plan)
    cli = python.with_name("llamafactory-cli" + (".exe" if os.name == "nt" else ""))
    run([str(cli), "train", "train_lora_sft.yaml"], folder)
    return folder / "saves" / "aeon-lora"


def by_trl(dataset: Dataset, folder: Path, base: Path) -> Path:
    """TRL's own script (trl/scripts/sft.py), with its options on the command line."""
    export(dataset, folder, "jsonl", ExportPlan(str(base)))
    trl = Path(sys.executable).with_name("trl" + (".exe" if os.name == "nt" else ""))
    options = {
        "model_name_or_path": str(base), "dataset_name": str(folder), "output_dir": str(folder / "trl-lora"),
        "lora_r": "8", "lora_alpha": "16", "lora_target_modules": "all-linear", "learning_rate": "2e-3",
        "max_steps": "12", "per_device_train_batch_size": "4", "report_to": "none", "bf16": "False",
        "logging_steps": "2", "dtype": "float32", "save_strategy": "no",
    }  # fmt: skip
    given = [part for key, value in options.items() for part in (f"--{key}", value)]
    run([str(trl), "sft", *given, "--use_peft", "--use_cpu"], folder)
    return folder / "trl-lora"


if __name__ == "__main__":
    sys.exit(main())
