"""Runs as rows and folders, without any child."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.model import Exit, Progress, Recipe, Run, RunOutcome, RunState
from aeon_plugin_ft.training.progress import ProgressWriter, last_progress, read_outcome, write_outcome
from aeon_plugin_ft.training.runs import LEASE, RunConfig, create_run, reap_runs, resume_run
from aeon_plugin_ft.training.table import get_run, list_runs, set_state

BASE = BaseModel("tiny", "sha256:" + "1" * 64, "llama", 10, Path("/nowhere/copy"), None)


@pytest.fixture
def new(data: DataFolder, store: Store, tmp_path: Path, tiny_recipe: Callable[..., Recipe]) -> Callable[[], Run]:
    dataset = Dataset("ab" * 8, tmp_path / "dataset", 10, 2, 0)
    return lambda: create_run(data, store, BASE, dataset, tiny_recipe(target_modules=("q_proj", "v_proj")))


def running(store: Store, run: Run, *, alive: bool) -> None:
    """The row and files of a run whose worker was started."""
    me = psutil.Process()
    created = me.create_time() if alive else me.create_time() - 1000
    write_json(run.folder / "worker.json", {"pid": os.getpid(), "created": created})
    set_state(store, run.id, RunState.RUNNING)
    store.acquire_lease(LEASE, run.id, 60)


def test_a_run_is_read_back_as_it_was_written(new: Callable[[], Run], tiny_recipe: Callable[..., Recipe]) -> None:
    run = new()
    config = RunConfig.read(run.folder)
    assert config.recipe == tiny_recipe(target_modules=("q_proj", "v_proj"))
    assert (config.id, config.base, config.dataset_hash, config.parent) == (run.id, BASE, "ab" * 8, None)


def test_the_newest_run_is_listed_first(new: Callable[[], Run], store: Store) -> None:
    first, second = new(), new()
    store.execute("UPDATE runs SET created = created - 100 WHERE id = ?", first.id)
    assert [row.id for row in list_runs(store)] == [second.id, first.id]
    found = get_run(store, first.id)
    assert found is not None and found.folder == first.folder and found.state is RunState.PENDING
    assert get_run(store, "none") is None


def test_a_dead_worker_is_found_and_its_run_goes_on(new: Callable[[], Run], store: Store, data: DataFolder) -> None:
    run = new()
    running(store, run, alive=False)
    writer = ProgressWriter(run.progress_file)
    writer.progress(Progress(7, 20, 1.0, 1.0, 1.0, 1.0, 1.0))
    writer.close()
    assert reap_runs(store, data) == [run.id]
    row = get_run(store, run.id)
    assert row is not None and row.state is RunState.INTERRUPTED and row.step == 7
    assert row.cause is EndCause.DIED and "without a word" in row.reason and "step 7" in row.reason
    assert store.lease_holder(LEASE) is None
    assert resume_run(run.id, data, store) == run
    assert reap_runs(store, data) == []


def test_a_living_worker_is_left_alone(new: Callable[[], Run], store: Store, data: DataFolder) -> None:
    run = new()
    running(store, run, alive=True)
    assert reap_runs(store, data) == []
    assert store.lease_holder(LEASE) == run.id


def test_a_worker_that_said_how_it_ended_is_believed(new: Callable[[], Run], store: Store, data: DataFolder) -> None:
    run = new()
    running(store, run, alive=False)
    write_outcome(
        run.outcome_file, RunOutcome(RunState.FAILED, 3, 6, 1.0, 1, reason="no memory", cause="out_of_memory")
    )
    assert reap_runs(store, data) == []
    row = get_run(store, run.id)
    assert row is not None and (row.state, row.step, row.reason) == (RunState.FAILED, 3, "no memory")
    assert row.cause is EndCause.OUT_OF_MEMORY


def test_what_cannot_go_on_says_so(new: Callable[[], Run], store: Store, data: DataFolder) -> None:
    with pytest.raises(TrainingError, match="no run"):
        resume_run("20200101-000000-ffff", data, store)
    run = new()
    set_state(store, run.id, RunState.FINISHED)
    with pytest.raises(TrainingError, match="finished"):
        resume_run(run.id, data, store)
    (run.folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match="cannot be read"):
        RunConfig.read(run.folder)


def test_a_half_written_line_of_progress_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    assert last_progress(file) is None
    writer = ProgressWriter(file)
    writer.progress(Progress(1, 9, 2.5, 1.5, 3.0, 4.0, 5.0))
    writer.write("end", state="paused")
    writer.close()
    with file.open("ab") as raw:
        raw.write(b'{"event": "progress", "step": 2, "ste')
    assert last_progress(file) == Progress(1, 9, 2.5, 1.5, 3.0, 4.0, 5.0)


def test_the_newest_progress_is_found_at_the_end_of_a_long_file(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    writer = ProgressWriter(file)
    for step in range(2000):
        writer.progress(Progress(step, 2000, 1.0, 1.0, 1.0, 1.0, 1.0))
    writer.close()
    found = last_progress(file)
    assert found is not None and found.step == 1999


def test_an_outcome_is_whole_or_absent(tmp_path: Path) -> None:
    file = tmp_path / "outcome.json"
    assert read_outcome(file) is None
    outcome = RunOutcome(RunState.FINISHED, 6, 6, 1.5, 1000, dropped={"too long": 2}, engine="stock", engine_reason="x")
    write_outcome(file, outcome)
    assert read_outcome(file) == outcome
    file.write_text(json.dumps({"state": "no such"}), encoding="utf-8")
    assert read_outcome(file) is None


def test_a_worker_that_had_to_be_ended_after_a_pause_is_paused_not_interrupted(
    new: Callable[[], Run], store: Store, data: DataFolder
) -> None:
    run = new()
    running(store, run, alive=False)
    (run.folder / "pause").write_text("owner_back", encoding="utf-8")
    assert reap_runs(store, data) == []
    row = get_run(store, run.id)
    assert row is not None and (row.state, row.cause) == (RunState.PAUSED, PauseCause.OWNER_BACK)
    assert row.reason == "the owner is back"


def test_a_store_that_cannot_be_written_does_not_end_the_training(
    new: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from aeon_plugin_ft.training.worker import run as worker

    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    run = new()
    attempt = worker.Attempt(run, RunConfig.read(run.folder))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "acquire_lease", locked)
        assert attempt.beat() is None
    attempt.progress.close()
    attempt.store.close()


def test_a_beat_opens_the_database_no_second_time(new: Callable[[], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.worker import run as worker

    run = new()
    attempt = worker.Attempt(run, RunConfig.read(run.folder))
    attempt.beat()
    connection = attempt.store.connection()
    monkeypatch.setattr(worker, "Store", None)
    assert attempt.beat() is None
    assert attempt.store.connection() is connection and attempt.store.lease_holder("training") == run.id
    attempt.progress.close()
    attempt.store.close()


def test_a_run_whose_lease_was_taken_leaves(new: Callable[[], Run], store: Store) -> None:
    from aeon_plugin_ft.training.worker.run import Attempt

    run = new()
    attempt = Attempt(run, RunConfig.read(run.folder))
    assert attempt.beat() is None
    assert store.lease_holder(LEASE) == run.id
    store.execute("UPDATE leases SET owner = 'another' WHERE name = ?", LEASE)
    assert attempt.beat() is PauseCause.OVERTAKEN
    attempt.progress.close()
    attempt.store.close()


@pytest.mark.parametrize(
    ("error", "code", "cause", "words"),
    [
        (MemoryError(), Exit.OUT_OF_MEMORY, EndCause.OUT_OF_MEMORY, "not enough memory"),
        (OSError(28, "No space left on device"), Exit.FAILED, EndCause.NO_SPACE, "GB free"),
        (
            TrainingError("The model is odd", "Take another"),
            Exit.FAILED,
            EndCause.BROKE,
            "The model is odd. Take another.",
        ),
        (ValueError("wrong shape"), Exit.FAILED, EndCause.BROKE, "ValueError: wrong shape"),
    ],
)
def test_every_failure_becomes_one_sentence_and_its_exit_code(
    new: Callable[[], Run], error: Exception, code: int, cause: EndCause, words: str
) -> None:
    from aeon_plugin_ft.training.worker.run import Attempt

    run = new()
    attempt = Attempt(run, RunConfig.read(run.folder))
    outcome, exit_code = attempt.failure(error)
    assert exit_code == code and outcome.state is RunState.FAILED and words in outcome.reason
    assert outcome.cause == cause.value
    attempt.progress.close()
    attempt.store.close()
