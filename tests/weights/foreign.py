"""Adapters as other trainers leave them, written by hand: no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.weights.safetensors_writer import TensorSource, write_safetensors

SHAPES = {
    "model.layers.0.self_attn.q_proj": (16, 8),
    "model.layers.0.mlp.down_proj": (8, 24),
}
"""(outputs, inputs) of the linear layers of `make_base`."""


def make_base(folder: Path) -> BaseModel:
    """A base of which only the headers are real."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {**{f"{name}.weight": shape for name, shape in SHAPES.items()}, "model.embed_tokens.weight": (32, 8)}
    write_safetensors(folder / "model.safetensors", [_source(name, np.zeros(s)) for name, s in shapes.items()])
    return BaseModel("tiny-base", "sha256:tiny", "llama", 1000, folder, None)


def write_peft(folder: Path, rank: int = 4, alpha: float = 8, seed: int = 1, **config: Any) -> Path:
    """PEFT's form; `config` overrides what adapter_config.json says."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    tensors = {}
    for module, (rows, columns) in SHAPES.items():
        tensors[f"base_model.model.{module}.lora_A.weight"] = rng.normal(size=(rank, columns))
        tensors[f"base_model.model.{module}.lora_B.weight"] = rng.normal(size=(rows, rank))
    said = {
        "peft_type": "LORA", "r": rank, "lora_alpha": alpha, "bias": "none", "use_rslora": False, "use_dora": False,
        "base_model_name_or_path": "/home/other/models/tiny-base", "target_modules": ["q_proj", "down_proj"],
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps({**said, **config}), encoding="utf-8")
    write_tensors(folder / "adapter_model.safetensors", tensors)
    return folder


def write_mlx(folder: Path, rank: int = 4, scale: float = 20.0) -> Path:
    """MLX-LM's form: its A is (in, rank), its B (rank, out)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    tensors = {}
    for module, (rows, columns) in SHAPES.items():
        tensors[f"{module}.lora_a"] = rng.normal(size=(columns, rank))
        tensors[f"{module}.lora_b"] = rng.normal(size=(rank, rows))
    said = {
        "fine_tune_type": "lora", "model": "mlx-community/tiny-base", "num_layers": 1,
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": 0.0},
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(said), encoding="utf-8")
    write_tensors(folder / "adapters.safetensors", tensors)
    return folder


def write_tensors(path: Path, tensors: dict[str, Any]) -> None:
    write_safetensors(path, [_source(name, value) for name, value in tensors.items()])


def _source(name: str, value: Any) -> TensorSource:
    array = np.asarray(value, dtype=np.float32)
    return TensorSource(name, array.shape, lambda: iter([array]))
