"""The worker in a real child, on a tiny model: to its end, paused, killed, orphaned, never two at once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import LeaseHeldError, RunStoppedError
from aeon_plugin_ft.events import Event, EventBus, RunInterrupted
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training import staying, supervise
from aeon_plugin_ft.training.model import Exit, Progress, Recipe, Run, RunState
from aeon_plugin_ft.training.progress import read_events, read_outcome
from aeon_plugin_ft.training.runs import create_run, reap_runs, resume_run, worker_alive
from aeon_plugin_ft.training.staying import stay_with
from aeon_plugin_ft.training.supervise import Worker, start_worker
from aeon_plugin_ft.training.table import get_run
from tests.training.bench import PATIENCE
from tests.training.bench import Bench as Shared

GONE_SECONDS = 5.0
KILLED = 1 if sys.platform == "win32" else -9
"""The exit code of a killed process."""
MOMENTS = int(os.environ.get("AEON_FT_MOMENTS", "7"))


class Bench(Shared):
    """Knows what is stored of a run as well."""

    def state(self, run: Run) -> RunState:
        row = get_run(self.store, run.id)
        assert row is not None
        return row.state


@pytest.fixture
def bench(data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset) -> Bench:
    return Bench(data, store, tiny_base, tiny_dataset)


@pytest.mark.slow
def test_a_run_trains_to_its_end_and_leaves_an_adapter(bench: Bench, tiny_recipe: Callable[..., Recipe]) -> None:
    run = bench.new(tiny_recipe())
    assert bench.state(run) is RunState.PENDING
    state = start_worker(run, bench.store).wait(PATIENCE)
    assert state is RunState.FINISHED, (run.folder / "worker.log").read_text()
    outcome = read_outcome(run.outcome_file)
    assert outcome is not None and outcome.step == 6 and outcome.engine == "shared-prefix"
    assert outcome.loss is not None and outcome.first_loss is not None and outcome.loss < outcome.first_loss
    assert outcome.saving > 1.5 and outcome.examples == 24
    assert (run.adapter / "adapter_model.safetensors").exists()
    row = get_run(bench.store, run.id)
    assert row is not None and row.state is RunState.FINISHED and row.step == 6
    assert bench.store.lease_holder("training") is None
    phases = [line["phase"] for line in read_events(run.progress_file) if line["event"] == "progress"]
    assert phases[0] == "starting" and "loading" in phases and phases.count("training") >= 6


@pytest.mark.slow(seconds=20)
def test_a_worker_says_itself_which_process_it_is(
    bench: Bench, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows the supervisor may know a launcher only."""
    monkeypatch.setattr(supervise, "note_worker", lambda *_, **__: None)
    run = bench.new(tiny_recipe())
    worker = start_worker(run, bench.store)
    bench.until_step(worker, 1)
    assert worker_alive(run)
    worker.kill()
    assert json.loads((run.folder / "worker.json").read_text())["pid"] == worker.process.pid


@pytest.mark.slow(seconds=20)
def test_killed_paused_and_resumed_a_run_ends_at_its_last_step(
    bench: Bench, tiny_recipe: Callable[..., Recipe]
) -> None:
    run = bench.new(tiny_recipe(steps=60))
    worker = start_worker(run, bench.store)
    bench.until_step(worker, 5)
    with pytest.raises(LeaseHeldError):
        start_worker(bench.new(tiny_recipe()), bench.store)
    worker.process.kill()
    assert worker.wait(PATIENCE) is RunState.INTERRUPTED
    row = get_run(bench.store, run.id)
    assert row is not None and row.state is RunState.INTERRUPTED and row.cause is EndCause.DIED
    assert bench.store.lease_holder("training") is None

    worker = start_worker(resume_run(run.id, bench.data, bench.store), bench.store)
    bench.until_step(worker, 9)
    asked = time.monotonic()
    worker.pause(PauseCause.OWNER_BACK)
    assert worker.wait(GONE_SECONDS) is RunState.PAUSED
    assert time.monotonic() - asked < GONE_SECONDS
    assert worker.process.returncode in (Exit.PAUSED, KILLED), "by itself, or ended on a busy machine"
    row = get_run(bench.store, run.id)
    assert row is not None and (row.state, row.cause) == (RunState.PAUSED, PauseCause.OWNER_BACK)
    paused_at = row.step

    worker = start_worker(resume_run(run.id, bench.data, bench.store), bench.store)
    assert worker.wait(PATIENCE) is RunState.FINISHED
    row = get_run(bench.store, run.id)
    assert row is not None and (row.step, row.attempts) == (60, 3)
    steps = [line["step"] for line in read_events(run.progress_file) if line.get("phase") == "training"]
    assert steps[-1] == 60
    assert steps[-(60 - paused_at) :] == list(range(paused_at + 1, 61)), "every later step once, in order"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="terminate() is a signal, which Windows has none of")
def test_a_worker_that_is_still_importing_leaves_at_once(bench: Bench, tiny_recipe: Callable[..., Recipe]) -> None:
    run = bench.new(tiny_recipe())
    worker = start_worker(run, bench.store)
    while not read_events(run.progress_file):
        time.sleep(0.01)
    worker.process.terminate()
    assert worker.wait(PATIENCE) is RunState.PAUSED
    assert bench.state(run) is RunState.PAUSED
    phases = {line["phase"] for line in read_events(run.progress_file) if line["event"] == "progress"}
    assert phases <= {"starting"}, "it did not wait for the end of the imports"


_SUPERVISOR = """
import sys, time
from pathlib import Path
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.supervise import start_worker
from aeon_plugin_ft.training.model import Run
folder = Path(sys.argv[1])
print(start_worker(Run(folder.name, folder), Store(Path(sys.argv[2]))).process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_no_worker_outlives_its_supervisor(bench: Bench, tiny_recipe: Callable[..., Recipe]) -> None:
    run = bench.new(tiny_recipe(steps=500))
    supervisor = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR, str(run.folder), str(bench.store.path)], stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    worker = psutil.Process(int(supervisor.stdout.readline()))
    while not read_events(run.progress_file):
        time.sleep(0.01)
    assert reap_runs(bench.store, bench.data) == [], "it is alive"
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    worker.wait(PATIENCE)  # by itself, which nobody can hasten: within 5 s where it gets its turn
    reap_runs(bench.store, bench.data)
    row = get_run(bench.store, run.id)
    assert row is not None
    if sys.platform == "win32":  # at once, by the system: its last checkpoint counts
        assert (row.state, row.cause) == (RunState.INTERRUPTED, EndCause.DIED)
    else:
        assert (row.state, row.cause) == (RunState.PAUSED, PauseCause.HOST_GONE)


@pytest.mark.slow(seconds=70)
def test_paused_at_random_moments_it_is_gone_in_time_and_ends_in_the_same_adapter(
    bench: Bench, tiny_recipe: Callable[..., Recipe]
) -> None:
    """While it imports, loads, trains and saves: a random moment in each part of its life, in random order."""
    recipe = tiny_recipe(steps=40)
    whole, often = bench.new(recipe), bench.new(recipe)
    began = time.monotonic()
    assert start_worker(whole, bench.store).wait(PATIENCE) is RunState.FINISHED
    life, chance = time.monotonic() - began, random.Random(11)
    moments = [(number + chance.random()) / MOMENTS * life for number in range(MOMENTS)]
    chance.shuffle(moments)
    for moment in moments:
        worker = start_worker(resume_run(often.id, bench.data, bench.store), bench.store)
        if worker.wait(moment) is RunState.FINISHED:
            often = bench.new(recipe)
            continue
        asked = time.monotonic()
        worker.pause(PauseCause.OWNER_BACK)
        assert worker.wait(GONE_SECONDS) in {RunState.PAUSED, RunState.FINISHED}
        assert time.monotonic() - asked < GONE_SECONDS
        if bench.state(often) is RunState.FINISHED:
            often = bench.new(recipe)
    worker = start_worker(resume_run(often.id, bench.data, bench.store), bench.store)
    assert worker.wait(PATIENCE) is RunState.FINISHED
    name = "adapter_model.safetensors"
    assert (often.adapter / name).read_bytes() == (whole.adapter / name).read_bytes()


def test_a_run_goes_on_only_with_the_data_and_the_weights_it_began_with(
    bench: Bench, tiny_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bench.base.training_copy, copy)
    base = replace(bench.base, training_copy=copy)
    train, weights = bench.dataset.train_file, copy / "model.safetensors"
    for file, edited, named in (
        (train, train.read_bytes().replace(b"massa", b"droga", 1), "is not what was frozen"),
        (weights, weights.read_bytes()[:-1] + bytes([weights.read_bytes()[-1] ^ 1]), "is not what it was"),
    ):
        run = create_run(bench.data, bench.store, base, bench.dataset, tiny_recipe(steps=3))
        before = file.read_bytes()
        file.write_bytes(edited)
        assert start_worker(run, bench.store).wait(PATIENCE) is RunState.FAILED
        row = get_run(bench.store, run.id)
        assert row is not None and named in row.reason and str(file if file == train else copy) in row.reason
        file.write_bytes(before)
        assert start_worker(resume_run(run.id, bench.data, bench.store), bench.store).wait(PATIENCE) is (
            RunState.FINISHED
        )


@pytest.mark.slow(seconds=30)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_worker_that_was_stopped_is_ended_and_its_run_goes_on_to_its_end(
    bench: Bench, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "HUNG_SECONDS", 4.0)
    monkeypatch.setattr(supervise, "WORK_SECONDS", 0.05)
    run, events, stopped = bench.new(tiny_recipe(steps=40)), EventBus(), list[int]()
    told: list[Event] = []
    events.subscribe(told.append)

    def stop_once(progress: Progress) -> None:
        if progress.step >= 5 and not stopped:
            stopped.append(progress.step)
            pid = json.loads((run.folder / "worker.json").read_text())["pid"]
            psutil.Process(pid).send_signal(signal.SIGSTOP)

    stay_with(run, bench.data, bench.store, events, lambda: None, stop_once)
    row = get_run(bench.store, run.id)
    assert row is not None and (row.state, row.step, row.attempts) == (RunState.FINISHED, 40, 2)
    hung = [event for event in told if isinstance(event, RunInterrupted)]
    assert [event.cause for event in hung] == [EndCause.HUNG] and stopped


@pytest.mark.slow(seconds=30)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_worker_that_hangs_again_and_again_is_left_with_its_reason(
    bench: Bench, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "HUNG_SECONDS", 3.0)
    monkeypatch.setattr(supervise, "WORK_SECONDS", 0.05)
    run, begin = bench.new(tiny_recipe()), staying.start_worker

    def stopped_at_once(run: Run, store: Store, where: str) -> Worker:
        worker = begin(run, store, where)
        worker.process.send_signal(signal.SIGSTOP)
        return worker

    monkeypatch.setattr(staying, "start_worker", stopped_at_once)
    with pytest.raises(RunStoppedError) as raised:
        stay_with(run, bench.data, bench.store, EventBus(), lambda: None, None)
    row = get_run(bench.store, run.id)
    assert raised.value.cause is EndCause.HUNG and row is not None
    assert (row.state, row.attempts) == (RunState.INTERRUPTED, staying.RESTARTS + 1)
    assert bench.store.lease_holder("training") is None
