"""Held-out losses of a base and its adapters, measured on a tiny model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import EvaluationError
from aeon_plugin_ft.evaluation.heldout import measure_losses
from aeon_plugin_ft.evaluation.worker import run as worker
from aeon_plugin_ft.training.model import Recipe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # PEFT 0.21 uses transformers' old names
]


class Calm:
    """A stop watch that nobody asks to stop."""

    def check(self) -> None:
        return None


def request(
    base: BaseModel, dataset: Dataset, adapters: dict[str, str | None], max_length: int = 512
) -> dict[str, Any]:
    return {
        "base": {"training_copy": str(base.training_copy)},
        "sets": {"heldout": str(dataset.heldout_file)},
        "adapters": adapters,
        "max_length": 512,
        "threads": 1,
    }


@pytest.fixture
def adapters(tiny_base: BaseModel, tmp_path: Path, tiny_recipe: Callable[..., Recipe]) -> dict[str, str | None]:
    """The base and two adapters whose B is not zero, one of them first."""
    import torch

    from aeon_plugin_ft.training.engine.loading import add_adapter, load_base

    found: dict[str, str | None] = {}
    for name, strength in (("weak", 0.02), ("strong", 0.3)):
        model = add_adapter(load_base(tiny_base.training_copy, "cpu"), tiny_recipe())
        for parameter_name, parameter in model.named_parameters():
            if "lora_B" in parameter_name:
                torch.nn.init.normal_(parameter, std=strength)
        model.save_pretrained(tmp_path / name)
        found[name] = str(tmp_path / name)
    return {"weak": found["weak"], "base": None, "strong": found["strong"]}


def _stock(base: BaseModel, dataset: Dataset, adapter: str | None) -> list[float]:
    """Each example by itself, through an untouched model."""
    import torch
    from peft import PeftModel

    from aeon_plugin_ft.dataset.frozen import read_messages
    from aeon_plugin_ft.training.engine.encode import Encoder
    from aeon_plugin_ft.training.engine.loading import load_base

    model = load_base(base.training_copy, "cpu").eval()
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter).eval()
    found = []
    for row in Encoder(base.training_copy).encode(read_messages(dataset.heldout_file), 512).rows:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([row.ids])).logits[0, :-1]
        targets = torch.tensor(row.labels[1:])
        found.append(float(torch.nn.functional.cross_entropy(logits, targets, ignore_index=-100, reduction="sum")))
    return found


@pytest.mark.parametrize("free", [1000, 64 << 30])
def test_every_models_losses_are_those_of_the_whole_examples(
    free: int, tiny_base: BaseModel, tiny_dataset: Dataset, adapters: dict[str, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """With the base in memory, and a layer at a time where it does not fit."""
    from aeon_plugin_ft.training.engine.layered import choice, engine

    monkeypatch.setattr(choice, "free_bytes", lambda device: free)
    layered: list[int] = []
    into = engine.LayeredPrefix.losses
    monkeypatch.setattr(
        engine.LayeredPrefix, "losses", lambda self, rows: (layered.append(len(rows)), into(self, rows))[1]
    )
    result = worker.measure(request(tiny_base, tiny_dataset, adapters), Calm())  # type: ignore[arg-type]
    assert result["shared"] is True
    for name, path in adapters.items():
        nats = [pair[0] for pair in result["losses"]["heldout"][name]]
        assert nats == pytest.approx(_stock(tiny_base, tiny_dataset, path), rel=1e-4), name
    assert bool(layered) == (free == 1000)
    assert (
        result["losses"]["heldout"]["base"]
        != result["losses"]["heldout"]["weak"]
        != result["losses"]["heldout"]["strong"]
    )


def test_a_version_that_is_a_whole_model_is_measured_on_its_own_weights(
    tiny_base: BaseModel, tiny_dataset: Dataset, adapters: dict[str, str | None], tmp_path: Path
) -> None:
    import gguf
    from peft import PeftModel

    from aeon_plugin_ft.training.engine.loading import load_base
    from tests.base.tiny import write_gguf

    strong = adapters["strong"]
    assert strong is not None
    merged = PeftModel.from_pretrained(load_base(tiny_base.training_copy, "cpu"), strong).merge_and_unload()
    folder = tmp_path / "whole"
    folder.mkdir()
    write_gguf(folder / "model.gguf", "llama", merged, gguf.GGMLQuantizationType.F32)
    asked: dict[str, str | None] = {"whole": str(folder), **adapters}
    result = worker.measure(request(tiny_base, tiny_dataset, asked), Calm())  # type: ignore[arg-type]
    losses = {name: [nats for nats, _ in pairs] for name, pairs in result["losses"]["heldout"].items()}
    assert set(losses) == {"whole", "weak", "base", "strong"}
    assert losses["whole"] == pytest.approx(losses["strong"], rel=1e-4) != pytest.approx(losses["base"], rel=1e-3)


def test_where_sharing_is_not_exact_every_row_is_scored_by_itself(
    tiny_base: BaseModel, tiny_dataset: Dataset, adapters: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aeon_plugin_ft.training.engine.shared import SharedPrefix

    monkeypatch.setattr(SharedPrefix, "losses", lambda self, rows: [1.0] * len(rows))
    result = worker.measure(request(tiny_base, tiny_dataset, {"base": None}), Calm())  # type: ignore[arg-type]
    assert result["shared"] is False and "the stock pass" in result["reason"]
    nats = [pair[0] for pair in result["losses"]["heldout"]["base"]]
    assert nats == pytest.approx(_stock(tiny_base, tiny_dataset, None), rel=1e-4)


def test_an_example_that_does_not_fit_keeps_its_place_with_nothing_in_it(
    tiny_base: BaseModel, tiny_dataset: Dataset
) -> None:
    lines = tiny_dataset.heldout_file.read_text(encoding="utf-8").splitlines()
    long = json.loads(lines[0])
    long["messages"][1]["content"] = "muito " * 200
    tiny_dataset.heldout_file.write_text("\n".join([json.dumps(long), *lines]) + "\n", encoding="utf-8")
    result = worker.measure(request(tiny_base, tiny_dataset, {"base": None}), Calm())  # type: ignore[arg-type]
    pairs = result["losses"]["heldout"]["base"]
    assert len(pairs) == 7 and pairs[0] == (0.0, 0) and all(tokens > 0 for _, tokens in pairs[1:])


def test_it_is_measured_in_a_child_and_failures_say_why(
    tiny_base: BaseModel, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    sets = {"heldout": tiny_dataset.heldout_file}
    [loss] = measure_losses(tiny_base, sets, {"base": None}, tmp_path / "work", threads=1)["heldout"].values()
    assert loss.model == "base" and len(loss.per_example) == 6
    assert math.isfinite(loss.mean) and loss.mean > 1
    missing = replace(tiny_base, training_copy=tmp_path / "none")
    with pytest.raises(EvaluationError, match="could not be measured"):
        measure_losses(missing, sets, {"base": None}, tmp_path / "work", threads=1)
