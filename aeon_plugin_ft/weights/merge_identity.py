"""Is this GGUF the model that was trained on? By its weights, not by its name.

Needed where the training used Hugging Face weights and a GGUF of the same model serves: a fine-tune of it has
the same shapes, and an adapter would be merged into it without a complaint.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import ServingError
from aeon_plugin_ft.messages import Speaker, cause
from aeon_plugin_ft.weights.architectures import FAMILIES, unpermute
from aeon_plugin_ft.weights.gguf_file import GgufFile
from aeon_plugin_ft.weights.merge_originals import find_tensor

SAME = 0.99
"""Correlation of the same weights in 4 bits and in 16 is above it; a fine-tune's is below, or its rows are in
another order."""
_SAMPLES = ("attn_q", "ffn_down")
_say = Speaker("errors/weights")


def require_same_model(gguf: Path, weights: Path) -> None:
    """Raise ServingError unless some layers of `gguf` are those of the Hugging Face folder `weights`."""
    with GgufFile(gguf) as file:
        family = FAMILIES.get(file.architecture)
        if family is None:
            return  # the merge itself refuses it, with the list of those it knows
        # In the middle: the first and last layers are often kept in a finer number format.
        middle = int(file.require("block_count")) // 2
        heads = int(file.require("attention.head_count"))
        kv_heads = int(file.field("attention.head_count_kv", heads))
        for part in _SAMPLES:
            name = f"blk.{middle}.{part}.weight"
            module = family.hf_name(name)
            try:
                theirs = read_tensor(weights, module) if module and name in file.tensors else None
            except (OSError, ValueError, KeyError) as error:
                raise ServingError(*_say.error("folder.unreadable", folder=weights, error=cause(error))) from error
            if theirs is None:
                raise ServingError(*_say.error("merge.other_kind", folder=weights, file=gguf.name))
            ours = file.read(name)
            permuted = family.permuted_heads(name, heads, kv_heads)
            # To the order of Hugging Face, or the same weights would not correlate.
            ours = unpermute(ours, permuted) if permuted else ours
            if ours.shape != theirs.shape or correlation(ours, theirs) < SAME:
                raise ServingError(*_say.error("merge.other_model", file=gguf.name, folder=weights.name))


def correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Pearson's, over all entries; 0 where one does not vary."""
    first, second = one.ravel() - one.mean(), other.ravel() - other.mean()
    size = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(np.dot(first, second)) / size if size else 0.0


def read_tensor(folder: Path, name: str) -> npt.NDArray[np.float32] | None:
    """One tensor out of a folder of .safetensors files; None when it is in none."""
    place = find_tensor(folder, name)
    return None if place is None else place.rows()
