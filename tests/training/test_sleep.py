"""The machine goes to sleep in the middle of a training, for hours, and wakes up again.

SIGSTOP and SIGCONT stand in for the sleep of a worker, and a lease that is put back in time for the clock that went on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import LeaseHeldError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training import lease
from aeon_plugin_ft.training.engine import trainer
from aeon_plugin_ft.training.lease import take_lease
from aeon_plugin_ft.training.model import Progress, Recipe, Run, RunState
from aeon_plugin_ft.training.runs import LEASE, create_run
from aeon_plugin_ft.training.supervise import Worker, start_worker

HOURS = 6 * 3600.0
ENDLESS = 100_000
"""Optimizer steps: a run of a few would end, and give back its right, before it is the other one's turn to ask."""
PATIENCE = 600.0


@pytest.fixture
def new(
    data: DataFolder, store: Store, tiny_base: BaseModel, tiny_dataset: Dataset, tiny_recipe: Callable[..., Recipe]
) -> Callable[..., Run]:
    return lambda **values: create_run(data, store, tiny_base, tiny_dataset, tiny_recipe(**values))


def lapse(store: Store) -> None:
    """What the clock on the wall says after hours of sleep."""
    store.execute("UPDATE leases SET expires = expires - ?", HOURS)


def test_who_comes_just_after_a_sleep_waits_for_the_worker_that_wakes_up(
    new: Callable[..., Run], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = new(), new()
    monkeypatch.setattr(lease, "worker_alive", lambda asked: asked.id == run.id)
    take_lease(store, run.id)
    lapse(store)
    assert store.lapsed_lease(LEASE) == run.id
    waking = threading.Timer(0.5, store.acquire_lease, (LEASE, run.id, 30.0))
    waking.start()
    with pytest.raises(LeaseHeldError):
        take_lease(store, other.id)
    waking.join()
    assert store.lease_holder(LEASE) == run.id


@pytest.mark.parametrize("lives", [True, False], ids=["hangs", "is gone"])
def test_a_worker_that_does_not_wake_up_has_lost_it(
    lives: bool, new: Callable[..., Run], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "worker_alive", lambda _: lives)
    monkeypatch.setattr(lease, "AFTER_SLEEP_SECONDS", 0.5 if lives else 600.0)
    run, other = new(), new()
    take_lease(store, run.id)
    lapse(store)
    take_lease(store, other.id)
    assert store.lease_holder(LEASE) == other.id and store.lapsed_lease(LEASE) is None


def until_step(worker: Worker, step: int) -> None:
    while (progress := worker.poll()) is None or progress.step < step:
        assert worker.alive, (worker.run.folder / "worker.log").read_text()
        time.sleep(0.02)


@pytest.fixture
def asleep(new: Callable[..., Run], store: Store) -> Iterator[Worker]:
    """A worker in the middle of a training that was stopped there."""
    worker = start_worker(new(steps=ENDLESS, epochs=float(ENDLESS)), store)
    until_step(worker, 3)
    os.kill(worker.process.pid, signal.SIGSTOP)
    yield worker
    if worker.alive:
        worker.kill()


@pytest.mark.slow(seconds=20)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_run_goes_on_after_a_sleep_and_no_other_takes_its_place(
    asleep: Worker, new: Callable[..., Run], store: Store
) -> None:
    lapse(store)
    other, refused = new(), list[str]()

    def come_first() -> None:
        mine = Store(store.path)
        try:
            start_worker(other, mine).kill()
        except LeaseHeldError as error:
            refused.append(str(error))
        finally:
            mine.close()

    first = threading.Thread(target=come_first)
    first.start()
    # It looks at the lease before the worker is awake; a machine that wakes up has no order either.
    time.sleep(1)
    assert not refused
    os.kill(asleep.process.pid, signal.SIGCONT)
    first.join()
    assert refused, "the other one trains in its place"
    progress = asleep.poll()
    assert progress is not None and store.lease_holder(LEASE) == asleep.run.id
    until_step(asleep, progress.step + 3)
    asleep.pause(PauseCause.OWNER_PAUSED)
    assert asleep.wait(PATIENCE) is RunState.PAUSED, (asleep.run.folder / "worker.log").read_text()
    assert store.lease_holder(LEASE) is None


def test_estimates_do_not_count_the_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps of two seconds, with hours of sleep in each: a clock that goes on would say that days are left."""
    awake = [0.0]
    monkeypatch.setattr(trainer, "awake_seconds", lambda: awake[0])
    monkeypatch.setattr(time, "monotonic", lambda: awake[0] * HOURS)
    told: list[Progress] = []
    reporter = trainer.Reporter(
        cast(Any, SimpleNamespace(last_loss=1.0, saving=1.0, validation_loss=None, engine=None)), told.append
    )
    arguments = SimpleNamespace(per_device_train_batch_size=8)
    for step in (1, 2, 3):
        reporter.on_step_begin(arguments, None, None)
        awake[0] += 2.0
        reporter.on_log(arguments, SimpleNamespace(global_step=step, max_steps=10), None, {"loss": 1.0})
    assert (told[-1].seconds, told[-1].seconds_left, told[-1].examples_per_second) == (6.0, 14.0, 4.0)
