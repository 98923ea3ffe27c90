"""The measured estimate and the refusals that rest on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import RefusedError
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.training.estimating import estimate, preflight
from aeon_plugin_ft.training.model import Estimate, Recipe


@pytest.mark.slow
def test_an_estimate_is_measured_in_a_child_and_remembered(
    data: DataFolder,
    tiny_base: BaseModel,
    tiny_dataset: Dataset,
    tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = tiny_recipe()
    found = estimate(tiny_base, tiny_dataset, recipe, data)
    assert found.steps == recipe.steps
    assert 0 < found.step_seconds < found.seconds
    assert 100e6 < found.ram_bytes < 4e9
    assert 0 < found.disk_bytes < 10e6
    monkeypatch.setattr("aeon_plugin_ft.training.estimating.spawn", _never)
    assert estimate(tiny_base, tiny_dataset, recipe, data) == found
    with pytest.raises(AssertionError, match="measured again"):
        estimate(tiny_base, tiny_dataset, tiny_recipe(rank=8), data)


def test_a_machine_that_leaves_no_time_to_measure_is_a_refusal(
    data: DataFolder,
    tiny_base: BaseModel,
    tiny_dataset: Dataset,
    tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aeon_plugin_ft.training.estimating.PROBE_SECONDS", 0.1)
    with pytest.raises(RefusedError, match="other programs left no time"):
        estimate(tiny_base, tiny_dataset, tiny_recipe(), data)


def _never(*arguments: object) -> None:
    raise AssertionError("measured again")


def test_a_refusal_gives_every_reason(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataFolder, "free_bytes", lambda self: 10_000_000)
    huge = Estimate(seconds=1.0, ram_bytes=1 << 50, disk_bytes=1 << 30, step_seconds=1.0, steps=1)
    with pytest.raises(RefusedError) as refused:
        preflight(huge, data, examples=3)
    memory, disk, examples = refused.value.reasons
    assert "memory" in memory and "disk" in disk and "3 examples" in examples


def test_a_run_that_fits_is_not_refused(data: DataFolder) -> None:
    preflight(Estimate(seconds=1.0, ram_bytes=1, disk_bytes=1, step_seconds=1.0, steps=1), data, examples=100)
