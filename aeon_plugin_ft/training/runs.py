"""Runs as folders: made, resumed, and what became of their workers. Torch-free; the rows are in table.py."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import EndCause, run_cause
from aeon_plugin_ft.dataset.feedback.opinions import TURNS_TO_LEARN
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import DataFolder, Store, private
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.memory import shrink
from aeon_plugin_ft.training.model import Recipe, Run, RunState
from aeon_plugin_ft.training.progress import last_progress, read_outcome
from aeon_plugin_ft.training.table import add_run, finished_runs, get_run, runs_in, set_state
from aeon_plugin_ft.training.worker.stopping import PAUSE_FILE, pause_cause
from aeon_plugin_ft.turns.index import count_turns
from aeon_plugin_ft.wording import english

if TYPE_CHECKING:
    from aeon_plugin_ft.dataset.model import Dataset

_say = Speaker("errors/training")

LEASE = "training"
LEASE_SECONDS = 30.0
WORKER_FILE = "worker.json"
CONFIG_FILE = "run.json"

TEACHES = f"""
    kind = 'chat' AND ((provider != 'embedded' AND version = 'base') OR id IN ({TURNS_TO_LEARN}))
"""
"""Conversation: not the plugin's own replies, unless the owner had an opinion about them."""

UNJUDGED = "unjudged"
"""The fact that names the finished run whose judgement is still to come."""

RESUMABLE = (RunState.PENDING, RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """run.json: everything the worker needs, and nothing it could choose differently the next time."""

    id: str
    base: BaseModel
    dataset_hash: str
    dataset: Path
    recipe: Recipe
    store: Path
    parent: Path | None = None
    new: tuple[int, ...] | None = None
    """Lines of train.jsonl, from 0, that the parent has not seen; None: all are learnt."""
    generation: int = 0
    """How many runs in a row have gone on from another."""
    lessons: int = 0
    """So many of train.jsonl's lines, the last ones, are lessons."""

    def write(self, folder: Path) -> None:
        """Write run.json into the run's folder, whole or not at all."""
        raw = asdict(self)
        write_json(folder / CONFIG_FILE, json.loads(json.dumps(raw, default=str)))

    @classmethod
    def read(cls, folder: Path) -> RunConfig:
        """Raises TrainingError when run.json is not there or is damaged."""
        try:
            raw = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            return cls(
                id=raw["id"],
                base=base_from(raw["base"]),
                dataset_hash=raw["dataset_hash"],
                dataset=Path(raw["dataset"]),
                recipe=recipe_from(raw["recipe"]),
                store=Path(raw["store"]),
                parent=Path(raw["parent"]) if raw["parent"] else None,
                new=None if raw.get("new") is None else tuple(raw["new"]),
                generation=int(raw.get("generation", 0)),
                lessons=int(raw.get("lessons", 0)),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(*_say.error("runs.unreadable", run=folder.name, reason=error)) from error


def base_from(raw: Mapping[str, Any]) -> BaseModel:
    """A BaseModel read back from JSON."""
    gguf = raw.get("gguf")
    return BaseModel(
        **{**raw, "training_copy": Path(raw["training_copy"]), "gguf": Path(gguf) if gguf else None}
    )  # fmt: skip


def recipe_from(raw: Mapping[str, Any]) -> Recipe:
    """A Recipe read back from JSON."""
    names = {field.name for field in fields(Recipe)}
    # Fields of a later release are left out, those of an earlier one take their defaults: an old run can go on.
    values = {key: value for key, value in raw.items() if key in names}
    if isinstance(values["target_modules"], list):
        values["target_modules"] = tuple(values["target_modules"])
    return Recipe(**values)


def create_run(
    data: DataFolder,
    store: Store,
    base: BaseModel,
    dataset: Dataset,
    recipe: Recipe,
    parent: Path | None = None,
    new: Sequence[int] | None = None,
    generation: int = 0,
) -> Run:
    """Write the run's folder and row; nothing starts yet. `parent` is the adapter to go on from, `new` the lines
    of train.jsonl that it has not seen (see training.continual)."""
    # UTC, so that names sort in the order of making across a change of the clocks; two of one second differ by chance.
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
    folder = data.runs / name
    private.make_folder(folder)
    lines = None if new is None else tuple(new)
    place, database = dataset.folder.absolute(), store.path.absolute()
    config = RunConfig(name, base, dataset.hash, place, recipe, database, parent, lines, generation, dataset.lessons)
    config.write(folder)
    add_run(store, name, dataset.hash, base.digest, parent, recipe.steps, teaching_turns(store))
    return Run(name, folder)


def teaching_turns(store: Store, since: float | None = None) -> int:
    """How many logged turns teach something; `since`: of those that began then or later, in seconds since the epoch."""
    if since is None:
        return count_turns(store, TEACHES)
    return count_turns(store, f"{TEACHES} AND at >= ?", since)


_SAME = ("rank", "alpha", "max_length", "seed", "target_modules", "rslora", "lora_plus", "dora", "quantize")
"""What makes a recipe another one. The rate, the steps and the batch follow from the data and from the start."""


def learnt_before(store: Store, data: DataFolder, dataset: Dataset, base: BaseModel, recipe: Recipe) -> str | None:
    """A finished run on the same data, base and recipe, whatever its verdict was; None when there is none."""
    for id in finished_runs(store, dataset.hash, base.digest):
        try:
            before = RunConfig.read(data.runs / id).recipe
        except TrainingError:
            return id  # its folder was pruned: what it made was judged long ago
        if all(getattr(before, name) == getattr(recipe, name) for name in _SAME):
            return id
    return None


def resume_run(id: str, data: DataFolder, store: Store) -> Run:
    """Make a run ready to go on from its newest checkpoint; raise TrainingError when it cannot."""
    row = get_run(store, id)
    if row is None or not (row.folder / CONFIG_FILE).exists():
        raise TrainingError(*_say.error("runs.none", run=id))
    if row.state not in RESUMABLE:
        raise TrainingError(*_say.error(f"cannot_go_on.{row.state.value}", run=id))
    # The files before the row: an old outcome would be read as what became of the attempt that is about to start.
    for old in (row.run.outcome_file, row.folder / PAUSE_FILE):
        old.unlink(missing_ok=True)
    set_state(store, id, RunState.PENDING)
    return row.run


def reap_runs(store: Store, data: DataFolder) -> list[str]:
    """Settle runs whose worker is gone; returns the ids of those that had no outcome (now interrupted)."""
    interrupted = []
    for row in runs_in(store, {RunState.RUNNING}):
        if not worker_alive(row.run) and record_end(store, row.run, None) is RunState.INTERRUPTED:
            interrupted.append(row.id)
    return interrupted


def note_worker(folder: Path, pid: int, *, first: bool = False) -> None:
    """Note which process trains the run. The worker says so itself: of the Python in a Windows virtual environment
    its parent knows only the launcher. Before it can, the parent's word counts (`first`): whoever looks meanwhile must
    not take the run for orphaned."""
    try:
        note = {"pid": pid, "created": psutil.Process(pid).create_time(), "at": time.time()}
    except psutil.Error:
        return  # it has ended already
    if not first:
        write_json(folder / WORKER_FILE, note)
        return
    with (
        contextlib.suppress(FileExistsError),
        open(folder / WORKER_FILE, "x", encoding="utf-8", opener=private.opener) as file,
    ):
        file.write(json.dumps(note))


def worker_alive(run: Run) -> bool:
    """Whether the process that this run was given still is that process."""
    try:
        raw = json.loads((run.folder / WORKER_FILE).read_text(encoding="utf-8"))
        process = psutil.Process(int(raw["pid"]))
        # Process ids are used again; the time of birth tells them apart. Two seconds, for a clock that was set a
        # little.
        same = abs(process.create_time() - float(raw["created"])) < 2
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, psutil.Error):
        return False


def record_end(
    store: Store, run: Run, code: int | None, out_of_memory: bool = False, *, hung: bool = False
) -> RunState:
    """Write into the store what became of a worker that has ended, and free the lease.

    `code` is its exit code, None when nobody saw it end. A run that was `out_of_memory` can go on, with a smaller
    micro-batch, as long as there is one. `hung`: it did nothing any more, and was ended for that.
    """
    outcome = read_outcome(run.outcome_file)
    # First, and before outcome.json: the worker says that it failed, which is not so while there is a smaller size.
    smaller = shrink(run.folder, RunConfig.read(run.folder).recipe.micro_tokens) if out_of_memory else None
    if smaller is not None:
        state, step, cause = RunState.INTERRUPTED, outcome.step if outcome else _last_step(run), EndCause.OUT_OF_MEMORY
        reason = f"{english(cause)}; goes on with {smaller} tokens at once"
        set_state(store, run.id, state, step=step, cause=cause, reason=reason)
    elif outcome is not None:
        state = outcome.state
        set_state(store, run.id, state, step=outcome.step, cause=run_cause(outcome.cause), reason=outcome.reason)
    else:
        step, asked = _last_step(run), pause_cause(run.folder)
        state = RunState.INTERRUPTED if asked is None else RunState.PAUSED
        died = EndCause.HUNG if hung else EndCause.DIED
        reason = english(asked) or (f"{english(died)} after step {step}" if hung else _how_it_died(code, step))
        set_state(store, run.id, state, step=step, cause=asked or died, reason=reason)
    store.release_lease(LEASE, run.id)
    return state


def _last_step(run: Run) -> int:
    progress = last_progress(run.progress_file)
    return progress.step if progress else 0


def _how_it_died(code: int | None, step: int) -> str:
    if code is None:
        how = "the training process ended without a word (killed, or a power cut)"
    elif code == -9:
        how = "the training process was killed (kill -9, or the system was out of memory)"
    elif code < 0:
        how = f"the training process was ended by signal {-code}"
    else:
        how = f"the training process ended with code {code}"
    return f"{how} after step {step}"
