"""1,000 simulated days of a person's use: the real schedule and store, a simulated owner, machine and trainer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import list_runs
from tests.schedule.world import DAY, HOUR, World

DAYS, LIVES = 20, 50
"""Days of one life, and lives."""

hours = st.floats(0.2, 9)
act = st.one_of(
    st.tuples(st.just("talk"), st.floats(0.1, 180), st.integers(0, 40)),
    st.tuples(st.just("play"), st.floats(5, 180), st.integers(0, 3)),
    st.tuples(st.just("away"), hours),
    st.tuples(st.just("hibernate"), hours),
    st.tuples(st.just("unplug"), st.floats(0.2, 3)),
    st.tuples(st.just("crash"), st.booleans()),
    st.tuples(st.just("trainer dies")),
    st.tuples(st.just("clock"), st.sampled_from([-400 * DAY, -3 * DAY, -HOUR, HOUR, 40 * DAY])),
)
day = st.lists(act, min_size=1, max_size=6)
"""What happens in a day beside the night's sleep, in which nobody is there."""


def live(world: World, one: tuple[object, ...]) -> None:
    name, *values = one
    if name in {"talk", "play"}:
        minutes, turns = values
        assert isinstance(minutes, float) and isinstance(turns, int)
        world.owner_is_here(minutes, turns, game=name == "play")
    elif name == "crash":
        world.crash(power=bool(values[0]))
    elif name == "trainer dies":
        world.trainer.die()
    else:
        {"away": lambda s: world.wait(s * HOUR), "hibernate": world.hibernate, "unplug": world.unplug,
         "clock": world.set_clock}[str(name)](float(str(values[0])))  # fmt: skip


@settings(
    max_examples=LIVES, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.lists(day, min_size=DAYS, max_size=DAYS))
@pytest.mark.slow
def test_a_life_with_the_assistant(days: list[list[tuple[object, ...]]]) -> None:
    world = World(Path(tempfile.mkdtemp()) / "data")
    try:
        for acts in days:
            for one in acts:
                live(world, one)
            world.wait(7 * HOUR)
    finally:
        world.close()


def test_in_a_life_without_trouble_every_run_ends(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    for _ in range(12):
        world.owner_is_here(60, 35, game=False)
        world.wait(HOUR)
        world.owner_is_here(30, 5, game=True)
        world.wait(21 * HOUR)
    states = [row.state for row in list_runs(world.store)]
    world.close()
    assert states.count(RunState.FINISHED) >= 10, states
