"""Runs of the tiny model that train elsewhere, watched from outside of their processes."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.store.seal import seal
from aeon_plugin_ft.training.model import Recipe, Run, RunState
from aeon_plugin_ft.training.places.consent import allow
from aeon_plugin_ft.training.places.where import parse_where
from aeon_plugin_ft.training.runs import resume_run
from aeon_plugin_ft.training.supervise import Worker, start_worker
from tests.base.tiny import write_gguf
from tests.training.bench import PATIENCE
from tests.training.bench import Bench as Shared


class Bench(Shared):
    """Starts runs at a place, and waits for what they do there."""

    def start(self, run: Run, where: str) -> Worker:
        place = parse_where(where)
        if place is not None:
            allow(self.store, place)
        return start_worker(run, self.store, where)

    def again(self, run: Run, where: str) -> Worker:
        return self.start(resume_run(run.id, self.data, self.store), where)

    def finish(self, worker: Worker) -> None:
        state = worker.wait(PATIENCE)
        assert state is RunState.FINISHED, (worker.run.folder / "worker.log").read_text(encoding="utf-8")[-4000:]

    def trained_here(self, recipe: Recipe) -> bytes:
        run = self.new(recipe)
        self.finish(start_worker(run, self.store))
        return weights(run)

    def wait(self, come: Callable[[], bool]) -> None:
        """For something that happens over there, with nobody here."""
        deadline = time.monotonic() + PATIENCE
        while not come():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def weights(run: Run) -> bytes:
    return (run.adapter / "adapter_model.safetensors").read_bytes()


def steps_in(folder: Path) -> int:
    """The newest checkpoint's step, 0 without one."""
    return max((int(path.name[5:]) for path in folder.glob("checkpoints/step-*") if not path.suffix), default=0)


def workers_of(run: Run) -> list[psutil.Process]:
    """The processes that train this run, wherever they are: the other places of these tests are on this machine."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if "aeon_plugin_ft.training.worker" in line and any(run.id in part for part in line):
                found.append(process)
    return found


def hold(run: Run) -> None:
    """Let it train no further, so that it does not end while something is done to it, however fast the machine is."""
    for process in workers_of(run):
        process.suspend()


def let_go(run: Run) -> None:
    """Let it train on."""
    for process in workers_of(run):
        process.resume()


def slow_down(run: Run) -> None:
    """Let it train for a moment, in which it also hears that it is to leave, and hold it for a longer one."""
    let_go(run)
    time.sleep(0.2)
    hold(run)
    time.sleep(2.0)


@pytest.fixture
def served(tiny_base: BaseModel, tmp_path: Path) -> BaseModel:
    """The tiny base as most owners have theirs: a GGUF that is served, and a folder without weights."""
    import gguf
    from transformers import AutoModelForCausalLM

    path, texts = tmp_path / "served.gguf", tmp_path / "texts"
    model = AutoModelForCausalLM.from_pretrained(tiny_base.training_copy)
    write_gguf(path, "llama", model, gguf.GGMLQuantizationType.F32)
    shutil.copytree(tiny_base.training_copy, texts, ignore=shutil.ignore_patterns("*.safetensors"))
    digest = sha256(path)
    (texts / "source.json").write_text(json.dumps({"digest": digest, "files": seal(texts)}), encoding="utf-8")
    return replace(tiny_base, training_copy=texts, gguf=path, digest=digest)


@pytest.fixture
def bench(data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset) -> Bench:
    return Bench(data, store, tiny_base, tiny_dataset)
