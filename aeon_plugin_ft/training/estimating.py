"""What a run will take, measured: a child process computes one real step of this model on this machine.

`preflight` holds the figures against what is free now. Torch-free; the child is `training.worker.probe`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

import psutil

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import Interrupt
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import RefusedError, TrainingError
from aeon_plugin_ft.messages import Speaker, decimal
from aeon_plugin_ft.store import DataFolder, private
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.cached import cache_file
from aeon_plugin_ft.training.model import Estimate, Recipe, Run
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.supervise import spawn, wait_for

_say = Speaker("errors/training")

RAM_MARGIN = 1.1
"""Memory that must be free, as a multiple of the measured peak: the measured step is not the longest one."""

MIN_EXAMPLES = 8
PROBE_SECONDS = 900.0
KEEP_FREE_BYTES = 500_000_000
"""Disk space that is left to the owner whatever happens."""


def estimate(
    base: BaseModel,
    dataset: Dataset,
    recipe: Recipe,
    data: DataFolder,
    interrupt: Interrupt = lambda: None,
) -> Estimate:
    """Measure, or recall what was measured for the same base, data, recipe and machine.

    Raises RefusedError when the measured step itself does not fit the memory, TrainingError when it fails,
    PreemptedError when `interrupt` gives a reason to stop measuring.
    """
    file = cache_file(data.cache, "estimate", base, dataset.hash, recipe)
    if not file.exists():
        private.make_folder(file.parent)
        _measure(base, dataset, recipe, data, file, interrupt)
    raw = json.loads(file.read_text(encoding="utf-8"))
    return Estimate(**raw)


def unmeasured(recipe: Recipe, base: BaseModel) -> Estimate:
    """Of a run that trains elsewhere: this machine only keeps its checkpoints. How long it takes there shows there."""
    # As a share of the base: all linear layers at a rank of 16 are about 1 % of a model's weights, 4 bytes each, three
    # times over in a checkpoint (the adapter and AdamW's two moments), two of which are kept.
    disk = int(base.parameters * 0.01 * recipe.rank / 16 * 4 * 7)
    return Estimate(seconds=0.0, ram_bytes=0, disk_bytes=disk, step_seconds=0.0, steps=recipe.steps)


def preflight(estimate: Estimate, data: DataFolder, examples: int | None = None) -> None:
    """Raise RefusedError with every reason why a run must not start now."""
    reasons = []
    free = psutil.virtual_memory().available
    tight = free < estimate.ram_bytes * RAM_MARGIN
    if tight:
        wanted = decimal(estimate.ram_bytes * RAM_MARGIN / 1e9, 1)
        reasons.append(_say("refused.memory", free=decimal(free / 1e9, 1), needed=wanted))
    disk = data.free_bytes()
    if disk < estimate.disk_bytes + KEEP_FREE_BYTES:
        needed = decimal((estimate.disk_bytes + KEEP_FREE_BYTES) / 1e9, 1)
        reasons.append(_say("refused.disk", free=decimal(disk / 1e9, 1), needed=needed))
    if examples is not None and examples < MIN_EXAMPLES:
        reasons.append(_say("refused.examples", examples=examples, least=MIN_EXAMPLES))
    if reasons:
        raise RefusedError(reasons, lacks_memory=tight)


def _measure(
    base: BaseModel, dataset: Dataset, recipe: Recipe, data: DataFolder, file: Path, interrupt: Interrupt
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="probe-", dir=file.parent))
    try:
        run = Run("probe", folder)
        config = RunConfig(
            "probe", base, dataset.hash, dataset.folder.absolute(), recipe, data.database.absolute(),
            lessons=dataset.lessons,
        )  # fmt: skip
        config.write(folder)
        code = _run_probe(run, recipe, interrupt)
        result = folder / "result.json"
        if code != 0 or not result.exists():
            raise _failure(folder, code)
        raw = json.loads(result.read_text(encoding="utf-8"))
        # Before the estimate, whose file says that both were measured. A sample of the layers proves nothing of all.
        if raw["parity"] is not None:
            write_json(cache_file(data.cache, "parity", base, dataset.hash, recipe), raw["parity"])
        write_json(file, asdict(Estimate(**raw["estimate"])))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_probe(run: Run, recipe: Recipe, interrupt: Interrupt) -> int:
    with open(run.folder / "probe.log", "wb", opener=private.opener) as log:
        process = spawn(["-m", "aeon_plugin_ft.training.worker.probe", str(run.folder)], recipe.threads, log)
    try:
        return wait_for(process, interrupt, _say("doing.step"), PROBE_SECONDS)
    except subprocess.TimeoutExpired as error:  # at idle priority, beside programs that never rest
        raise RefusedError([_say("refused.no_time", minutes=f"{PROBE_SECONDS / 60:.0f}")]) from error


def _failure(folder: Path, code: int) -> TrainingError:
    """Why the measurement failed: what it says itself, or how it died."""
    error_file = folder / "error.json"
    if error_file.exists():
        raw = json.loads(error_file.read_text(encoding="utf-8"))
        if raw["refused"]:
            return RefusedError([raw["reason"]], lacks_memory=bool(raw.get("lacks_memory")))
        return TrainingError(_say("probe.failed", reason=raw["reason"]))
    # SIGKILL: nobody here sends it (a timeout raises instead), the kernel's out-of-memory killer does.
    if code == -9:
        return RefusedError([_say("refused.killed")], lacks_memory=True)
    return TrainingError(_say("probe.ended", code=code))
