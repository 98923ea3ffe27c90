"""Adapters of other trainers: read without running anything of them, and written again as the same update."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.weights.adapter import read_adapter, read_safetensors
from aeon_plugin_ft.weights.foreign import Trainer, read_foreign, write_as_ours
from tests.weights.foreign import SHAPES, write_mlx, write_peft, write_tensors

MOST = 1 << 20


def refused(folder: Path, most: int = MOST) -> str:
    with pytest.raises(InputFileError) as error:
        read_foreign(folder, most)
    return str(error.value)


@pytest.mark.parametrize("changes", [{}, {"use_rslora": True}, {"alpha_pattern": {"down_proj": 2}}])
def test_a_peft_adapter_is_the_same_update_in_our_form(tmp_path: Path, changes: dict[str, Any]) -> None:
    theirs = read_adapter(write_peft(tmp_path / "theirs", **changes))
    write_as_ours(read_foreign(tmp_path / "theirs", MOST), tmp_path / "ours")
    ours = read_adapter(tmp_path / "ours")
    assert set(ours.updates) == set(SHAPES)
    for module, update in ours.updates.items():
        other = theirs.updates[f"base_model.model.{module}"] if module not in theirs.updates else theirs.updates[module]
        assert update.scale == pytest.approx(other.scale)
        assert np.array_equal(update.a, other.a) and np.array_equal(update.b, other.b)


def test_what_is_not_understood_does_not_come_along(tmp_path: Path) -> None:
    write_peft(tmp_path / "theirs", auto_mapping={"base_model_class": "Evil"}, custom="code")
    (tmp_path / "theirs" / "training_args.bin").write_bytes(b"a pickle")
    write_as_ours(read_foreign(tmp_path / "theirs", MOST), tmp_path / "ours")
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    config = json.loads((tmp_path / "ours" / "adapter_config.json").read_text(encoding="utf-8"))
    assert "custom" not in config and "auto_mapping" not in config and config["base_model_name_or_path"] is None


def test_mlx_computes_the_same_from_its_own_form(tmp_path: Path) -> None:
    folder = write_mlx(tmp_path / "mlx")
    adapter = read_foreign(folder, MOST)
    assert adapter.trainer is Trainer.MLX and adapter.rank == 4
    write_as_ours(adapter, tmp_path / "ours")
    theirs = read_safetensors(folder / "adapters.safetensors")
    for module, update in read_adapter(tmp_path / "ours").updates.items():
        x = np.random.default_rng(0).normal(size=(3, SHAPES[module][1])).astype(np.float32)
        # MLX-LM's LoRALinear: scale * ((x @ lora_a) @ lora_b), added to the layer's own output.
        expected = 20.0 * ((x @ theirs[f"{module}.lora_a"]) @ theirs[f"{module}.lora_b"])
        assert np.allclose(update.scale * (x @ update.a.T) @ update.b.T, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("card", "trainer"),
    [("tags:\n- llama-factory\n- lora", Trainer.LLAMAFACTORY), ("tags: [axolotl, trl]", Trainer.AXOLOTL),
     ("- unsloth\n- trl", Trainer.UNSLOTH), ("- trl\n- sft", Trainer.TRL), ("an adapter of control", Trainer.PEFT)],
)  # fmt: skip
def test_the_model_card_tells_who_trained_it(tmp_path: Path, card: str, trainer: Trainer) -> None:
    write_peft(tmp_path)
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert read_foreign(tmp_path, MOST).trainer is trainer


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"use_dora": True}, "DoRA"), ({"peft_type": "IA3"}, "not LoRA"), ({"bias": "all"}, "biases"),
     ({"modules_to_save": ["lm_head"]}, "whole modules"), ({"init_lora_weights": "pissa"}, "changed the base")],
)  # fmt: skip
def test_what_is_more_than_a_plain_lora_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    assert why in refused(write_peft(tmp_path, **changes))


class Runs:
    """What a pickle could hold."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


def test_a_pickle_is_refused_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_peft(tmp_path / "theirs")
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Runs()))
    assert "pickle" in refused(folder)
    assert not Path("executed").exists()


def test_what_is_larger_than_any_lora_of_the_base_is_not_read(tmp_path: Path) -> None:
    folder = write_peft(tmp_path)
    with (folder / "adapter_model.safetensors").open("r+b") as file:
        file.truncate(64 << 20)
    assert "more than any LoRA" in refused(folder, 1 << 20)


def test_numbers_that_are_none_a_rank_that_is_too_high_and_damage_are_refused(tmp_path: Path) -> None:
    folder = write_peft(tmp_path / "nan")
    tensors = read_safetensors(folder / "adapter_model.safetensors")
    tensors = {name: np.full_like(value, np.nan) for name, value in tensors.items()}
    write_tensors(folder / "adapter_model.safetensors", tensors)
    assert "not finite" in refused(folder)
    assert "rank is 300" in refused(write_peft(tmp_path / "high", rank=300))
    cut = write_peft(tmp_path / "cut")
    weights = cut / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert "adapter" in refused(cut)
    (cut / "adapter_config.json").write_text("[1]", encoding="utf-8")
    assert "no JSON object" in refused(cut)
    assert "adapter_config.json" in refused(tmp_path)
    assert "no folder" in refused(tmp_path / "nowhere")


def test_mlx_that_is_no_lora_is_refused(tmp_path: Path) -> None:
    folder = write_mlx(tmp_path)
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps({**config, "fine_tune_type": "dora"}), encoding="utf-8")
    assert "dora" in refused(folder)
