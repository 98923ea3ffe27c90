"""A run that trains on another account, reached through a real sshd: to its end, lost and found, paused, taken home."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import NoConsentError, TrainingError
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, RunState
from aeon_plugin_ft.training.places.consent import allow, allowed, require_allowed, take_back
from aeon_plugin_ft.training.places.where import Way, Where, parse_where
from aeon_plugin_ft.training.staying import interrupt_for
from aeon_plugin_ft.training.supervise import start_worker
from aeon_plugin_ft.training.table import get_run
from tests.training.places.bench import Bench, bench, hold, let_go, served, steps_in, weights
from tests.training.places.sshd import Sshd, sshd
from tests.training.tiny import tiny_base, tiny_copy, tiny_dataset, tiny_recipe

__all__ = ["bench", "served", "sshd", "tiny_base", "tiny_copy", "tiny_dataset", "tiny_recipe"]


# -- consent ---------------------------------------------------------------------------------------


def test_the_owner_is_asked_once_for_each_place_and_can_take_it_back(store: Store) -> None:
    where = parse_where("ssh://ana@sala/home/ana/venv/bin/python")
    assert where is not None
    with pytest.raises(NoConsentError, match="before you say so"):
        require_allowed(store, where)
    allow(store, where)
    first = allowed(store)[where.address]
    allow(store, where)
    # Another Python on the same account is the same place; another account, host or port is not.
    require_allowed(store, parse_where("ssh://ana@sala/usr/bin/python3"))
    assert allowed(store) == {"ssh://ana@sala": first}
    for other in ("ssh://ana@sala:23", "ssh://bia@sala", "ssh://ana@quarto", "ray://sala:8265"):
        with pytest.raises(NoConsentError):
            require_allowed(store, parse_where(other))
    assert take_back(store, where) and not take_back(store, where)
    with pytest.raises(NoConsentError):
        require_allowed(store, where)
    require_allowed(store, None)


def test_without_the_owners_word_no_connection_is_opened(
    bench: Bench, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = bench.new(tiny_recipe())
    monkeypatch.setattr(subprocess, "Popen", _never)
    with pytest.raises(NoConsentError):
        start_worker(run, bench.store, "ssh://ana@127.0.0.1:1")
    row = get_run(bench.store, run.id)
    assert row is not None and row.state is RunState.PENDING


def test_a_courier_that_was_started_by_hand_opens_nothing_either(
    bench: Bench, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training.places import away
    from aeon_plugin_ft.training.runs import RunConfig

    monkeypatch.setattr(away, "open_door", _never)
    run = bench.new(tiny_recipe())
    where = Where(Way.SSH, "127.0.0.1", 1, "ana")
    made = away.Away(run, RunConfig.read(run.folder), bench.store, where, _Watch(), lambda _: None, lambda _: None)
    with pytest.raises(NoConsentError):
        made.train()


class _Watch:
    def check(self) -> None: ...


def _never(*_: object, **__: object) -> None:
    raise AssertionError("something left without the owner's word")


# -- what a place is ---------------------------------------------------------------------------------


def test_a_place_is_read_from_one_setting() -> None:
    assert parse_where("here") is None
    assert parse_where("ssh://ana@sala:2222/home/ana/py") == Where(Way.SSH, "sala", 2222, "ana", "/home/ana/py")
    assert parse_where("ssh://ana@sala/C:/Py/python.exe") == Where(Way.SSH, "sala", 0, "ana", "C:/Py/python.exe")
    assert parse_where("ray://cluster:8265") == Where(Way.RAY, "cluster", 8265)
    for bad in ("ssh://sala", "ssh://-oProxyCommand=x@sala", "ssh://ana@-sala", "ftp://x", "ray://"):
        with pytest.raises(TrainingError):
            parse_where(bad)


def test_that_the_owner_needs_this_machine_is_no_reason_elsewhere() -> None:
    causes = {PauseCause.OWNER_BACK, PauseCause.NO_MAINS, PauseCause.OWNER_PAUSED, PauseCause.HOST_CLOSING}
    heard = {cause: interrupt_for("ssh://ana@sala", lambda cause=cause: cause)() for cause in causes}  # type: ignore[misc]
    assert {cause for cause, told in heard.items() if told} == {PauseCause.OWNER_PAUSED, PauseCause.HOST_CLOSING}
    assert interrupt_for("here", lambda: PauseCause.OWNER_BACK)() is PauseCause.OWNER_BACK


# -- there and back ------------------------------------------------------------------------------------


@pytest.mark.slow(seconds=60)
def test_a_run_over_ssh_ends_in_the_same_weights_and_leaves_nothing_but_the_base(
    bench: Bench, sshd: Sshd, served: BaseModel, tiny_recipe: Callable[..., Recipe]
) -> None:
    # The GGUF itself goes: nobody makes a copy of its weights, on neither side.
    bench.base = served
    expected = bench.trained_here(tiny_recipe())
    run = bench.new(tiny_recipe())
    bench.finish(bench.start(run, sshd.setting))
    assert weights(run) == expected
    assert not list(sshd.runs.glob("*")) and (sshd.runs.parent / "things").is_dir()
    row = get_run(bench.store, run.id)
    assert row is not None and row.step == row.steps == 6
    assert [path.name for path in sshd.runs.parent.rglob("things/*/*.gguf")] == ["model.gguf"]
    assert not list(sshd.runs.parent.rglob("*.safetensors"))
    # What went, went with the owner's own rights only.
    assert all(path.stat().st_mode & 0o077 == 0 for path in (sshd.runs.parent / "things").iterdir())


@pytest.mark.slow(seconds=120)
def test_lost_found_again_paused_and_taken_home_it_still_ends_in_the_same_weights(
    bench: Bench, sshd: Sshd, tiny_recipe: Callable[..., Recipe]
) -> None:
    recipe = tiny_recipe(steps=300, checkpoint_steps=2, epochs=50.0)
    expected = bench.trained_here(recipe)
    run = bench.new(recipe)
    worker = bench.start(run, sshd.setting)
    there = sshd.runs / run.id
    bench.until(worker, lambda: steps_in(there / "runs" / run.id) >= 2)
    hold(run)
    # The connection is lost: it goes on there, and is found again.
    sshd.stop()
    before = steps_in(there / "runs" / run.id)
    let_go(run)
    bench.until(worker, lambda: steps_in(there / "runs" / run.id) > before)
    hold(run)
    sshd.start()
    bench.until(worker, lambda: steps_in(run.folder) > before)
    # This side dies: it still goes on there, and whoever resumes it finds it.
    worker.kill()
    at = steps_in(there / "runs" / run.id)
    let_go(run)
    bench.wait(lambda: steps_in(there / "runs" / run.id) > at)
    hold(run)
    worker = bench.again(run, sshd.setting)
    bench.until(worker, lambda: steps_in(run.folder) > at)
    # Paused by the owner: gone within 5 s here, and there a moment later, with what it has learnt.
    began = time.monotonic()
    worker.pause(PauseCause.OWNER_PAUSED)
    assert worker.wait(30) is RunState.PAUSED and time.monotonic() - began < 10
    bench.wait(lambda: (there / "ended.json").is_file())
    # Home again: the checkpoints that were copied while it trained are enough.
    bench.finish(bench.again(run, "here"))
    assert weights(run) == expected


@pytest.mark.slow(seconds=60)
def test_one_that_was_cancelled_leaves_nothing_there(
    bench: Bench, sshd: Sshd, tiny_recipe: Callable[..., Recipe], data: DataFolder
) -> None:
    run = bench.new(tiny_recipe(steps=400, checkpoint_steps=2, epochs=70.0))
    worker = bench.start(run, sshd.setting)
    there = sshd.runs / run.id
    bench.until(worker, lambda: steps_in(there / "runs" / run.id) >= 2)
    hold(run)
    worker.pause(PauseCause.OWNER_CANCELLED)
    assert worker.wait(30) is RunState.PAUSED, "the control calls it cancelled"
    bench.wait(lambda: not there.exists())
