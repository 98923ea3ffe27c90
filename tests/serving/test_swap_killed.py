"""A swap whose process dies at any step, and the next one: nothing of it is left, and a model answers."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.serving.journal import Journal, SwapRecord, SwapStep, process_name
from aeon_plugin_ft.settings import ServeSection
from tests.serving.world import HAPPY, World


class Killed(BaseException):
    """The process ends here: nothing after it runs."""


@pytest.mark.parametrize("already_promoted", [False, True])
@pytest.mark.parametrize("step", HAPPY)
@pytest.mark.parametrize("before_the_write", [False, True])
def test_a_kill_at_any_step_ends_on_a_working_route_without_orphans(
    step: SwapStep, before_the_write: bool, already_promoted: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`already_promoted`: the store had the version before the swap began, as the learning loop does it."""
    world.swap(1)
    if already_promoted:
        world.registry.promote("v0002", PromotionCause.BETTER)
    write = Journal.write

    def killing(self: Journal, entry: SwapRecord) -> None:
        if entry.step is step and before_the_write:
            raise Killed
        write(self, entry)
        if entry.step is step:
            raise Killed

    monkeypatch.setattr(Journal, "write", killing)
    with pytest.raises(Killed):
        world.swap(2)
    monkeypatch.setattr(Journal, "write", write)
    world.start()
    world.swapper.recover()
    assert world.swapper.journal.unfinished() == []
    current = world.registry.current()
    if current != world.serving:  # promoted by the loop and never begun: the host swaps as it would have
        assert already_promoted
        world.swap(2)
        assert world.serving == "v0002"
    assert world.serving == world.registry.current()
    assert world.serving in {"v0001", "v0002"}
    assert world.backend.models == {world.serving}
    world.swap(3)
    assert world.backend.models == {"v0003"}
    world.swapper.recover()
    assert world.serving == "v0003"


@pytest.mark.parametrize("step", HAPPY)
def test_a_kill_while_a_version_moves_ends_on_one_of_both_places(
    step: SwapStep, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.swap(1)
    world.settings = ServeSection(backend="plugin.other")
    write = Journal.write

    def killing(self: Journal, entry: SwapRecord) -> None:
        write(self, entry)
        if entry.step is step:
            raise Killed

    monkeypatch.setattr(Journal, "write", killing)
    with pytest.raises(Killed):
        world.swap(1)
    monkeypatch.setattr(Journal, "write", write)
    world.start()
    world.swapper.recover()
    there = HAPPY.index(step) >= HAPPY.index(SwapStep.PROMOTED)
    assert world.serving == "v0001" == world.registry.current()
    assert world.swapper.serves("v0001") is there
    assert (world.backend.models, world.other.models) == ((set(), {"v0001"}) if there else ({"v0001"}, set()))
    world.swap(1)
    assert world.swapper.serves("v0001")
    assert (world.backend.models, world.other.models) == (set(), {"v0001"})


def test_a_swap_of_another_process_that_lives_is_left_alone(world: World, another_process: int) -> None:
    owner = process_name(another_process)
    world.swapper.journal.write(SwapRecord("x", SwapStep.BEGUN, "v0001", "base", "plugin.fake", "tiny", owner))
    world.swapper.recover()
    assert len(world.swapper.journal.unfinished()) == 1
