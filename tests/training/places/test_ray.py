"""A run on a real Ray cluster of two nodes: to its end, through the death of its node, paused and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import LostError, TrainingError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, RunState
from aeon_plugin_ft.training.places.ray import RayDoor
from aeon_plugin_ft.training.places.where import Way, Where
from tests.training.places.bench import Bench, bench, hold, let_go, slow_down, steps_in, weights
from tests.training.places.cluster import Cluster, cluster
from tests.training.tiny import tiny_base, tiny_copy, tiny_dataset, tiny_recipe

__all__ = ["bench", "cluster", "tiny_base", "tiny_copy", "tiny_dataset", "tiny_recipe"]


def test_a_cluster_that_does_not_answer_is_lost_and_not_refused() -> None:
    with pytest.raises(LostError, match="cannot be reached"):
        RayDoor(Where(Way.RAY, "127.0.0.1", 9)).call("look", {"run": "r1"})


@pytest.mark.parametrize(
    ("kind", "error"),
    [("JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE", LostError), ("JOB_SUPERVISOR_ACTOR_DIED", LostError),
     ("JOB_ENTRYPOINT_COMMAND_ERROR", TrainingError), (None, TrainingError)],
)  # fmt: skip
def test_a_cluster_that_has_no_room_for_a_job_is_asked_again(kind: str | None, error: type[TrainingError]) -> None:
    """A busy one cannot start a process for it; that is no fault of the run's, which would end for good."""

    def answer(request: httpx.Request) -> httpx.Response:
        job = {"status": "FAILED", "error_type": kind, "message": "Could not create the actor"}
        return httpx.Response(200, json={**job, "logs": ""})

    door = RayDoor(Where(Way.RAY, "cluster", 8265))
    door.http = httpx.Client(base_url="http://cluster:8265", transport=httpx.MockTransport(answer))
    with pytest.raises(TrainingError) as told:
        door.call("missing", {"digests": []})
    assert type(told.value) is error


@pytest.mark.slow(seconds=240)
@pytest.mark.timeout(1800)
def test_its_node_dies_and_another_one_ends_in_the_same_weights_and_it_pauses_and_resumes(
    bench: Bench, cluster: Cluster, tiny_recipe: Callable[..., Recipe]
) -> None:
    recipe = tiny_recipe(steps=240, checkpoint_steps=4, epochs=40.0)
    expected = bench.trained_here(recipe)
    run = bench.new(recipe)
    worker = bench.start(run, cluster.setting)
    # What the head has of it, where the checkpoints of the node that trains are copied.
    head = cluster.run_folders / run.id / "runs" / run.id
    bench.until(worker, lambda: steps_in(head) >= 4)
    cluster.kill_worker("worker")
    at = steps_in(head)
    # Only the head is left: the run goes on there, from what had been copied.
    bench.until(worker, lambda: steps_in(head) > at + 8)
    hold(run)
    worker.pause(PauseCause.OWNER_PAUSED)
    assert worker.wait(30) is RunState.PAUSED
    bench.wait(lambda: (cluster.run_folders / run.id / "ended.json").is_file())
    bench.finish(bench.again(run, cluster.setting))
    assert weights(run) == expected
    assert not list(cluster.run_folders.glob("*"))


@pytest.mark.slow(seconds=240)
@pytest.mark.timeout(1800)
def test_two_owners_share_its_one_card_and_both_end_in_the_same_weights(
    bench: Bench, cluster: Cluster, tiny_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    long, short = tiny_recipe(steps=240, checkpoint_steps=4, epochs=40.0), tiny_recipe(steps=12)
    expected = [bench.trained_here(long), bench.trained_here(short)]
    first = bench.new(long)
    patient = bench.start(first, cluster.setting)
    head = cluster.run_folders / first.id / "runs" / first.id
    bench.until(patient, lambda: steps_in(head) >= 4)
    hold(first)
    # Another owner, with a data folder of their own, who needs the card for a moment only.
    data = DataFolder(tmp_path / "other").create()
    other = Bench(data, Store(data.database), bench.base, bench.dataset)
    second = other.new(short)
    hasty = other.start(second, cluster.setting)
    # However fast the machine is, the first one is not done within its slice.
    while hasty.alive:
        slow_down(first)
    other.finish(hasty)
    let_go(first)
    assert weights(second) == expected[1]
    assert patient.alive and steps_in(head) < long.steps, "the one who came first was not asked to make room"
    bench.finish(patient)
    assert weights(first) == expected[0]
    log = (other.data.runs / second.id / "worker.log").read_text(encoding="utf-8")
    assert first.id not in log
    assert not list(cluster.run_folders.glob("*"))
    other.store.close()
