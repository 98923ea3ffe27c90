"""Whether a run computes one layer at a time, decided once: the order in which numbers are added must not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.training_copy import whole_copy
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.engine.flat.choice import whole_engine
from aeon_plugin_ft.training.engine.layered.engine import LayeredPrefix
from aeon_plugin_ft.training.engine.layered.skeleton import load_skeleton, load_whole
from aeon_plugin_ft.training.engine.loading import free_bytes, keep_freed_memory, load_base, pick_dtype
from aeon_plugin_ft.training.engine.shared import Checkpoint, SharedPrefix
from aeon_plugin_ft.training.model import Recipe
from aeon_plugin_ft.weights.sources import WeightSource, has_weights, open_source, total_weights

ENGINE_FILE = "engine.json"
WEIGHTS_SHARE = 0.6
"""Of the free memory may be taken by a whole model; above it, its layers are read one at a time."""
CARD_SHARE = 0.75
"""The same of a card's, where layers that are written out keep no more than there is room for."""
MICRO_TOKENS = {"cpu": 512, "cuda": 2048}
"""At most, one layer at a time: products of more rows are no faster, and what is in memory grows with them."""
DEVICES = frozenset(MICRO_TOKENS)
"""Where a model can be computed a layer at a time; others lack fp64, in which losses are added up."""


def load_frozen(
    run: Path, base: BaseModel, recipe: Recipe, device: str, dtype: torch.dtype, at_most: int = 0
) -> tuple[Any, WeightSource | None]:
    """(the frozen model for the run in `run`, where its matrices are if they are not in it). Close the latter.

    `at_most` so many layers of it are there where they are read one at a time; 0: all.
    """
    folder = base.training_copy
    if recipe.quantize != "none":
        # bitsandbytes makes its 4 bits while transformers loads a whole folder.
        whole = folder if base.gguf is None else whole_copy(base.gguf, base.digest, folder.parent.parent)
        return load_base(whole, device, dtype, recipe.quantize), None
    if base.gguf is None and not has_weights(folder):
        # In another format than safetensors, which transformers may know.
        return load_base(folder, device, dtype), None
    source = open_source(folder, base.gguf, recipe.threads)
    # A processor's start-up check is in fp32, whatever the run then computes in.
    fits_in = torch.float32 if device == "cpu" else dtype
    layered = by_layers(run, source, recipe, device, free_bytes(device), fits_in)
    return _load(folder, source, device, dtype, layered=layered, at_most=at_most)


def load_to_measure(
    folder: Path, gguf: Path | None, threads: int, device: str, *, layered: bool | None = None
) -> tuple[Any, WeightSource | None]:
    """`load_frozen` for what trains nothing: whole where it fits the memory, unless `layered` says which."""
    if gguf is None and not has_weights(folder):
        return load_base(folder, device), None
    source = open_source(folder, gguf, threads)
    if layered is None:
        layered = device in DEVICES and too_large(source, free_bytes(device), pick_dtype(device))
    return _load(folder, source, device, pick_dtype(device), layered=layered)


def _load(
    folder: Path, source: WeightSource, device: str, dtype: torch.dtype, *, layered: bool, at_most: int = 0
) -> tuple[Any, WeightSource | None]:
    try:
        if layered:
            return load_skeleton(folder, source, at_most, device), source
        model = load_whole(folder, source, device, dtype)
    except BaseException:
        source.close()
        raise
    source.close()
    return model, None


def engine_of(
    model: Any, source: WeightSource | None, micro_tokens: int, between: Checkpoint, scratch: Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> SharedPrefix:  # fmt: skip
    """The engine for what was loaded here, once there is an adapter around it. `scratch` is where a layer-wise one
    keeps what is too large for the memory, `dtype` what it multiplies in; a whole model has its own type."""
    if source is None:
        return whole_engine(model, micro_tokens, between)
    engine = LayeredPrefix(model, source, micro_tokens, between, scratch, dtype=dtype)
    engine.micro_tokens = min(micro_tokens, MICRO_TOKENS[engine.device.type])
    if engine.written is not None:
        keep_freed_memory()
    return engine


def by_layers(
    run: Path, source: WeightSource, recipe: Recipe, device: str, free: int, dtype: torch.dtype = torch.float32
) -> bool:
    """Whether the run in `run` trains a base a layer at a time, on a device with `free` bytes. The first attempt
    decides: where it would not fit."""
    file = run / ENGINE_FILE
    if file.exists():
        return bool(json.loads(file.read_text(encoding="utf-8"))["layered"])
    # DoRA looks at a weight's norm when an adapter is made.
    share = CARD_SHARE if device == "cuda" else WEIGHTS_SHARE
    layered = device in DEVICES and not recipe.dora and too_large(source, free, dtype, share)
    write_json(file, {"layered": layered})
    return layered


def too_large(
    source: WeightSource, free: int, dtype: torch.dtype = torch.float32, share: float = WEIGHTS_SHARE
) -> bool:
    """Whether all weights in this type would take too much of `free` bytes."""
    return dtype.itemsize * total_weights(source.shapes.values()) > share * free
