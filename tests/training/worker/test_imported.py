"""Adapters that PEFT itself wrote, with other trainers' configurations: the one that is brought computes the same.

Axolotl, Unsloth and MLX-LM train on a GPU or on Apple's chips only, so what they would leave is made here: by PEFT,
with the options that our exports give the first two (dataset/export/texts.py), once with the modules as a regular
expression, and in MLX-LM's own form by its formula (tests/weights/foreign.py). LLaMA-Factory and TRL run for real, in
tests/interop/round_trip.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.training.imported import read_checked
from aeon_plugin_ft.weights.foreign import Trainer, write_as_ours
from tests.training.tiny import tiny_base, tiny_copy

__all__ = ["tiny_base", "tiny_copy"]

SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
AXOLOTL: dict[str, Any] = {"r": 8, "lora_alpha": 16, "lora_dropout": 0.0, "target_modules": SEVEN, "bias": "none"}
UNSLOTH: dict[str, Any] = {
    "r": 16, "lora_alpha": 16, "lora_dropout": 0.0, "bias": "none",
    "target_modules": r"(?:.*?(?:self_attn|mlp).*?(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj).*?)",
}  # fmt: skip
PATTERNS: dict[str, Any] = {**AXOLOTL, "rank_pattern": {"down_proj": 4}, "alpha_pattern": {"q_proj": 32}}

pytestmark = [
    pytest.mark.slow(seconds=15),
    # PEFT asks transformers for it by its old name.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


def logits(base: Path, adapter: Path) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        return PeftModel.from_pretrained(model, adapter)(torch.arange(40)[None]).logits


def trained(base: Path, folder: Path, options: dict[str, Any]) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(loaded, LoraConfig(task_type="CAUSAL_LM", **options))
    for name, value in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.3)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("options", "card", "trainer"),
    [
        (AXOLOTL, "tags:\n- axolotl\n- transformers", Trainer.AXOLOTL),
        (UNSLOTH, "tags:\n- unsloth\n- trl", Trainer.UNSLOTH),
        ({**AXOLOTL, "use_rslora": True}, "", Trainer.PEFT),
        (PATTERNS, "", Trainer.PEFT),
    ],
    ids=["axolotl", "unsloth", "rslora", "patterns"],
)
def test_what_was_brought_computes_what_the_other_trainer_left(
    tiny_base: BaseModel, tmp_path: Path, options: dict[str, Any], card: str, trainer: Trainer
) -> None:
    theirs = trained(tiny_base.training_copy, tmp_path / "theirs", options)
    (theirs / "README.md").write_text(card, encoding="utf-8")
    adapter = read_checked(theirs, tiny_base)
    assert adapter.trainer is trainer and len(adapter.updates) == 2 * len(SEVEN)
    write_as_ours(adapter, tmp_path / "ours")
    first, second = (logits(tiny_base.training_copy, tmp_path / name) for name in ("theirs", "ours"))
    assert (first - second).abs().max() < 1e-4 and first.abs().max() > 0.1


def test_dora_and_another_base_are_refused(tiny_base: BaseModel, tmp_path: Path) -> None:
    dora = trained(tiny_base.training_copy, tmp_path / "dora", {**AXOLOTL, "use_dora": True})
    with pytest.raises(InputFileError, match="DoRA"):
        read_checked(dora, tiny_base)
    plain = trained(tiny_base.training_copy, tmp_path / "plain", AXOLOTL)
    config = json.loads((tiny_base.training_copy / "config.json").read_text(encoding="utf-8"))
    other = tmp_path / "other"
    other.mkdir()
    from transformers import AutoConfig, AutoModelForCausalLM

    wider = AutoConfig.for_model(**{**config, "intermediate_size": 96})
    AutoModelForCausalLM.from_config(wider).save_pretrained(other)
    with pytest.raises(InputFileError, match="another model"):
        read_checked(plain, BaseModel("other", "sha256:o", "llama", 1, other, None))
