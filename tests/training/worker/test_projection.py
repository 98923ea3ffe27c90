"""From a few layers to all of them, and from a busy machine to a quiet one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.cli.learn import estimate_sentence
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.memory import mapped_bytes
from aeon_plugin_ft.training.model import Estimate, Recipe
from aeon_plugin_ft.training.runs import RunConfig, create_run
from aeon_plugin_ft.training.worker.projection import Sample, inputs_on_disk, quiet_seconds, whole_memory

TOLD = (1.0, 3.0, 5.0, 12.0, 17.0, 20.0)
"""Three layers forward, 2 s each after the first; the head and the last layer back 7 s, one in the middle 5, the first
3."""


def test_the_layers_that_were_left_out_take_what_the_one_in_the_middle_takes() -> None:
    sample = Sample(layers=32, sampled=3, told=TOLD, step=21.0)
    assert sample.layer == 2 + 5
    assert sample.whole_step == 21 + 29 * 7
    assert sample.whole(3.0) == 32.0


def test_a_step_of_all_layers_is_what_it_is() -> None:
    sample = Sample(layers=30, sampled=30, told=(), step=2.5)
    assert (sample.whole_step, sample.whole(3.0), sample.more) == (2.5, 3.0, 0)


def test_memory_grows_by_the_inputs_and_the_adapter_with_its_optimizer() -> None:
    sample = Sample(layers=32, sampled=3, told=TOLD, step=1.0)
    assert whole_memory(1000, sample, inputs=10, adapter=3, input_bytes=10_000) == 1000 + 10 * 29 + 4 * 29
    assert whole_memory(1000, sample, inputs=10, adapter=3, input_bytes=319) == 1000 - 30 + 4 * 29, "on disk"
    assert inputs_on_disk(sample, inputs=10, input_bytes=320) == 0
    assert inputs_on_disk(sample, inputs=10, input_bytes=319) == 320


@pytest.mark.parametrize(("others", "expected"), [(0.0, 10.0), (0.14, 10.0), (0.5, 4.0), (0.9, 4.0)])
def test_only_other_programs_make_a_quiet_machine_faster(others: float, expected: float) -> None:
    """What one thread alone computes is slow on any machine."""
    assert quiet_seconds(10.0, 8.0, 2, others) == expected
    assert quiet_seconds(3.0, 8.0, 2, others) == 3.0


def test_the_sentence_says_both_where_they_differ() -> None:
    cost = Estimate(3600.0, 10**9, 10**8, 60.0, 60)
    assert "other programs" not in estimate_sentence(cost, "m", 100, 8)
    assert "other programs" not in estimate_sentence(replace(cost, quiet_seconds=3500.0), "m", 100, 8)
    assert "(10 min 0 s without the other programs" in estimate_sentence(
        replace(cost, quiet_seconds=600.0), "m", 100, 8
    )


def test_pages_of_a_mapped_file_are_counted_apart(tmp_path: Path) -> None:
    import mmap

    path = tmp_path / "weights"
    path.write_bytes(b"x" * (1 << 20))
    assert mapped_bytes(None) == mapped_bytes(path) == 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[::4096]) > 0
        found = mapped_bytes(path)
        assert found in {1 << 20, 0}, "0 where the system does not say"
        if sys.platform != "win32":
            (tmp_path / "linked").symlink_to(tmp_path)
            assert mapped_bytes(tmp_path / "linked" / "weights") == found, "a data folder behind a link"


class NoStop:
    def check(self) -> None:
        """Nobody wants it to leave."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # PEFT 0.21 and TRL 1.16
@pytest.mark.parametrize("layers", [3, 9])
def test_a_deep_model_is_measured_by_some_of_its_layers(
    layers: int, data: DataFolder, store: Store, deep: Callable[[int], BaseModel], tiny_dataset: Dataset,
    tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from aeon_plugin_ft.processes.awake import awake_seconds
    from aeon_plugin_ft.training.engine.layered import choice
    from aeon_plugin_ft.training.worker import probe, sampling

    monkeypatch.setattr(choice, "free_bytes", lambda device: 1000)
    read: set[str] = set()
    load = sampling.load_frozen

    def watched(*arguments: object, **more: object) -> object:
        model, source = load(*arguments, **more)  # type: ignore[arg-type]
        assert source is not None
        into = source.read_into
        monkeypatch.setattr(source, "read_into", lambda name, *rest: (read.add(name), into(name, *rest))[1])
        return model, source

    monkeypatch.setattr(sampling, "load_frozen", watched)
    run = create_run(data, store, deep(layers), tiny_dataset, tiny_recipe(micro_tokens=120))
    found = probe.measure(run, RunConfig.read(run.folder), NoStop(), awake_seconds())  # type: ignore[arg-type]
    assert {int(name.split(".")[2]) for name in read if ".layers." in name} == {0, 1, 2}
    cost = Estimate(**found["estimate"])
    adapter = 4 * 4 * (2 * (48 + 48) + 2 * (48 + 24) + 3 * (48 + 64)) * layers
    assert cost.disk_bytes == pytest.approx(10 * adapter, rel=0.01)
    assert 0 < cost.step_seconds * cost.steps < cost.seconds and 0 < cost.quiet_seconds <= cost.seconds
    # What a sample of the layers says of sharing proves nothing of the others.
    assert (found["parity"] is None) == (layers > 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # PEFT 0.21 and TRL 1.16
def test_inputs_that_do_not_stay_in_memory_are_counted_as_room_on_disk(
    data: DataFolder, store: Store, deep: Callable[[int], BaseModel], tiny_dataset: Dataset,
    tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Of an 8B and 32 examples a step they take more than half as much as its checkpoints."""
    from aeon_plugin_ft.processes.awake import awake_seconds
    from aeon_plugin_ft.training.engine.layered import choice, engine, parts
    from aeon_plugin_ft.training.worker import probe

    monkeypatch.setattr(choice, "free_bytes", lambda device: 1000)
    run = create_run(data, store, deep(9), tiny_dataset, tiny_recipe(micro_tokens=120))
    found = []
    written: list[int] = []
    made = parts.LayerInputs.__init__

    def watched(self: parts.LayerInputs, layers: int, tokens: int, width: int, *more: object) -> None:
        made(self, layers, tokens, width, *more)  # type: ignore[arg-type]
        written.append(4 * tokens * width if self.on_disk else 0)

    monkeypatch.setattr(parts.LayerInputs, "__init__", watched)
    for room in (engine.INPUT_BYTES, 1000):
        monkeypatch.setattr(engine, "INPUT_BYTES", room)
        found.append(probe.measure(run, RunConfig.read(run.folder), NoStop(), awake_seconds())["estimate"])  # type: ignore[arg-type]
    scratch = found[1]["disk_bytes"] - found[0]["disk_bytes"]
    # Of nine layers, in the largest step; the steps that were measured are some of all.
    assert 9 * max(written) <= scratch < 12 * max(written)


@pytest.fixture
def deep(tiny_base: BaseModel, tmp_path: Path) -> Iterator[Callable[[int], BaseModel]]:
    """The tiny base with so many layers."""
    import shutil

    from transformers import AutoConfig, AutoModelForCausalLM

    def made(layers: int) -> BaseModel:
        folder = tmp_path / "deep"
        shutil.copytree(tiny_base.training_copy, folder)
        config = AutoConfig.from_pretrained(folder)
        config.num_hidden_layers = layers
        if getattr(config, "layer_types", None):
            config.layer_types = ["full_attention"] * layers
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        return replace(tiny_base, training_copy=folder)

    yield made
