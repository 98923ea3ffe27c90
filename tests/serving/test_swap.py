"""The swap as a state machine, on a backend of files: every end of it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.errors import OvertakenError, RegistryError, ServingError, StoreError
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.registry import Version
from aeon_plugin_ft.serving.journal import SwapRecord, SwapStep
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.settings import ServeSection
from tests.serving.fakes import BASE_MODEL
from tests.serving.world import HAPPY, World

GOOD = Verdict(True, (), {})


def test_a_swap_goes_through_every_step_and_ends_on_the_new_route(world: World) -> None:
    world.swap(1)
    world.swap(2)
    assert world.serving == "v0002"
    assert world.registry.current() == "v0002"
    assert world.backend.models == {"v0002"}
    assert world.names == ["model_swapped", "model_swapped"]
    assert world.events[1].data() == {
        "version": "v0002",
        "previous": "v0001",
        "backend": "plugin.fake",
        "place": "first",
    }
    last = list(world.swapper.journal.swaps().values())[-1]
    assert [entry.step for entry in last] == HAPPY
    rows = {row["version"]: (row["state"], row["digest"]) for row in world.store.rows("SELECT * FROM deployments")}
    assert rows == {"v0001": ("retired", "sha256:v0001"), "v0002": ("serving", "sha256:v0002")}
    assert "secret" not in world.swapper.journal.path.read_text()


@pytest.mark.parametrize("method", ["deploy", "check"])
def test_a_failure_leaves_the_old_model_answering(method: str, world: World) -> None:
    world.swap(1)
    before = world.routes.current
    world.backend.failures[method] = ServingError("the adapter does not load")
    with pytest.raises(ServingError, match="does not load"):
        world.swap(2)
    assert world.routes.current is before
    assert world.registry.current() == "v0001"
    assert world.backend.models == {"v0001"}
    assert world.names[-1] == "swap_failed"
    assert [entry.step for entry in world.swapper.journal.entries()][-2:] == [SwapStep.FAILED, SwapStep.UNDONE]
    world.swap(2)
    assert world.serving == "v0002"


def test_a_version_whose_files_were_changed_never_answers(world: World) -> None:
    """Also one that was served before, and after a start: each deployment reads its files."""
    adapter = world.data.root / "adapter"
    (adapter / "adapter_model.safetensors").write_bytes(b"judged")
    made = world.registry.create(
        run="judged", adapter=adapter, dataset="d", base="tiny", base_digest=BASE_MODEL.digest, verdict=GOOD
    )
    world.swap(1)
    world.swapper.swap(made, BASE_MODEL)
    (made.adapter / "adapter_model.safetensors").write_bytes(b"exchanged")
    world.swap(1)
    with pytest.raises(RegistryError, match=f"{made.name} is not what was judged"):
        world.swapper.swap(made, BASE_MODEL)
    assert world.serving == "v0001" == world.registry.current()
    assert world.backend.models == {"v0001"}


def test_a_version_promoted_before_the_swap_is_taken_back_when_it_cannot_be_served(world: World) -> None:
    world.swap(1)
    world.registry.promote("v0002", PromotionCause.BETTER)
    world.backend.failures["deploy"] = ServingError("no memory")
    with pytest.raises(ServingError):
        world.swap(2)
    assert world.registry.current() == "v0001" == world.serving


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("chosen", [None, "v0002"])
def test_what_is_chosen_during_a_swap_stays_chosen(
    chosen: str | None, fails: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner, the gate and the watch may all speak while a model is being loaded; the last word counts."""
    world.swap(1)
    if chosen is not None:
        world.registry.promote(chosen, PromotionCause.BETTER)
    deploy = world.backend.deploy

    def deploy_meanwhile(version: Version | None, base: BaseModel, *more: Any) -> Deployment:
        deployment = deploy(version, base, *more)
        world.registry.promote("v0003", PromotionCause.OWNER)
        if fails:
            raise ServingError("no memory")
        return deployment

    monkeypatch.setattr(world.backend, "deploy", deploy_meanwhile)
    with pytest.raises(ServingError if fails else OvertakenError):
        world.swapper.swap(world.version(2), BASE_MODEL, chosen=chosen)
    assert world.registry.current() == "v0003"
    assert world.serving == "v0001" and world.backend.models == {"v0001"}
    assert ("swap_failed" in world.names) is fails
    monkeypatch.undo()
    world.swap(3)
    assert world.serving == "v0003" and world.backend.models == {"v0003"}


def test_what_was_chosen_before_a_late_swap_began_stays_chosen(world: World) -> None:
    world.swap(1)
    world.registry.promote("v0003", PromotionCause.OWNER)
    with pytest.raises(OvertakenError):
        world.swapper.swap(world.version(1), BASE_MODEL, chosen="v0001")
    with pytest.raises(OvertakenError):
        world.swapper.release(chosen="base")
    assert world.registry.current() == "v0003"
    assert world.serving == "v0001"


def test_a_rejected_version_is_never_swapped_in(world: World) -> None:
    world.swap(1)
    with pytest.raises(RegistryError, match="rejected"):
        world.swap(4)
    assert world.serving == "v0001"
    assert world.backend.models == {"v0001"}


def test_a_full_disk_stops_a_swap_and_not_the_old_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.swap(1)

    def full(entry: SwapRecord) -> None:
        raise StoreError("The journal cannot be written (No space left on device)")

    monkeypatch.setattr(world.swapper.journal, "write", full)
    with pytest.raises(StoreError, match="No space"):
        world.swap(2)
    assert world.serving == "v0001"
    assert world.backend.models == {"v0001"}


def test_an_old_model_that_will_not_leave_does_not_fail_the_swap(world: World) -> None:
    world.swap(1)
    world.backend.failures["retire"] = ServingError("busy")
    world.swap(2)
    assert world.serving == "v0002"
    entries = list(world.swapper.journal.entries())
    assert entries[-1].step is SwapStep.DONE
    assert "busy" in entries[-2].reason


def test_the_old_model_stays_until_its_last_call_has_ended(world: World) -> None:
    world.swap(1)
    old = world.routes.acquire("a long answer")
    assert old is not None
    world.routes.flip(replace(old, timeout_s=30))
    world.swapper.serving = replace(world.swapper.serving, route=world.routes.current)  # type: ignore[type-var]
    world.routes.release("a long answer")
    world.routes.acquire("a longer answer")
    seen: list[set[str]] = []

    def end() -> None:
        while world.serving != "v0002":
            time.sleep(0.005)
        time.sleep(0.2)
        seen.append(world.backend.models)
        world.routes.release("a longer answer")

    answering = threading.Thread(target=end)
    answering.start()
    world.swap(2)
    answering.join()
    assert seen == [{"v0001", "v0002"}]
    assert world.backend.models == {"v0002"}


def test_swapping_to_what_is_served_does_nothing_unless_it_is_dead(world: World) -> None:
    world.swap(1)
    count = len(list(world.swapper.journal.entries()))
    world.swap(1)
    assert len(list(world.swapper.journal.entries())) == count
    (world.backend.folder / "v0001").unlink()
    world.swap(1)
    assert world.serving == "v0001"
    assert world.backend.history.count(("deploy", "v0001")) == 2
    assert world.backend.models == {"v0001"}
    assert [row["state"] for row in world.store.rows("SELECT state FROM deployments")] == ["serving"]


def test_going_back_is_a_swap_to_what_was_in_use_before_down_to_the_host(world: World) -> None:
    for number in (1, 2, 3):
        world.swap(number)
    assert world.registry.previous() == "v0002"
    world.swapper.swap(world.version(2), BASE_MODEL, PromotionCause.UNDONE, rolled_back=True)
    assert world.serving == "v0002"
    assert world.events[-1].data() == {
        "version": "v0002",
        "previous": "v0003",
        "cause": "undone",
        "reason": "rolled back by the owner",
    }
    world.swapper.release()
    assert world.serving is None
    assert world.events[-1].data() == {
        "version": "base",
        "previous": "v0002",
        "cause": "undone",
        "reason": "rolled back by the owner",
    }
    assert world.registry.current() == "base"
    assert world.backend.models == set()
    world.swap(3)
    assert world.serving == "v0003"


def test_going_back_to_a_base_that_was_served_serves_it_again(world: World) -> None:
    world.swap(None)
    world.swap(1)
    world.swap(None)
    assert world.serving == "base"
    assert world.backend.models == {"base"}
    world.start()
    world.swapper.recover()
    assert world.serving == "base"


def test_an_unknown_backend_is_named(world: World) -> None:
    world.settings = ServeSection(backend="groq")
    with pytest.raises(ServingError, match="There is no backend groq"):
        world.swapper.swap(None, BASE_MODEL)


def test_after_a_restart_the_version_in_use_is_served_again(world: World) -> None:
    world.swap(1)
    world.swap(2)
    world.start()
    assert world.serving is None
    world.swapper.recover()
    assert world.serving == "v0002"


def test_a_restart_that_cannot_serve_leaves_the_choice_to_the_host_and_says_so(world: World) -> None:
    world.swap(1)
    world.start()
    world.backend.failures["deploy"] = ServingError("The model file is gone", "Restore it")
    world.swapper.recover()
    assert world.serving is None
    assert world.names[-2:] == ["swap_failed", "attention_needed"]
    assert world.registry.current() == "v0001"


def test_steps_of_a_deployment_that_is_no_swap_are_not_journaled(world: World) -> None:
    """The learning loop measures candidates through the same deployer."""
    world.swap(1)
    count = len(list(world.swapper.journal.entries()))
    world.backend.deploy(world.version(2), BASE_MODEL, world.settings)
    assert len(list(world.swapper.journal.entries())) == count


def test_the_route_follows_a_deployment_to_another_address(world: World) -> None:
    world.swap(1)
    old = world.swapper.serving
    assert old is not None
    new = replace(old, route=replace(old.route, base_url="http://127.0.0.1:2"))
    world.backend.moved(old, new)
    assert world.routes.current == new.route and world.swapper.serving == new
    world.backend.moved(old, replace(old, route=replace(old.route, base_url="http://127.0.0.1:3")))
    assert world.routes.current == new.route, "news of one that is not served any more"


def test_recover_with_nothing_to_do(world: World) -> None:
    world.swapper.recover()
    assert world.serving is None
    assert world.events == []


def test_a_version_moves_to_another_backend_and_is_told_as_a_swap(world: World) -> None:
    world.swap(2)
    world.swapper.swap(world.version(1), BASE_MODEL, PromotionCause.WORSE, rolled_back=True)
    world.settings = ServeSection(backend="plugin.other")
    assert not world.swapper.serves("v0001")
    world.swapper.swap(world.version(1), BASE_MODEL, PromotionCause.WORSE, rolled_back=True)
    assert world.swapper.serves("v0001")
    assert world.names[-2:] == ["rolled_back", "model_swapped"]
    assert world.events[-1].data() == {
        "version": "v0001",
        "previous": "v0001",
        "backend": "plugin.other",
        "place": "first",
    }
    assert world.backend.models == set() and world.other.models == {"v0001"}
    rows = {(row["version"], row["backend"]): row["state"] for row in world.store.rows("SELECT * FROM deployments")}
    assert rows["v0001", "plugin.fake"] == "retired" and rows["v0001", "plugin.other"] == "serving"


def test_a_version_that_cannot_move_stays_where_it_is(world: World) -> None:
    world.swap(1)
    before = world.routes.current
    world.settings = ServeSection(backend="plugin.other")
    for _ in range(2):
        world.other.failures["deploy"] = ServingError("no memory")
        with pytest.raises(ServingError, match="no memory"):
            world.swap(1)
    assert world.routes.current is before and world.registry.current() == "v0001"
    assert world.names.count("swap_failed") == 1, "it is tried again and again, and told once"
    world.other.failures["deploy"] = ServingError("no memory")
    with pytest.raises(ServingError):
        world.swap(2)
    assert world.names.count("swap_failed") == 2


def test_a_model_that_rests_is_out_of_memory_and_answers_again_without_a_word(world: World) -> None:
    assert world.swapper.rest() is None
    world.swapper.wake()
    assert world.serving is None
    world.swap(1)
    said = list(world.names)
    rested = world.swapper.rest()
    assert rested is not None and rested.version == "v0001"
    assert world.serving is None and world.backend.models == set()
    assert world.registry.current() == "v0001"
    world.swapper.wake()
    assert world.serving == "v0001" and world.backend.models == {"v0001"}
    assert world.names == said and world.registry.current() == "v0001"
