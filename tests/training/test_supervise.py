"""Children that yield, and runs that ran out of memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import aeon_plugin_ft
from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import InstallError, PreemptedError, TrainingError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training import supervise
from aeon_plugin_ft.training.memory import chosen_micro_tokens
from aeon_plugin_ft.training.model import Exit, Recipe, Run, RunOutcome, RunState
from aeon_plugin_ft.training.progress import write_outcome
from aeon_plugin_ft.training.runs import WORKER_FILE, create_run, learnt_before, note_worker, record_end, worker_alive
from aeon_plugin_ft.training.supervise import search_path, start_worker, wait_for
from aeon_plugin_ft.training.table import get_run, set_state


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)


def test_a_child_that_ends_gives_its_code() -> None:
    assert wait_for(child("raise SystemExit(7)"), lambda: None, "measuring") == 7


@pytest.mark.parametrize(
    "code", ["import sys; sys.stdin.read()", pytest.param("import time; time.sleep(60)", marks=pytest.mark.slow)]
)
def test_a_child_is_gone_within_five_seconds_whether_it_listens_or_not(code: str) -> None:
    process, began = child(code), time.monotonic()
    with pytest.raises(PreemptedError, match="the owner is back"):
        wait_for(process, lambda: PauseCause.OWNER_BACK, "measuring")
    assert process.poll() is not None and time.monotonic() - began < 5


def test_a_child_finds_this_package_and_the_standard_library_whose_names_it_has_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host may have put the plugin on sys.path by itself, and the package has a module http of its own."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    code = "import aeon_plugin_ft, urllib.request; print(aeon_plugin_ft.__file__)"
    environment = {**os.environ, "PYTHONPATH": search_path()}
    isolated = [sys.executable, "-S", "-c", code]  # without site-packages, where an editable install would help
    child = subprocess.run(isolated, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(child.stdout.strip()) == Path(aeon_plugin_ft.__file__)


def test_a_child_that_does_nothing_any_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "HUNG_SECONDS", 1.0)
    process = child("import time; time.sleep(600)")
    with pytest.raises(TrainingError, match="did nothing"):
        wait_for(process, lambda: None, "measuring")
    assert process.poll() is not None


def test_a_child_that_takes_too_long_is_ended() -> None:
    process = child("import time; time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        wait_for(process, lambda: None, "measuring", 0.5)
    assert process.poll() is not None


def test_out_of_memory_goes_on_with_less_at_once_until_there_is_no_less(
    data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe]
) -> None:
    run = create_run(data, store, tiny_base, tiny_dataset, tiny_recipe(micro_tokens=512))
    for left in (256, 128):
        assert record_end(store, run, -9, out_of_memory=True) is RunState.INTERRUPTED
        row = get_run(store, run.id)
        assert row is not None and "not enough memory" in row.reason
        assert chosen_micro_tokens(run.folder) == left
    write_outcome(run.outcome_file, RunOutcome(RunState.FAILED, 0, 6, 1.0, 0, "there was not enough memory"))
    assert record_end(store, run, Exit.OUT_OF_MEMORY, out_of_memory=True) is RunState.FAILED


def test_what_was_learnt_is_known_again_unless_the_recipe_is_another(
    data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe]
) -> None:
    run = create_run(data, store, tiny_base, tiny_dataset, tiny_recipe())
    assert learnt_before(store, data, tiny_dataset, tiny_base, tiny_recipe()) is None
    set_state(store, run.id, RunState.FINISHED)
    assert learnt_before(store, data, tiny_dataset, tiny_base, tiny_recipe(steps=9)) == run.id
    assert learnt_before(store, data, tiny_dataset, tiny_base, tiny_recipe(rank=8)) is None


def test_two_workers_never_train_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aeon_plugin_ft.training.worker import run as worker
    from aeon_plugin_ft.turns.files import FileLock

    run = tmp_path / "run"
    run.mkdir()
    monkeypatch.setattr(worker, "ALONE_SECONDS", 0.05)
    first = FileLock(run / worker.LOCK_FILE)
    assert first.acquire(0)
    assert worker.main([str(run)]) == Exit.FAILED
    assert [path.name for path in run.iterdir()] == [worker.LOCK_FILE]
    first.close()
    with pytest.raises(TrainingError, match="cannot be read"):  # it is let in, and finds no run here
        worker.main([str(run)])


def test_the_workers_own_word_on_its_process_counts(tmp_path: Path) -> None:
    """The Python of a Windows virtual environment starts another one, and the parent knows the first only."""
    run = Run("r", tmp_path)
    launcher, worker = child("input()"), child("input()")
    try:
        note_worker(tmp_path, launcher.pid, first=True)
        assert worker_alive(run)
        note_worker(tmp_path, worker.pid)
        note_worker(tmp_path, launcher.pid, first=True)
        assert json.loads((tmp_path / WORKER_FILE).read_text())["pid"] == worker.pid
        worker.communicate(b"\n")
        assert not worker_alive(run)
    finally:
        for process in (launcher, worker):
            process.kill()
            process.communicate()


def test_without_a_python_to_train_with_nothing_is_left_under_way(
    data: DataFolder,
    store: Store,
    tiny_base: BaseModel,
    tiny_dataset: Dataset,
    tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Aeon.exe"))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    run = create_run(data, store, tiny_base, tiny_dataset, tiny_recipe())
    with pytest.raises(InstallError, match=r"Aeon\.exe is a program without a Python"):
        start_worker(run, store)
    row = get_run(store, run.id)
    assert store.lease_holder("training") is None and row is not None and row.state is RunState.PENDING
