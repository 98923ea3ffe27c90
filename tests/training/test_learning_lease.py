"""One process learns at a time, from the first measurement to the promotion."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import LeaseHeldError
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training import lease
from aeon_plugin_ft.training.lease import learner, learning
from aeon_plugin_ft.training.model import Run

OTHER = """
import sys
from pathlib import Path
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.lease import learning
with learning(Store(Path(sys.argv[1]))):
    print("learning", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process(store: Store) -> Iterator[subprocess.Popen[str]]:
    """`aeon-ft train` beside the host, which is measuring."""
    command = [sys.executable, "-c", OTHER, str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "learning\n"
        yield other
        other.communicate("\n")


def test_nothing_begins_beside_another_process_that_measures(data: DataFolder, store: Store) -> None:
    pipeline = Pipeline(data, Settings, store, EventBus(), dict)
    with another_process(store) as other:
        steps = (
            lambda: pipeline.learn(),
            lambda: pipeline.plan(None),  # type: ignore[arg-type]
            lambda: pipeline.train(None),  # type: ignore[arg-type]
            lambda: pipeline.resume("r"),
            lambda: pipeline.go_on("r"),
            lambda: pipeline.settle(Run("r", Path())),
        )
        for step in steps:
            with pytest.raises(LeaseHeldError, match=str(other.pid)):
                step()
        assert str(learner(store)).startswith(f"{other.pid}-")
        observer = ScheduleObserver(data, store, lambda: Settings().schedule)
        assert observer.observe().running
    assert learner(store) is None and not observer.observe().running


def test_a_long_measurement_keeps_it_without_a_heartbeat(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with another_process(store):
        store.execute("UPDATE leases SET expires = 1 WHERE name = ?", lease.LEARNING)
        with pytest.raises(LeaseHeldError), learning(store):
            raise AssertionError


def test_one_that_was_killed_keeps_nobody_waiting(store: Store) -> None:
    with another_process(store) as other:
        other.kill()
        other.wait()
        with learning(store):
            assert learner(store) is not None
    assert learner(store) is None


def test_steps_of_one_process_stand_in_one_another(store: Store) -> None:
    with learning(store):
        with learning(store):
            pass
        assert learner(store) is not None
    assert learner(store) is None
