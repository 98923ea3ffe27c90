"""An adapter that was trained elsewhere, as a finished run: from here on it is judged like any other. Torch-free.

<data>/runs/import-<id>/origin.json   who trained it, on what, and what of that is not known (Origin)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.shapes import Shapes, linear_shapes
from aeon_plugin_ft.causes import Unknown
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import InputFileError, NoSpaceError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import DataFolder, Store, private
from aeon_plugin_ft.store.files import whole_folder, write_json
from aeon_plugin_ft.training.model import Recipe, Run, RunOutcome, RunState
from aeon_plugin_ft.training.progress import ProgressWriter, write_outcome
from aeon_plugin_ft.training.runs import RunConfig
from aeon_plugin_ft.training.table import add_run, get_run, latest_run, set_state
from aeon_plugin_ft.weights.foreign import (
    MOST_RANK,
    ForeignAdapter,
    Trainer,
    is_merged,
    read_foreign,
    read_merged,
    write_as_ours,
)
from aeon_plugin_ft.weights.sources import open_source
from aeon_plugin_ft.weights.whole import find_gguf, read_whole_model

_say = Speaker("errors/training")

ORIGIN_FILE = "origin.json"
STATE_FILE = "trainer_state.json"
"""What transformers' Trainer leaves beside an adapter, LLaMA-Factory's and Axolotl's too."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an adapter comes from. `dataset` is the hash of the export that it was trained on, None where that is not
    known; `aside` is how many held-out examples were put aside because it may have seen them; `digest` is of what was
    brought, `base_named` what it calls its base. `kept` is the share of a merged model's difference from the base that
    its adapter holds, in the layer where that is least; 1.0 of one that was an adapter."""

    trainer: str
    digest: str
    base_named: str
    dataset: str | None
    aside: int = 0
    unknown: tuple[Unknown, ...] = ()
    kept: float = 1.0

    def plain(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "unknown": [one.value for one in self.unknown]}


def read_checked(folder: Path, base: BaseModel) -> ForeignAdapter:
    """An adapter that fits `base`, layer by layer, or what a merged model adds to it, or (a GGUF) a whole model that
    may stand in its place. Raises InputFileError with the first reason why it does not."""
    whole = find_gguf(folder)
    if whole is not None:
        model = read_whole_model(whole, base)
        return ForeignAdapter(
            whole.parent, Trainer.WHOLE, {}, model.named, 0, rslora=False, digest=model.digest, whole=model.file
        )
    if is_merged(folder):
        with closing(open_source(base.training_copy, base.gguf)) as source:
            return read_merged(folder, source)
    shapes = linear_shapes(base)
    # Any LoRA of this base is smaller: 4 bytes for each number of A and B at the highest rank.
    most = sum(4 * MOST_RANK * (rows + columns) for rows, columns in shapes.values())
    adapter = read_foreign(folder, most)
    for module, update in adapter.updates.items():
        _require_fit(folder, module, (update.b.shape[0], update.a.shape[1]), shapes, base)
    return adapter


def _require_fit(folder: Path, module: str, shape: tuple[int, int], shapes: Shapes, base: BaseModel) -> None:
    expected = shapes.get(module)
    if expected is None:
        raise InputFileError(folder, *_say.error("imported.no_layer", module=module, base=base.spec))
    if shape != expected:
        sizes = {"own": f"{shape[0]} x {shape[1]}", "expected": f"{expected[0]} x {expected[1]}"}
        raise InputFileError(folder, *_say.error("imported.other_shape", module=module, base=base.spec, **sizes))


def add_imported(
    data: DataFolder, store: Store, base: BaseModel, dataset: Dataset, adapter: ForeignAdapter, origin: Origin
) -> Run:
    """The finished run of an adapter that was checked; the same one again gives the same run. It is judged on
    `dataset`."""
    # By content: what was brought twice is judged once.
    name = hashlib.sha256(f"{adapter.digest}{base.digest}{dataset.hash}".encode()).hexdigest()[:12]
    run = Run(f"import-{name}", data.runs / f"import-{name}")
    if get_run(store, run.id) is not None and run.adapter.is_dir():
        return run
    if adapter.whole is not None:
        _require_space(data, adapter.whole)
    state = _state(adapter.folder)
    recipe = _recipe(adapter, state)
    # Of an adapter whose data is not known nobody can say what is new to it: a path to nothing says so.
    learnt = dataset.folder if origin.dataset is not None else run.folder / "unknown"
    private.make_folder(run.folder)
    config = RunConfig(run.id, base, dataset.hash, learnt.absolute(), recipe, store.path.absolute())
    config.write(run.folder)
    write_json(run.folder / ORIGIN_FILE, origin.plain())
    _write_curve(run, state, recipe.steps)
    with whole_folder(run.adapter, replace=True) as part:
        write_as_ours(adapter, part)
    losses = _losses(state)
    outcome = RunOutcome(
        RunState.FINISHED, recipe.steps, recipe.steps, 0.0, 0, first_loss=losses[0][1] if losses else None,
        loss=losses[-1][1] if losses else None, examples=dataset.train if origin.dataset else 0, engine="imported",
        engine_reason=origin.trainer,
    )  # fmt: skip
    write_outcome(run.outcome_file, outcome)
    _add_row(store, run, base, dataset, recipe.steps)
    return run


def _require_space(data: DataFolder, whole: Path) -> None:
    """Of its run and of its version, which each keep what was judged."""
    needed, free = 2 * whole.stat().st_size, data.free_bytes()
    if free < needed:
        raise NoSpaceError(data.runs, needed, free)


def _add_row(store: Store, run: Run, base: BaseModel, dataset: Dataset, steps: int) -> None:
    newest = latest_run(store)
    # The schedule goes on counting from the last training of its own: what is brought does not put that off.
    turns = newest.turns if newest is not None and newest.turns is not None else 0
    if get_run(store, run.id) is None:
        add_run(store, run.id, dataset.hash, base.digest, None, steps, turns)
    set_state(store, run.id, RunState.FINISHED, step=steps)


def _recipe(adapter: ForeignAdapter, state: Mapping[str, Any]) -> Recipe:
    """As far as it is known; what is not is 0, which no recipe of ours has, so that training here is never taken for
    a repetition of it."""
    alpha = max((update.scale * update.a.shape[0] for update in adapter.updates.values()), default=0.0)
    steps, epochs = int(state.get("global_step") or 0), float(state.get("epoch") or 0.0)
    return Recipe(
        rank=adapter.rank, alpha=round(alpha), learning_rate=0.0, batch_size=0, epochs=epochs, steps=steps,
        warmup_steps=0, max_length=0, seed=0, threads=0, checkpoint_steps=0, rslora=adapter.rslora,
        target_modules=tuple(sorted(adapter.updates)),
    )  # fmt: skip


def _state(folder: Path) -> dict[str, Any]:
    try:
        raw = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # most trainers leave none: then the report has no curve
    return raw if isinstance(raw, dict) else {}


def _losses(state: Mapping[str, Any]) -> list[tuple[int, float]]:
    rows = state.get("log_history")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [
        (int(row["step"]), float(row["loss"]))
        for row in found
        if isinstance(row.get("step"), int) and isinstance(row.get("loss"), int | float)
    ]


def _write_curve(run: Run, state: Mapping[str, Any], steps: int) -> None:
    run.progress_file.unlink(missing_ok=True)
    writer = ProgressWriter(run.progress_file)
    for step, loss in _losses(state):
        writer.write("progress", step=step, steps=steps, loss=loss)
    writer.close()
