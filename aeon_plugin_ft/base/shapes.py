"""The shapes of a base's linear layers by their Hugging Face names, read from headers alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.weights.architectures import family_of
from aeon_plugin_ft.weights.gguf_file import GgufFile

Shapes = Mapping[str, tuple[int, int]]
"""Module ("model.layers.0.self_attn.q_proj") to (outputs, inputs)."""
_NOT_LINEAR = ("model.embed_tokens",)
_say = Speaker("errors/base")


def linear_shapes(base: BaseModel) -> Shapes:
    """Every linear layer of a base. Raises BaseModelError where neither of its forms can be read."""
    shapes = _of_copy(base.training_copy) or _of_gguf(base)
    if not shapes:
        raise BaseModelError(*_say.error("layers.unreadable", base=base.spec))
    return shapes


def _of_copy(folder: Path) -> dict[str, tuple[int, int]]:
    shapes: dict[str, tuple[int, int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        shapes |= _linear({name: tuple(info["shape"]) for name, info in _header(path).items()})
    return shapes


def _header(path: Path) -> dict[str, dict[str, list[int]]]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, dict[str, list[int]]] = json.loads(file.read(length))
    except (OSError, ValueError, struct.error) as error:
        raise BaseModelError(*_say.error("layers.header", path=path, error=refusal(error))) from error
    header.pop("__metadata__", None)
    return header


def _of_gguf(base: BaseModel) -> dict[str, tuple[int, int]]:
    if base.gguf is None:
        return {}
    family = family_of(base.architecture)
    with GgufFile(base.gguf) as file:
        return _linear({family.hf_name(name) or "": tensor.shape for name, tensor in file.tensors.items()})


def _linear(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, int]]:
    return {
        name.removesuffix(".weight"): (shape[0], shape[1])
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2 and not name.startswith(_NOT_LINEAR)
    }
