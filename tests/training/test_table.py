"""Table `runs`: the states of a run, and what may follow what."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import (
    ENDED,
    FROM,
    LEFT,
    RunRow,
    add_run,
    begin_attempt,
    finished_runs,
    get_run,
    latest_run,
    newest_run,
    runs_in,
    runs_on,
    set_state,
    unfinished_run,
)


def row(store: Store, id: str = "r") -> RunRow:
    found = get_run(store, id)
    assert found is not None
    return found


@pytest.mark.parametrize("before", RunState)
@pytest.mark.parametrize("after", RunState)
def test_a_run_changes_its_state_only_as_the_table_says(store: Store, before: RunState, after: RunState) -> None:
    add_run(store, "r", "d", "b", None, 10, 0)
    store.execute("UPDATE runs SET state = ?, step = 3, reason = 'as it was' WHERE id = 'r'", before.value)
    allowed = before is after or before in FROM[after]
    assert set_state(store, "r", after, step=7, cause=EndCause.BROKE) is allowed
    found = row(store)
    assert (found.state, found.step) == ((after, 7) if allowed else (before, 3))
    assert found.reason == ("it broke" if allowed else "as it was")


def test_what_ended_well_or_was_cancelled_stays_so() -> None:
    assert not any({RunState.FINISHED, RunState.CANCELLED} & before for before in FROM.values())
    assert set(FROM) == set(RunState)


def test_a_run_that_is_not_there_has_no_state(store: Store) -> None:
    assert set_state(store, "nobody", RunState.RUNNING) is False


def test_a_cause_is_kept_with_its_words_and_goes_when_the_run_goes_on(store: Store) -> None:
    add_run(store, "r", "d", "b", None, 10, 5)
    set_state(store, "r", RunState.PAUSED, step=4, cause=PauseCause.OWNER_BACK)
    assert (row(store).cause, row(store).reason) == (PauseCause.OWNER_BACK, "the owner is back")
    assert row(store).plain()["cause"] == "owner_back"
    begin_attempt(store, "r")
    assert (row(store).cause, row(store).reason, row(store).attempts, row(store).step) == (None, "", 1, 4)


def test_runs_are_found_by_what_became_of_them(store: Store) -> None:
    for id, state in (("a", RunState.FINISHED), ("b", RunState.PAUSED), ("c", RunState.RUNNING)):
        add_run(store, id, f"d-{id}", "base", None, 10, 0)
        set_state(store, id, RunState.RUNNING)
        set_state(store, id, state)
    add_run(store, "d", "d-d", "base", None, 10, 0)
    set_state(store, "d", RunState.CANCELLED)
    newest, latest, left = newest_run(store), latest_run(store), unfinished_run(store)
    assert (newest and newest.id, latest and latest.id, left and left.id) == ("d", "c", "b")
    assert [run.id for run in runs_in(store, ENDED)] == ["d", "a"]
    assert [run.id for run in runs_on(store, {"d-a", "d-c"})] == ["a", "c"]
    assert finished_runs(store, "d-a", "base") == ["a"] and finished_runs(store, "d-b", "base") == []
    assert all(state in RunState for state in LEFT)
