"""One loop at a time in the background, the minute job, and what is counted for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import AeonFtError, DatasetError, LeaseHeldError
from aeon_plugin_ft.schedule import Background, TrainingScheduler
from aeon_plugin_ft.schedule.background import OnProgress
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.settings import ScheduleSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Progress

PROGRESS = Progress(step=1, steps=2, loss=3.0, examples_per_second=1.0, saving=5.0, seconds=1.0, seconds_left=1.0)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_loop_runs_reports_and_ends() -> None:
    ended: list[AeonFtError | None] = []
    resumed: list[str | None] = []

    def learn(resume: str | None, on_progress: OnProgress) -> None:
        resumed.append(resume)
        on_progress(PROGRESS)

    background = Background(learn, ended.append)
    background.start("run-7")
    assert background.join(60)
    assert (resumed, ended, background.progress, background.error) == (["run-7"], [None], PROGRESS, None)


def test_a_second_loop_is_refused_and_a_pause_is_seen() -> None:
    go = threading.Event()

    def learn(resume: str | None, on_progress: OnProgress) -> None:
        while background.interrupt() is None:
            assert not go.wait(0.01)

    background = Background(learn)
    background.start()
    with pytest.raises(LeaseHeldError):
        background.start()
    assert background.interrupt() is None
    background.pause(PauseCause.OWNER_BACK)
    assert background.join(60)
    background.pause(PauseCause.OWNER_BACK)
    background.start()
    assert background.interrupt() is None
    background.pause(PauseCause.OWNER_PAUSED)
    assert background.join(60)


def test_what_is_no_reason_elsewhere_keeps_nobody_from_being_heard() -> None:
    end = threading.Event()
    background = Background(lambda resume, on_progress: end.wait(60))
    background.start()
    background.pause(PauseCause.OWNER_BACK)
    background.pause(PauseCause.NO_MAINS)
    assert background.interrupt() is PauseCause.OWNER_BACK
    # A training elsewhere goes on all the same; its owner's word must reach it.
    background.pause(PauseCause.OWNER_PAUSED)
    background.pause(PauseCause.OWNER_BACK)
    background.pause(PauseCause.HOST_CLOSING)
    assert background.interrupt() is PauseCause.OWNER_PAUSED
    end.set()
    assert background.join(60)


@pytest.mark.parametrize("error", [DatasetError("nothing to learn from"), ZeroDivisionError("a bug")])
def test_a_loop_that_fails_is_remembered_and_harms_nobody(error: Exception) -> None:
    def learn(resume: str | None, on_progress: OnProgress) -> None:
        raise error

    background = Background(learn)
    background.start()
    assert background.join(60)
    assert background.error is not None and str(error) in str(background.error)


def test_the_jobs_look_again_and_again_until_they_are_stopped() -> None:
    minutes, seconds = [0], [0]

    def look() -> None:
        minutes[0] += 1
        raise DatasetError("a look that fails does not end the job")

    def quick() -> None:
        seconds[0] += 1

    logging.getLogger("apscheduler.executors.aeon_ft").disabled = True
    scheduler = TrainingScheduler(look, quick, 0.05, 0.03)
    scheduler.start()
    scheduler.start()
    until(lambda: minutes[0] >= 2 and seconds[0] >= 2)
    scheduler.stop()
    scheduler.stop()
    logging.getLogger("apscheduler.executors.aeon_ft").disabled = False


def add_turn(
    store: Store, id: str, at: float, provider: str = "groq", version: str = "base", kind: str = "chat"
) -> None:
    store.execute(
        "INSERT INTO turns (id, at, session, kind, caller, provider, model, version, seconds, reply_chars, file,"
        ' "offset", length) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 1, ?, 0, 0)',
        id, at, "s", kind, "chat", provider, "m", version, "f",
    )  # fmt: skip


def test_only_turns_that_teach_something_are_counted(data: DataFolder, store: Store) -> None:
    observer = ScheduleObserver(data, store, ScheduleSection)
    add_turn(store, "cloud", 10)
    add_turn(store, "canned", 11, kind="canned")
    add_turn(store, "own base", 12, provider="embedded")
    add_turn(store, "own version", 13, provider="ollama", version="v0001")
    add_turn(store, "praised", 14, provider="embedded", version="v0001")
    store.execute("INSERT INTO feedback (turn, kind, at, source) VALUES ('praised', 'praise', 0, 'command')")
    assert observer.new_turns() == 2


def test_the_count_begins_with_the_last_training(data: DataFolder, store: Store) -> None:
    observer = ScheduleObserver(data, store, ScheduleSection)
    assert observer.last_run() is None
    add_turn(store, "old", 10)
    store.execute(
        "INSERT INTO runs (id, created, dataset, base, state, updated) VALUES ('r', 20, 'd', 'b', 'finished', 20)"
    )
    add_turn(store, "new", 30)
    assert (observer.new_turns(), observer.turns_needed()) == (1, 1000)
    assert observer.cooled_down_at() == 20 + 20 * 3600


class Listening:
    """A host that trains nothing, and whose owner was quiet for 42 s."""

    busy = ordered = False

    def silence(self) -> float:
        return 42.0


def test_the_assistants_silence_counts_as_absence(data: DataFolder, store: Store) -> None:
    observer = ScheduleObserver(data, store, ScheduleSection, Listening())
    assert observer.idle() <= 42.0
    assert {condition.name for condition in observer.decide().missing} >= {"owner away", "new conversations"}


def test_a_training_of_another_process_holds_it_back(data: DataFolder, store: Store) -> None:
    store.acquire_lease("training", "somebody", 60)
    missing = {condition.name for condition in ScheduleObserver(data, store, ScheduleSection).decide().missing}
    assert "nothing under way" in missing
