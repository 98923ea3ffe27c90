"""Whether a run computes one layer at a time, decided once: the order in which numbers are added must not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.skeleton import load_skeleton
from aeon_plugin_ft.training.engine.loading import free_bytes, load_base
from aeon_plugin_ft.training.engine.shared import Checkpoint, SharedPrefix
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.weights.sources import WeightSource, has_weights, open_source, total_weights

ENGINE_FILE = "engine.json"
WEIGHTS_SHARE = 0.6
"""Of the free memory may be taken by a whole model in fp32; above it, its layers are read one at a time."""
MICRO_TOKENS = 512
"""At most, one layer at a time: products of more rows are no faster, and what is in memory grows with them."""


def load_frozen(run: Path, base: BaseModel, recipe: Recipe, device: str) -> tuple[Any, WeightSource | None]:
    """(the frozen model for the run in `run`, where its matrices are if they are not in it). Close the latter."""
    folder = base.training_copy
    if base.gguf is not None or has_weights(folder):
        source = open_source(folder, base.gguf, recipe.threads)
        if by_layers(run, folder, source, recipe, device, free_bytes(device)):
            return load_skeleton(folder, source), source
        source.close()
    # Without a source: in another format than safetensors, which transformers may know.
    return load_base(folder, device, quantize=recipe.quantize), None


def engine_of(
    model: Any, source: WeightSource | None, micro_tokens: int, between: Checkpoint, run: Path
) -> SharedPrefix:
    """The engine for what `load_frozen` has loaded, once there is an adapter around it."""
    if source is None:
        return SharedPrefix(model, micro_tokens, between)
    return LayeredPrefix(model, source, min(micro_tokens, MICRO_TOKENS), between, run)


def by_layers(run: Path, folder: Path, source: WeightSource, recipe: Recipe, device: str, free: int) -> bool:
    """Whether the run in `run` trains the base in `folder` a layer at a time, on a device with `free` bytes.

    The first attempt decides: where the weights are only in the file that is served, and where they would not fit.
    """
    file = run / ENGINE_FILE
    if file.exists():
        return bool(json.loads(file.read_text(encoding="utf-8"))["layered"])
    # DoRA looks at a weight's norm when an adapter is made, and 4 bits are made of whole weights on a GPU.
    able = device == "cpu" and recipe.quantize == "none" and not recipe.dora
    too_large = 4 * total_weights(source.shapes.values()) > WEIGHTS_SHARE * free
    layered = able and (too_large or not has_weights(folder))
    write_json(file, {"layered": layered})
    return layered
