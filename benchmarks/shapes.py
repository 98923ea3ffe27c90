"""Models of random blocks in the exact shapes of public ones, as GGUFs in the mix of types of Q4_K_M."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Shape:
    """A public model's config.json, without its weights."""

    family: str
    width: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool


SHAPES = {
    "tiny": Shape("llama", 256, 512, 2, 4, 2, 64, 512, True),
    "llama-1b": Shape("llama", 2048, 8192, 16, 32, 8, 64, 128_256, True),
    "llama-3b": Shape("llama", 3072, 8192, 28, 24, 8, 128, 128_256, True),
    "llama-8b": Shape("llama", 4096, 14_336, 32, 32, 8, 128, 128_256, False),
    "qwen3-8b": Shape("qwen3", 4096, 12_288, 36, 32, 8, 128, 151_936, False),
}
"""Llama-3.2-1B, Llama-3.2-3B, Llama-3.1-8B, Qwen3-8B."""
Q4_K, Q6_K = 12, 14


def make_gguf(path: Path, shape: Shape, layers: int = 0, tokenizer: Path | None = None) -> None:
    """Random blocks: as many bytes to read and to decode as a trained model has. `tokenizer` is a GGUF whose tokens
    are used, filled up to the vocabulary. Raises OSError without the room."""
    import gguf

    layers = layers or shape.layers
    writer = gguf.GGUFWriter(path, shape.family)
    writer.add_block_count(layers)
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000.0)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    if tokenizer is not None:
        _copy_tokenizer(writer, tokenizer, shape.vocabulary)
    tensors = list(tensors_of(shape, layers))
    needed = sum(rows * columns for _, rows, columns, _ in tensors)
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(f"{path.parent} has no room for a file of up to {needed / 1e9:.1f} GB")
    for name, rows, columns, kind in tensors:
        writer.add_tensor(name, _blocks(rows, columns, kind), raw_dtype=gguf.GGMLQuantizationType(kind))
    for name, values in _norms(shape, layers):
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_tokenizer(writer: Any, path: Path, vocabulary: int) -> None:
    from gguf import GGUFReader
    from gguf.constants import TokenType

    for name, field in GGUFReader(path).fields.items():
        if not name.startswith("tokenizer."):
            continue
        value = field.contents()
        if name == "tokenizer.ggml.tokens":
            value += [f"[unused {number}]" for number in range(len(value), vocabulary)]
        elif name == "tokenizer.ggml.token_type":
            value += [int(TokenType.UNUSED)] * (vocabulary - len(value))
        kinds = field.types
        writer.add_key_value(name, value, kinds[0], kinds[-1] if len(kinds) > 1 else None)


def tensors_of(shape: Shape, layers: int) -> list[tuple[str, int, int, int]]:
    """(name, rows, columns, type) of every matrix, in the mix of Q4_K_M."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    made = [("token_embd.weight", shape.vocabulary, shape.width, Q6_K if shape.tied else Q4_K)]
    if not shape.tied:
        made.append(("output.weight", shape.vocabulary, shape.width, Q6_K))
    for layer in range(layers):
        # llama.cpp gives values and the way down more bits in the first and last eighth, and in every third layer.
        eighth = layers // 8
        more = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
        finer = Q6_K if more else Q4_K
        made += [
            (f"blk.{layer}.attn_q.weight", queries, shape.width, Q4_K),
            (f"blk.{layer}.attn_k.weight", keys, shape.width, Q4_K),
            (f"blk.{layer}.attn_v.weight", keys, shape.width, finer),
            (f"blk.{layer}.attn_output.weight", shape.width, queries, Q4_K),
            (f"blk.{layer}.ffn_gate.weight", shape.inner, shape.width, Q4_K),
            (f"blk.{layer}.ffn_up.weight", shape.inner, shape.width, Q4_K),
            (f"blk.{layer}.ffn_down.weight", shape.width, shape.inner, finer),
        ]
    return made


def _norms(shape: Shape, layers: int) -> list[tuple[str, Any]]:
    import numpy as np

    made = [("output_norm.weight", np.ones(shape.width, np.float32))]
    for layer in range(layers):
        made += [(f"blk.{layer}.{part}.weight", np.ones(shape.width, np.float32)) for part in ("attn_norm", "ffn_norm")]
        if shape.family == "qwen3":
            made += [
                (f"blk.{layer}.{part}.weight", np.ones(shape.head_dim, np.float32))
                for part in ("attn_q_norm", "attn_k_norm")
            ]
    return made


def _blocks(rows: int, columns: int, kind: int) -> Any:
    """Encoded rows of random weights of about 1 / sqrt(columns), by repeating some thousand of them."""
    import libgguf
    import numpy as np

    pick = np.random.default_rng(rows * columns + kind)
    some = pick.standard_normal((min(rows, 64), columns), dtype=np.float32) / columns**0.5
    encoded = np.asarray(libgguf.quantize_rows(some, kind))
    return encoded[np.arange(rows) % len(encoded)]
