"""A base as a folder that transformers loads by itself: what the readers of GGUFs are compared with."""

from __future__ import annotations

from pathlib import Path

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.base.training_copy import whole_copy


def whole_folder(base: BaseModel) -> Path:
    """Its training copy where that holds the weights, else one that does, made beside it on first use."""
    if base.gguf is None or any(base.training_copy.glob("*.safetensors")):
        return base.training_copy
    return whole_copy(base.gguf, base.digest, base.training_copy.parent.parent)
