"""A whole run one layer at a time: from a GGUF alone, resumed, with opinions, and where nothing is shared."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Recipe, Run, RunOutcome
from aeon_plugin_ft.training.runs import RunConfig, create_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 and TRL 1.16 use transformers' old names
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


class NoStop:
    def check(self) -> None:
        """Nobody wants it to leave."""


class StopAfter:
    """Raises once, at the call of this number."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def check(self) -> None:
        from aeon_plugin_ft.causes import PauseCause
        from aeon_plugin_ft.training.worker.stopping import StopRequested

        self.left -= 1
        if self.left == 0:
            raise StopRequested(PauseCause.ASKED)


@pytest.fixture
def served(tiny_base: BaseModel, tmp_path: Path) -> BaseModel:
    """The tiny base as a GGUF that is served, and a copy that holds no weights."""
    from transformers import AutoModelForCausalLM

    from tests.base.tiny import write_gguf

    model = AutoModelForCausalLM.from_pretrained(tiny_base.training_copy)
    path = tmp_path / "served.gguf"
    write_gguf(path, "llama", model, gguf.GGMLQuantizationType.F32)
    texts = tmp_path / "texts"
    shutil.copytree(tiny_base.training_copy, texts, ignore=shutil.ignore_patterns("*.safetensors"))
    return replace(tiny_base, training_copy=texts, gguf=path)


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little for any model."""
    from aeon_plugin_ft.training.engine.layered import choice

    monkeypatch.setattr(choice, "free_bytes", lambda device: 1000)


Train = Callable[[BaseModel, Recipe, Any], tuple[Run, RunOutcome]]


@pytest.fixture
def train(data: DataFolder, store: Store, tiny_dataset: Dataset) -> Train:
    def made(base: BaseModel, recipe: Recipe, watch: Any = None) -> tuple[Run, RunOutcome]:
        run = create_run(data, store, base, tiny_dataset, recipe)
        return run, attempt(run, watch or NoStop())

    return made  # type: ignore[return-value]


def attempt(run: Run, watch: Any) -> RunOutcome:
    from aeon_plugin_ft.training.worker.session import Session

    return Session(run, RunConfig.read(run.folder), watch, lambda *_: None, lambda _: None).train()


def adapter(run: Run) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(run.adapter / "adapter_model.safetensors"))


@pytest.mark.parametrize("free", [1000, 64 << 30])
def test_a_base_without_a_training_copy_of_its_weights_learns_the_same(
    free: int, train: Train, served: BaseModel, tiny_base: BaseModel, tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A layer at a time where it does not fit the memory, else as a whole, out of the same file."""
    from aeon_plugin_ft.training.engine.layered import choice

    whole, expected = train(tiny_base, tiny_recipe())
    assert expected.engine == "shared-prefix"
    monkeypatch.setattr(choice, "free_bytes", lambda device: free)
    run, outcome = train(served, tiny_recipe())
    assert outcome.engine == ("layered-shared-prefix" if free == 1000 else "shared-prefix"), outcome.engine_reason
    assert outcome.loss == pytest.approx(expected.loss, abs=1e-4)
    assert outcome.saving == expected.saving > 1
    apart = [(one - adapter(whole)[name]).abs().max().item() for name, one in adapter(run).items()]
    assert max(apart) < (1e-3 if free == 1000 else 1e-6)


@pytest.mark.usefixtures("little_memory")
def test_a_run_that_leaves_inside_a_step_ends_in_the_same_adapter(
    train: Train, served: BaseModel, tiny_recipe: Callable[..., Recipe]
) -> None:
    from aeon_plugin_ft.training.worker.stopping import StopRequested

    whole, _ = train(served, tiny_recipe())
    for calls in (300, 450):
        with pytest.raises(StopRequested):
            train(served, tiny_recipe(), StopAfter(calls))
        # The newest run is the one that was left.
        folder = max(whole.folder.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        run = Run(folder.name, folder)
        attempt(run, NoStop())
        assert all((one == adapter(whole)[name]).all() for name, one in adapter(run).items())


@pytest.mark.usefixtures("little_memory")
def test_how_much_is_computed_at_once_follows_from_one_layer(
    train: Train, served: BaseModel, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training import memory

    asked: list[bool] = []

    def micro_tokens(*of: Any, gpu: bool, layered: bool) -> int:
        asked.append(layered)
        return 128

    monkeypatch.setattr(memory, "micro_tokens", micro_tokens)
    train(served, tiny_recipe(steps=1, micro_tokens=0))
    assert asked == [True]


@pytest.mark.slow(seconds=40)
@pytest.mark.usefixtures("little_memory")
def test_one_run_interrupted_at_ten_random_moments_ends_in_the_same_adapter(
    train: Train, served: BaseModel, tiny_recipe: Callable[..., Recipe]
) -> None:
    """A twelfth of all looks for each attempt, most of which end between two products of a layer, on both ways."""
    from aeon_plugin_ft.training.worker.stopping import StopRequested

    recipe, watch = tiny_recipe(steps=30, checkpoint_steps=2), StopAfter(0)
    whole, _ = train(served, recipe, watch)
    pick, run = random.Random(5), None
    ways = {"_forward_bundle": 0, "_backward_bundle": 0}
    for _ in range(10):
        soon = StopAfter(pick.randint(-watch.left // 16, -watch.left // 12))
        with pytest.raises(StopRequested) as left:
            train(served, recipe, soon) if run is None else attempt(run, soon)
        for called in {entry.name for entry in left.traceback} & set(ways):
            ways[called] += 1
        folder = max(whole.folder.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        run = run or Run(folder.name, folder)
    assert run is not None and not run.adapter.exists()
    assert sum(ways.values()) >= 7 and min(ways.values()) >= 2, "too few of them were in the middle of a layer"
    attempt(run, NoStop())
    assert all((one == adapter(whole)[name]).all() for name, one in adapter(run).items())


@pytest.mark.usefixtures("little_memory")
def test_a_run_in_bf16_stays_so_and_ends_in_the_same_adapter(
    train: Train, served: BaseModel, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured again, on a busier machine, the processor might seem slower in it."""
    import torch

    from aeon_plugin_ft.training.worker import session
    from aeon_plugin_ft.training.worker.stopping import StopRequested

    exact, _ = train(served, tiny_recipe())
    monkeypatch.setattr(session, "compute_type", lambda *_: torch.bfloat16)
    whole, outcome = train(served, tiny_recipe())
    assert outcome.engine == "layered-shared-prefix" and "rounding of bfloat16" in outcome.engine_reason
    assert any((one != adapter(exact)[name]).any() for name, one in adapter(whole).items())
    with pytest.raises(StopRequested):
        train(served, tiny_recipe(), StopAfter(300))
    folder = max(whole.folder.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    monkeypatch.setattr(session, "compute_type", lambda *_: torch.float32)
    attempt(Run(folder.name, folder), NoStop())
    assert all((one == adapter(whole)[name]).all() for name, one in adapter(Run(folder.name, folder)).items())


@pytest.mark.usefixtures("little_memory")
def test_where_sharing_is_not_exact_each_row_goes_through_the_layers_by_itself(
    train: Train, served: BaseModel, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training.engine.parity import Parity
    from aeon_plugin_ft.training.worker import session

    _, shared = train(served, tiny_recipe())
    monkeypatch.setattr(session, "check", lambda *_: Parity(False, "for this test"))
    _, alone = train(served, tiny_recipe())
    assert (alone.engine, alone.engine_reason) == ("layered-stock", "for this test")
    assert alone.loss == pytest.approx(shared.loss, abs=1e-4)


def test_a_model_too_large_for_the_memory_is_read_by_layers_and_stays_so(
    train: Train, tiny_base: BaseModel, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training.engine.layered import choice
    from aeon_plugin_ft.training.worker import session

    monkeypatch.setattr(choice, "free_bytes", lambda device: 1000)
    run, outcome = train(tiny_base, tiny_recipe(steps=1))
    assert outcome.engine == "layered-shared-prefix"
    assert json.loads((run.folder / "engine.json").read_text(encoding="utf-8")) == {"layered": True}
    monkeypatch.setattr(choice, "free_bytes", lambda device: 64 << 30)
    again = session.Session(run, RunConfig.read(run.folder), NoStop(), lambda *_: None, lambda _: None)  # type: ignore[arg-type]
    again.prepare()
    again.close()
    assert again.source is not None


@pytest.mark.usefixtures("little_memory")
def test_the_start_up_check_compares_with_the_models_own_attention(
    train: Train, served: BaseModel, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that computes something else is found out, although no whole model is there to ask."""
    from aeon_plugin_ft.training.engine import kernels

    forward = kernels.FlashOuter.forward
    monkeypatch.setattr(
        kernels.FlashOuter, "forward", lambda self, query, key, value: forward(self, query, key * 0.5, value)
    )  # fmt: skip
    _, outcome = train(served, tiny_recipe(steps=2))
    assert outcome.engine == "layered-stock" and "change the result" in outcome.engine_reason
