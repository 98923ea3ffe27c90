"""What `aeon-ft estimate` and `aeon-ft models advise` say, beside what the same steps then take.

    python benchmarks/estimates.py                       both built-in bases, in memory and a layer at a time
    python benchmarks/estimates.py --base smollm2-135m-instruct --how layered --steps 6
    python benchmarks/estimates.py --big FILE            also a file of benchmarks/big.py, by the advice's arithmetic

Rows are those of samples/conversation.log behind the assistant's real prompt. For each base the worker's own probe
measures its one or two steps in a child process, and then the worker's own session trains so many in another. Disk is
the most that the run's folder has held. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from benchmarks.limits import Peak  # noqa: E402

SAMPLE = ROOT / "samples" / "conversation.log"
BASES = ["smollm2-135m-instruct", "gemma3-270m"]
SIZES = ("step_seconds", "seconds", "ram_bytes", "disk_bytes")


def main() -> int:
    options = _options()
    if options.child:
        print(json.dumps({"estimate": _estimate, "train": _train}[options.child](options.folder, options.how[0])))
        return 0
    for base in options.base:
        for how in options.how:
            print(f"{base:22s} {how:8s} batch {options.batch}  {_compared(base, how, options)}", flush=True)
    if options.big:
        print(f"{options.big.name:22s} advice   batch {options.batch}  {_advice(options)}", flush=True)
    return 0


def _options() -> argparse.Namespace:
    from aeon_plugin_ft.training.recipe import physical_cores

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", nargs="*", default=BASES, help="[base] model")
    parser.add_argument("--how", nargs="+", default=["whole", "layered"], choices=["whole", "layered"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps; every second one is saved")
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--big", type=Path, help="a file that benchmarks/big.py has made in the shape of Llama 3.2 1B")
    parser.add_argument("--child", choices=["estimate", "train"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _compared(base: str, how: str, options: argparse.Namespace) -> str:
    from aeon_plugin_ft.training.worker.verdicts import PARITY_FILE

    with tempfile.TemporaryDirectory() as temporary:
        probed, trained = (Path(temporary) / name for name in ("probed", "trained"))
        for folder in (probed, trained):
            _write_run(folder, base, options)
        said = _child("estimate", probed, how, options.threads)
        if said["parity"] is not None:
            # As a run finds it: what the probe has compared is not compared again.
            (trained / PARITY_FILE).write_text(json.dumps(said["parity"]), encoding="utf-8")
        return _beside(said["estimate"], _child("train", trained, how, options.threads))


def _write_run(folder: Path, spec: str, options: argparse.Namespace) -> None:
    from aeon_plugin_ft.base import resolve_base
    from aeon_plugin_ft.dataset.build import build_draft
    from aeon_plugin_ft.dataset.importers.importing import import_file
    from aeon_plugin_ft.settings import Settings
    from aeon_plugin_ft.training.model import Recipe
    from aeon_plugin_ft.training.runs import RunConfig
    from core.prompt import system_prompt

    folder.mkdir()
    base = resolve_base(spec, ROOT / ".cache" / "base")
    draft = build_draft(
        import_file(SAMPLE).turns, Settings().dataset, system_prompt=system_prompt(datetime(2026, 1, 1, 12, 0))
    )
    lines = [
        json.dumps({"messages": [{"role": said.role, "content": said.content} for said in example.messages]})
        for example in draft.train
    ]
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = Recipe(16, 16, 1e-3, options.batch, 1.0, options.steps, 1, 1536, 17, options.threads, 2)
    RunConfig("run", base, "0" * 16, folder, recipe, folder / "none.db").write(folder)


def _child(part: str, folder: Path, how: str, threads: int) -> dict[str, Any]:
    from aeon_plugin_ft.training.supervise import child_environment

    command = [sys.executable, __file__, "--child", part, "--folder", str(folder), "--how", how]
    done = subprocess.run(command, env=child_environment(threads), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Never:
    """A watch that nobody asks to leave."""

    def __init__(self) -> None:
        self.looks: list[Any] = []

    def check(self) -> None:
        """Go on."""


def _estimate(folder: Path, how: str) -> dict[str, Any]:
    from aeon_plugin_ft.processes.awake import awake_seconds
    from aeon_plugin_ft.training.model import Run
    from aeon_plugin_ft.training.runs import RunConfig
    from aeon_plugin_ft.training.worker.probe import measure

    _decide(folder, how)
    watch: Any = Never()
    return measure(Run("probe", folder), RunConfig.read(folder), watch, awake_seconds())


def _train(folder: Path, how: str) -> dict[str, Any]:
    from aeon_plugin_ft.training.model import Progress, Run
    from aeon_plugin_ft.training.runs import RunConfig
    from aeon_plugin_ft.training.worker.session import Session

    _decide(folder, how)
    began = time.perf_counter()
    ends: dict[int, float] = {}

    def tell(progress: Progress) -> None:
        ends.setdefault(progress.step, time.perf_counter())

    before = _size(folder)
    watch: Any = Never()
    with Peak(lambda: _size(folder), every=0.02) as largest:
        outcome = Session(Run("run", folder), RunConfig.read(folder), watch, lambda *_: None, tell).train()
    seconds = time.perf_counter() - began
    order = sorted(ends)
    steps = [ends[step] - ends[step - 1] for step in order[1:] if step - 1 in ends]
    return {
        "step_seconds": median(steps), "seconds": seconds, "ram_bytes": outcome.peak_bytes,
        "disk_bytes": largest.most - before, "engine": outcome.engine, "reason": outcome.engine_reason,
    }  # fmt: skip


def _decide(folder: Path, how: str) -> None:
    """As a run's first attempt writes it down, by the memory that is free."""
    from aeon_plugin_ft.training.engine.layered.choice import ENGINE_FILE

    (folder / ENGINE_FILE).write_text(json.dumps({"layered": how == "layered"}), encoding="utf-8")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # renamed meanwhile
            continue
    return total


def _beside(said: dict[str, Any], taken: dict[str, Any]) -> str:
    """Each figure as estimated, as taken, and by how much the first is off."""
    shown = []
    for name in SIZES:
        if name in said and name in taken:
            unit, scale = ("s", 1.0) if name.endswith("seconds") else ("GB", 1e9)
            off = 100 * (said[name] / taken[name] - 1)
            figures = f"{said[name] / scale:.3g} / {taken[name] / scale:.3g} {unit} ({off:+.0f} %)"
            shown.append(f"{name.rpartition('_')[0] or 'all'} {figures}")
    return "  ".join([*shown, str(taken.get("engine", ""))])


def _advice(options: argparse.Namespace) -> str:
    from aeon_plugin_ft.training.advice import KNOWN, layered_bytes, step_seconds, this_machine

    shape, machine = KNOWN[0], this_machine()
    command = [sys.executable, str(ROOT / "benchmarks" / "big.py"), "--gguf", str(options.big), "--steps", "2"]
    command += ["--batch", str(options.batch), "--threads", str(options.threads)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        subprocess.run([*command, "--out", str(out)], stdout=subprocess.DEVNULL, check=True)
        (taken,) = json.loads(out.read_text(encoding="utf-8"))
    width = 2 if machine.is_narrow else 4
    said = {
        "step_seconds": step_seconds(shape, machine, options.batch, layered=True),
        "ram_bytes": layered_bytes(shape, 16, options.batch, width),
    }
    return _beside(said, {"step_seconds": min(taken["seconds"]), "ram_bytes": taken["anonymous_gb"] * 1e9})


if __name__ == "__main__":
    sys.exit(main())
