"""Models that attend to a sliding window of their last tokens in most layers (Gemma 3, and others).

llama.cpp keeps only the window of such layers, and can then go on from no earlier point of a prompt: each question
computes the whole system prompt again, though the one before shared it
(https://github.com/ggml-org/llama.cpp/pull/13194). Keeping everything costs memory, and as little time as for any
other model.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aeon_plugin_ft.weights.gguf_file import GgufFile

MOST_BYTES = 512 << 20
"""What may be spent on it: 144 MiB for Gemma 3 270M and 208 MiB for its 1B in 8192 tokens, but 1.1 GiB for its 4B,
which an ordinary PC may not have to spare."""
_F16 = 2
"""Bytes of a number in llama.cpp's cache."""


def keeps_all(model: Path, tokens: int) -> bool:
    """Whether a server of this model, with so many tokens of context in all, keeps what it computed beyond the window.
    False where the model has none. Raises BaseModelError for a file that is no GGUF."""
    with GgufFile(model) as file:
        return bool(file.field("attention.sliding_window")) and cache_bytes(file, tokens) <= MOST_BYTES


def cache_bytes(file: GgufFile, tokens: int) -> int:
    """What the keys and values of so many tokens take in every layer."""
    heads, layers = int(file.require("attention.head_count")), int(file.require("block_count"))
    kept = file.field("attention.head_count_kv", heads)
    of_all_layers = sum(map(int, kept)) if isinstance(kept, Iterable) else int(kept) * layers
    width = int(file.require("embedding_length")) // heads
    both = int(file.field("attention.key_length", width)) + int(file.field("attention.value_length", width))
    return tokens * of_all_layers * both * _F16
