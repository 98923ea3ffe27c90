"""The schedule's one decision, and the controller that acts on it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from aeon_plugin_ft.causes import EndCause, HoldCause, PauseCause, Trouble
from aeon_plugin_ft.errors import (
    AeonFtError,
    AlreadyLearntError,
    DatasetError,
    RefusedError,
    RunStoppedError,
    TrainingError,
)
from aeon_plugin_ft.schedule import Act, Decisions, FailurePolicy, Observed, TrainingController, next_step
from aeon_plugin_ft.schedule.observer import ScheduleObserver
from aeon_plugin_ft.settings import ScheduleSection, Settings, TrainSection
from aeon_plugin_ft.store import DataFolder, Store

NIGHT = Observed(datetime(2026, 11, 22, 3, 0), 1000, True, 1e6, 1e5, True, 0.0, 10**12, 10**11)
TRAINING = replace(NIGHT, running=True, ours=True)
QUIET = ScheduleSection(quiet_hours="01:00-06:00")


@pytest.mark.parametrize(
    ("seen", "act"),
    [
        (NIGHT, Act.START),
        (replace(NIGHT, idle=31.0), Act.WAIT),
        (replace(NIGHT, unfinished="r", new_turns=0, since_last_run=60.0), Act.RESUME),
        (replace(NIGHT, unfinished="r", idle=10.0), Act.WAIT),
        (replace(NIGHT, unfinished="r", held="it failed", hold=HoldCause.FAILED), Act.WAIT),
        (replace(NIGHT, running=True), Act.WAIT),
        (TRAINING, Act.TRAIN),
        (replace(TRAINING, ordered=True, idle=0.0), Act.TRAIN),
    ],
)
def test_what_to_do(seen: Observed, act: Act) -> None:
    assert next_step(ScheduleSection(), seen).act is act


@pytest.mark.parametrize(
    ("settings", "change", "cause"),
    [
        (ScheduleSection(), {"idle": 1.0}, PauseCause.OWNER_BACK),
        (QUIET, {"idle": 1.0}, PauseCause.OWNER_BACK),
        (ScheduleSection(), {"on_mains": False}, PauseCause.NO_MAINS),
        (ScheduleSection(), {"busy_share": 0.9}, PauseCause.MACHINE_BUSY),
        (ScheduleSection(), {"free_memory": 10**8}, PauseCause.LOW_MEMORY),
        (ScheduleSection(enabled=False), {}, PauseCause.SWITCHED_OFF),
    ],
)
def test_each_reason_alone_pauses_a_training(
    settings: ScheduleSection, change: dict[str, Any], cause: PauseCause
) -> None:
    step = next_step(settings, replace(TRAINING, **change))
    assert (step.act, step.cause) == (Act.PAUSE, cause)


class Desk:
    """A machine, an owner and a trainer that only remembers."""

    def __init__(self) -> None:
        self.idle_seconds, self.share, self.memory = 1e5, 0.0, 10**11
        self.busy = self.ordered = False
        self.asked: list[str] = []

    def silence(self) -> float:
        return math.inf

    def idle(self) -> float | None:
        return self.idle_seconds

    def on_mains(self) -> bool:
        return True

    def busy_share(self) -> float:
        return self.share

    def free_memory(self) -> int:
        return self.memory

    def start(self, resume: str | None = None) -> None:
        self.busy = True
        self.asked.append(f"start {resume}")

    def pause(self, cause: PauseCause) -> None:
        self.asked.append(f"pause {cause}")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def controller(data: DataFolder, store: Store, desk: Desk) -> TrainingController:
    observer = ScheduleObserver(
        data, store, lambda: ScheduleSection(first_turns=1), training=desk, machine=desk,
    )  # fmt: skip
    return TrainingController(observer, desk, Decisions(store))


def test_other_programs_must_be_busy_for_some_looks(controller: TrainingController, desk: Desk) -> None:
    desk.busy, desk.share = True, 0.9
    controller.step()
    controller.step()
    desk.share = 0.0
    controller.step()
    desk.share = 0.9
    controller.step()
    controller.step()
    assert not desk.asked
    controller.step()
    assert desk.asked == [f"pause {PauseCause.MACHINE_BUSY}"]


def test_an_ordered_training_yields_once_the_owner_has_gone_and_come_back(
    controller: TrainingController, desk: Desk
) -> None:
    desk.busy = desk.ordered = True
    desk.idle_seconds = 0.0
    controller.look_while_training()
    controller.owner_is_here()
    assert not desk.asked
    desk.idle_seconds = 700.0
    controller.look_while_training()
    desk.idle_seconds = 1.0
    controller.look_while_training()
    assert desk.asked == [f"pause {PauseCause.OWNER_BACK}"]


def test_a_word_to_the_assistant_pauses_at_once(controller: TrainingController, desk: Desk) -> None:
    controller.owner_is_here()
    controller.look_while_training()
    assert not desk.asked and controller.last is None
    desk.busy = True
    controller.owner_is_here()
    assert desk.asked == [f"pause {PauseCause.OWNER_BACK}"]


def add_run(
    store: Store, data: DataFolder, id: str, state: str, cause: PauseCause | None = None, created: float = 5.0
) -> None:
    (data.runs / id).mkdir(parents=True)
    (data.datasets / f"d-{id}").mkdir(parents=True)
    store.execute(
        "INSERT INTO runs (id, created, dataset, base, state, cause, updated) VALUES (?, ?, ?, 'b', ?, ?, 0)",
        id, created, f"d-{id}", state, cause and cause.value,
    )  # fmt: skip


def state(store: Store, id: str) -> tuple[str, str]:
    row = store.row("SELECT state, cause FROM runs WHERE id = ?", id)
    assert row is not None
    return row["state"], row["cause"]


@pytest.mark.parametrize("how", ["paused", "interrupted", "pending", "failed"])
def test_what_was_left_goes_on(
    how: str, controller: TrainingController, desk: Desk, store: Store, data: DataFolder
) -> None:
    add_run(store, data, "r", how)
    controller.step()
    assert desk.asked == ["start r"]


def test_what_the_owner_paused_stays_paused(
    controller: TrainingController, desk: Desk, store: Store, data: DataFolder
) -> None:
    add_run(store, data, "r", "paused", PauseCause.OWNER_PAUSED)
    controller.step()
    assert not desk.asked and state(store, "r")[0] == "paused"


def test_a_finished_run_that_was_not_judged_is_judged(
    controller: TrainingController, desk: Desk, store: Store, data: DataFolder
) -> None:
    add_run(store, data, "r", "finished")
    controller.step()
    assert not desk.asked
    store.set_fact("unjudged", "r")
    controller.step()
    assert desk.asked == ["start r"]


def test_a_run_whose_data_was_forgotten_never_goes_on(
    controller: TrainingController, desk: Desk, store: Store, data: DataFolder
) -> None:
    add_run(store, data, "r", "paused")
    (data.datasets / "d-r").rmdir()
    controller.step()
    assert not desk.asked
    assert state(store, "r") == ("cancelled", EndCause.GONE)


def test_a_run_that_a_newer_one_has_overtaken_never_goes_on(
    controller: TrainingController, desk: Desk, store: Store, data: DataFolder
) -> None:
    add_run(store, data, "old", "paused")
    add_run(store, data, "new", "finished", created=1.0)
    controller.step()
    assert not desk.asked
    assert state(store, "old") == ("cancelled", EndCause.SUPERSEDED)


def test_a_run_whose_process_died_with_the_host_is_found_and_goes_on(
    controller: TrainingController, desk: Desk, store: Store, data: DataFolder
) -> None:
    add_run(store, data, "r", "running")
    store.acquire_lease("training", "r", 30)
    controller.step()
    assert desk.asked == ["start r"]


def test_decisions_are_kept_when_they_change_and_can_be_made_again(
    controller: TrainingController, desk: Desk, store: Store
) -> None:
    desk.idle_seconds = 10.0
    for _ in range(3):
        controller.step()
    desk.idle_seconds = 1e5
    controller.step()
    TrainingController(controller.observer, desk, Decisions(store)).step()
    found = Decisions(store).all()
    assert [one.missing for one in found] == [("new conversations", "owner away"), ("new conversations",)]
    assert found[0].until == found[1].at and found[1].until is None
    assert found[0].again(ScheduleSection(first_turns=1)).act is Act.WAIT
    lenient = replace(found[1], seen=replace(found[1].seen, new_turns=1))
    assert lenient.again(ScheduleSection(first_turns=1)).act is Act.START


# -- failures ----------------------------------------------------------------------------------


class Fate:
    def __init__(self, folder: Store) -> None:
        self.now, self.turns, self.settings = 1000.0, 500, Settings()
        self.told: list[AeonFtError] = []
        folder.clock = lambda: self.now
        self.failures = FailurePolicy(folder, lambda: self.settings, lambda: self.turns, self.told.append)

    def held(self) -> tuple[HoldCause, str] | None:
        hold = self.failures.hold()
        return None if hold is None else (hold.cause, hold.detail)

    def holds(self, cause: HoldCause, words: str) -> bool:
        hold = self.failures.hold()
        return hold is not None and hold.cause is cause and words in hold.detail


@pytest.fixture
def fate(store: Store) -> Fate:
    return Fate(store)


def test_after_a_failure_it_waits_longer_each_time_and_gives_up_after_three_with_one_word(fate: Fate) -> None:
    for wait in (600.0, 3600.0):
        fate.failures.note(TrainingError("it broke"))
        fate.now += wait - 1
        assert fate.holds(HoldCause.FAILED, "it broke")
        fate.now += 2
        assert fate.held() is None
    assert not fate.told and not fate.failures.given_up
    fate.failures.note(TrainingError("it broke"))
    fate.now += 1e9
    assert fate.holds(HoldCause.GIVEN_UP, "gave up") and fate.failures.given_up
    assert [error.what for error in fate.told] == ["it broke"]


@pytest.mark.parametrize("hope", ["settings", "turns", "order", "success"])
def test_giving_up_ends_when_something_changes(fate: Fate, hope: str) -> None:
    for _ in range(3):
        fate.failures.note(TrainingError("it broke"))
    fate.turns += 99
    assert fate.held()
    if hope == "settings":
        fate.settings = Settings(train=TrainSection(rank=8))
    elif hope == "turns":
        fate.turns += 1
    elif hope == "order":
        fate.failures.owner_ordered()
    else:
        fate.failures.note(None)
    assert fate.held() is None and not fate.failures.given_up


def test_a_lack_of_memory_that_was_given_up_is_looked_at_once_a_day_without_a_word(fate: Fate) -> None:
    refused = RefusedError(["1 GB of memory are free and 2 GB are needed"], lacks_memory=True)
    for wait in (600.0, 3600.0, 86400.0, 86400.0):
        fate.failures.note(refused)
        fate.now += wait - 1
        assert refused.what in str(fate.held())
        fate.now += 2
        assert fate.held() is None
    assert fate.told == [refused] and refused.trouble is Trouble.MEMORY
    fate.failures.note(TrainingError("it broke"))
    assert fate.holds(HoldCause.FAILED, "tried again in 10 minutes")


@pytest.mark.parametrize("error", [DatasetError("nothing to learn"), AlreadyLearntError("d", "r")])
def test_nothing_to_learn_holds_quietly_until_there_is_more(fate: Fate, error: AeonFtError) -> None:
    fate.failures.note(error)
    fate.now += 1e9
    assert fate.held() == (HoldCause.NOTHING_NEW, error.what)
    fate.turns += 100
    assert fate.held() is None and not fate.told


def test_a_pause_is_no_failure_and_a_death_is(fate: Fate) -> None:
    fate.failures.note(RunStoppedError("r", "paused", 3, PauseCause.OWNER_BACK))
    assert fate.held() is None
    fate.failures.note(RunStoppedError("r", "interrupted", 3, EndCause.DIED, "killed"))
    assert fate.holds(HoldCause.FAILED, "killed")
    fate.now = 10.0  # the clock was set back: it counts as time that has passed
    assert fate.held() is None


def test_the_owners_stop_holds_until_the_cool_down_or_an_order(fate: Fate) -> None:
    fate.failures.owner_stopped()
    assert fate.held() == (HoldCause.OWNER, "the owner stopped it")
    fate.failures.owner_ordered()
    assert fate.held() is None
    fate.failures.owner_stopped()
    fate.now += 20 * 3600 + 1
    assert fate.held() is None
