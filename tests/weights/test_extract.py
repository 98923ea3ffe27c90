"""Merged models, taken apart: the adapter that was merged comes out, and what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.training.imported import read_checked
from aeon_plugin_ft.weights.adapter import read_adapter
from aeon_plugin_ft.weights.extract import low_rank, read_whole
from aeon_plugin_ft.weights.foreign import Trainer, write_as_ours
from aeon_plugin_ft.weights.safetensors_writer import Precision, TensorSource, write_safetensors
from aeon_plugin_ft.weights.sources import SafetensorsSource
from tests.weights.foreign import make_base

SHAPES = {
    "model.layers.0.self_attn.q_proj.weight": (96, 80),
    "model.layers.0.mlp.down_proj.weight": (80, 160),
    "model.layers.1.mlp.up_proj.weight": (160, 80),
    "model.embed_tokens.weight": (50, 80),
    "model.norm.weight": (80,),
}
Tensors = dict[str, np.ndarray]


def tensors(seed: int = 1) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(scale=0.02, size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def merged(base: Tensors, rank: int = 6, size: float = 0.05) -> tuple[Tensors, Tensors]:
    """The base with an update on two of its layers, and the update."""
    rng, changed = np.random.default_rng(2), dict(base)
    updates = {}
    for name in list(SHAPES)[:2]:
        rows, columns = SHAPES[name]
        update = (rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))).astype(np.float32) * size / 10
        changed[name], updates[name.removesuffix(".weight")] = base[name] + update, update
    return changed, updates


def write(folder: Path, given: Tensors, precision: Precision = "F32") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    sources = [TensorSource(name, value.shape, lambda value=value: iter([value])) for name, value in given.items()]  # type: ignore[misc]
    write_safetensors(folder / "model.safetensors", sources, precision)
    (folder / "config.json").write_text(json.dumps({"_name_or_path": "/x/tiny-base"}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("precision", "close"), [("F32", 1e-5), ("BF16", 0.02)])
def test_the_adapter_that_was_merged_comes_out(tmp_path: Path, precision: Precision, close: float) -> None:
    before = tensors()
    base = replace(make_base(tmp_path / "none"), training_copy=write(tmp_path / "base", before, precision))
    before = {name: read_whole(SafetensorsSource(base.training_copy), name) for name in before}
    after, updates = merged(before, size=0.5)
    adapter = read_checked(write(tmp_path / "merged", after, precision), base)
    assert adapter.trainer is Trainer.MERGED and adapter.base_named == "/x/tiny-base"
    assert adapter.rank == 8 and adapter.kept > 0.99
    # A layer that was not trained is not in it, whatever the rounding.
    assert set(adapter.updates) == set(updates)
    write_as_ours(adapter, tmp_path / "ours")
    for module, update in read_adapter(tmp_path / "ours").updates.items():
        found = update.scale * update.b @ update.a
        assert np.linalg.norm(found - updates[module]) < close * np.linalg.norm(updates[module])


def refused(tmp_path: Path, given: Tensors) -> str:
    base = replace(make_base(tmp_path / "none"), training_copy=write(tmp_path / "base", tensors()))
    with pytest.raises(InputFileError) as error:
        read_checked(write(tmp_path / "merged", given), base)
    return str(error.value)


def test_a_model_that_was_trained_as_a_whole_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, share = low_rank(np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32))
    assert share < 0.95 and a.shape == (128, 300) and b.shape == (400, 128)
    name = "model.layers.1.mlp.up_proj.weight"
    # Of 80 directions a rank of 128 holds all: a lower one stands for it here.
    monkeypatch.setattr("aeon_plugin_ft.weights.extract.RANKS", (4, 8, 16))
    assert "more than a LoRA of rank 16" in refused(tmp_path, {**tensors(), name: tensors(9)[name]})


def test_one_that_also_changed_what_no_lora_changes_is_refused(tmp_path: Path) -> None:
    after, _ = merged(tensors())
    assert "also changed model.norm" in refused(
        tmp_path, {**after, "model.norm.weight": after["model.norm.weight"] * 2}
    )


def test_what_was_made_from_another_model_or_from_nothing_is_refused(tmp_path: Path) -> None:
    assert "the base itself" in refused(tmp_path, tensors())
    other = {**tensors(), "model.norm.weight": np.zeros(81, np.float32)}
    assert "another model" in refused(tmp_path, other)
    more = {**tensors(), "model.layers.2.mlp.up_proj.weight": np.zeros((160, 80), np.float32)}
    assert "in one of them only" in refused(tmp_path, more)
    nan = {**tensors(), "model.layers.0.mlp.down_proj.weight": np.full((80, 160), np.nan, np.float32)}
    assert "not finite" in refused(tmp_path, nan)
