"""Where a run starts: from the base, or from the model in use."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.judge import parent_of
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.continual import REBUILD_EVERY, Parent, Start, choose_start
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.training.recipe import WARM_RATE, make_recipe
from aeon_plugin_ft.training.runs import RunConfig, create_run

BASE = BaseModel("tiny", "sha256:" + "0" * 64, "llama", 50_000, Path("copy"), None)
SETTINGS = TrainSection(rebuild_max=10)
CALL = '{"tool": "Lembretes.criar_lembrete", "param": "agua"}'


def dataset_of(folder: Path, replies: Sequence[str]) -> Dataset:
    folder.mkdir(parents=True)
    rows = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": reply}]}
        for n, reply in enumerate(replies)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Dataset(folder.name, folder, len(rows), 0, 0)


@pytest.fixture
def parent(data: DataFolder, store: Store, tmp_path: Path, tiny_recipe: Callable[..., Recipe]) -> Callable[..., Parent]:
    """A version in use that has learnt twelve examples."""

    def made(generation: int = 0, **shape: object) -> Parent:
        dataset = dataset_of(data.datasets / f"old{generation}", [f"r{n}" for n in range(12)])
        run = create_run(data, store, BASE, dataset, tiny_recipe(), generation=generation)
        adapter = tmp_path / "adapter"
        adapter.mkdir(exist_ok=True)
        config = {"r": SETTINGS.rank, "lora_alpha": SETTINGS.alpha, "use_rslora": False, "use_dora": False}
        (adapter / "adapter_config.json").write_text(json.dumps({**config, **shape}), encoding="utf-8")
        return Parent(adapter, run.folder)

    return made


@pytest.fixture
def grown(tmp_path: Path) -> Dataset:
    """The twelve, one of them corrected since, and three new ones, a tool call among them."""
    return dataset_of(tmp_path / "grown", [*[f"r{n}" for n in range(11)], "better", "r12", CALL, "r14"])


def test_few_examples_are_all_learnt_from_the_base(parent: Callable[..., Parent], grown: Dataset) -> None:
    start = choose_start(TrainSection(rebuild_max=15), grown, BASE.digest, parent())
    assert (start.parent, start.new, start.survey.examples, start.survey.tools) == (None, None, 15, 1)


def test_many_go_on_from_the_model_in_use_with_what_is_new_to_it(parent: Callable[..., Parent], grown: Dataset) -> None:
    current = parent()
    start = choose_start(SETTINGS, grown, BASE.digest, current)
    assert (start.parent, start.generation) == (current.adapter, 1)
    assert start.new == (11, 12, 13, 14), "a corrected reply is new as well"
    assert (start.survey.examples, start.survey.new) == (15, 4)


def test_a_run_that_goes_on_learns_more_slowly_and_fewer_examples(
    parent: Callable[..., Parent], grown: Dataset
) -> None:
    start = choose_start(SETTINGS, grown, BASE.digest, parent())
    settings = TrainSection(learning_rate=1e-3, batch_size=1, epochs=1, tool_share=0, replay_share=0.5)
    warm, cold = make_recipe(settings, 1, start.survey), make_recipe(settings, 1, 15)
    assert warm.learning_rate == pytest.approx(cold.learning_rate * WARM_RATE)
    assert (warm.steps, cold.steps) == (8, 15), "four new ones and as many older ones"


def refused(start: Start) -> str:
    assert start.parent is None and start.new is None and start.generation == 0
    return start.reason


def test_it_starts_anew_where_going_on_would_be_wrong(
    parent: Callable[..., Parent], grown: Dataset, tmp_path: Path
) -> None:
    digest = BASE.digest
    assert "no trained model" in refused(choose_start(SETTINGS, grown, digest, None))
    assert "another base" in refused(choose_start(SETTINGS, grown, "sha256:other", parent()))
    assert "another adapter" in refused(choose_start(SETTINGS, grown, digest, parent(generation=1, r=8)))
    gone = Parent(parent(generation=2).adapter, tmp_path / "pruned")
    assert "cannot be told" in refused(choose_start(SETTINGS, grown, digest, gone))
    same = dataset_of(tmp_path / "same", [f"r{n}" for n in range(12)])
    assert "no example is new" in refused(choose_start(SETTINGS, same, digest, parent(generation=3)))


def test_every_fifth_run_starts_from_the_base(parent: Callable[..., Parent], grown: Dataset) -> None:
    last = parent(generation=REBUILD_EVERY - 2)
    assert choose_start(SETTINGS, grown, BASE.digest, last).generation == REBUILD_EVERY - 1
    due = parent(generation=REBUILD_EVERY - 1)
    assert "5th" in refused(choose_start(SETTINGS, grown, BASE.digest, due))


def test_what_is_new_is_written_into_the_run(
    data: DataFolder, store: Store, grown: Dataset, parent: Callable[..., Parent], tiny_recipe: Callable[..., Recipe]
) -> None:
    start = choose_start(SETTINGS, grown, BASE.digest, parent())
    run = create_run(
        data, store, BASE, grown, tiny_recipe(), start.parent, new=start.new, generation=start.generation
    )  # fmt: skip
    config = RunConfig.read(run.folder)
    assert (config.parent, config.new, config.generation) == (start.parent, start.new, 1)


def test_a_version_names_the_one_that_it_went_on_from(
    data: DataFolder, store: Store, grown: Dataset, tiny_recipe: Callable[..., Recipe]
) -> None:
    adapter = data.versions / "v0007" / "adapter"
    went_on = create_run(data, store, BASE, grown, tiny_recipe(), adapter, new=(1,), generation=1)
    anew = create_run(data, store, BASE, grown, tiny_recipe())
    assert (parent_of(went_on), parent_of(anew)) == ("v0007", None)
