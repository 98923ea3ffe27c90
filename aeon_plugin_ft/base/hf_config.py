"""config.json and generation_config.json of a training copy, from a GGUF header."""

from __future__ import annotations

from typing import Any

import numpy as np

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.weights.architectures import Family
from aeon_plugin_ft.weights.gguf_file import GgufFile

_say = Speaker("errors/base")
GEMMA3_27B_LAYERS = 62
"""The one Gemma 3 whose attention is scaled by the hidden size per head instead of the head size."""
LLAMA3_CONTEXT, LLAMA3_LOW, LLAMA3_HIGH = 8192, 1.0, 4.0
"""Original context and the band of frequencies of Meta's position scaling, the same in 3.1, 3.2 and 3.3."""
GEMMA3_PATTERN = 6
"""Every sixth layer of Gemma 3 attends to everything; the others to a window."""


def make_config(file: GgufFile, family: Family, dtype: str) -> dict[str, Any]:
    """The model's config.json. Raises BaseModelError for variants that would not compute the same."""
    _refuse_variants(file)
    heads = _single(file, "attention.head_count")
    hidden = int(file.require("embedding_length"))
    config: dict[str, Any] = {
        "architectures": [family.model_class],
        "model_type": family.model_type,
        # By the embedding and not by the list of tokens: some models have more rows than tokens.
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "hidden_size": hidden,
        "intermediate_size": _single(file, "feed_forward_length"),
        "num_hidden_layers": int(file.require("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": _single(file, "attention.head_count_kv", heads),
        "head_dim": _head_dim(file, hidden, heads),
        "max_position_embeddings": int(file.require("context_length")),
        "rms_norm_eps": _short(file.require("attention.layer_norm_rms_epsilon")),
        # A GGUF leaves the head out where it is the embedding.
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "dtype": dtype,
        "use_cache": True,
    }
    config |= _special_ids(file)
    config |= _PARTS.get(family.architecture, _llama_like)(file, config)
    return config


def make_generation_config(file: GgufFile) -> dict[str, Any]:
    """generation_config.json: where a reply ends, and nothing about sampling."""
    ids = _special_ids(file)
    ends = [ids["eos_token_id"]] if "eos_token_id" in ids else []
    eot = file.get("tokenizer.ggml.eot_token_id")
    if eot is not None and int(eot) not in ends:
        ends.append(int(eot))
    kept = {key: value for key, value in ids.items() if key != "eos_token_id"}
    return {**kept, "eos_token_id": ends[0] if len(ends) == 1 else ends} if ends else kept


def _refuse_variants(file: GgufFile) -> None:
    if int(file.field("expert_count", 0)):
        raise BaseModelError(*_say.error("variant.experts", file=file.path.name))
    # Each part has the whole header and a part of the tensors.
    if file.get("split.count", 1) > 1:
        raise BaseModelError(*_say.error("variant.split", file=file.path.name))
    kind = str(file.field("rope.scaling.type", "none"))
    if kind not in ("none", "linear", "longrope", ""):
        raise BaseModelError(*_say.error("variant.scaling", file=file.path.name, kind=kind))


def _single(file: GgufFile, name: str, default: int | None = None) -> int:
    """A number that the GGUF may also give per layer; layers must then agree."""
    value = file.field(name, default)
    if value is None:
        value = file.require(name)
    values = {int(one) for one in np.atleast_1d(value)}
    if len(values) != 1:
        raise BaseModelError(*_say.error("variant.layers", file=file.path.name, name=name))
    return values.pop()


def _head_dim(file: GgufFile, hidden: int, heads: int) -> int:
    return int(file.field("attention.key_length") or hidden // heads)


def _short(value: float) -> float:
    """A float32 of the header as the shortest decimal that gives the same float32 (1e-05, not 9.99e-06)."""
    return float(str(np.float32(value)))


def _special_ids(file: GgufFile) -> dict[str, int]:
    names = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    ids = {key: file.get(f"tokenizer.ggml.{name}_token_id") for key, name in names.items()}
    return {key: int(value) for key, value in ids.items() if value is not None}


def _theta(file: GgufFile) -> float:
    return _short(file.field("rope.freq_base", 10_000.0))


def _llama_like(file: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    if int(file.field("rope.dimension_count", config["head_dim"])) != config["head_dim"]:
        raise BaseModelError(*_say.error("variant.part_of_head", file=file.path.name))
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": _theta(file)}
    if file.field("rope.scaling.type") == "linear":
        rope |= {"rope_type": "linear", "factor": _short(file.require("rope.scaling.factor"))}
    if "rope_freqs.weight" in file.tensors:
        rope |= _llama3_scaling(file, config["head_dim"])
    return {
        "hidden_act": "silu",
        "rope_parameters": rope,
        "attention_bias": "blk.0.attn_q.bias" in file.tensors,
        "mlp_bias": "blk.0.ffn_up.bias" in file.tensors,
    }


def _llama3_scaling(file: GgufFile, head_dim: int) -> dict[str, Any]:
    """Llama 3's position scaling: the GGUF keeps the divisors, Hugging Face the four numbers behind them.

    Formula: transformers `_compute_llama3_parameters`. Only Meta's published numbers are looked for.
    """
    divisors = file.read("rope_freqs.weight").ravel()
    factor = round(float(divisors.max()), 3)
    frequencies = _theta(file) ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    waves = 2 * np.pi / frequencies
    smooth = (LLAMA3_CONTEXT / waves - LLAMA3_LOW) / (LLAMA3_HIGH - LLAMA3_LOW)
    between = 1 / ((1 - smooth) / factor + smooth)
    slow = np.where(waves > LLAMA3_CONTEXT / LLAMA3_LOW, factor, between)
    expected = np.where(waves < LLAMA3_CONTEXT / LLAMA3_HIGH, 1.0, slow)
    if divisors.shape != expected.shape or not np.allclose(divisors, expected, rtol=1e-3):
        raise BaseModelError(*_say.error("variant.llama_scaling", file=file.path.name))
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": LLAMA3_LOW,
        "high_freq_factor": LLAMA3_HIGH,
        "original_max_position_embeddings": LLAMA3_CONTEXT,
    }


def _qwen(file: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    made = _llama_like(file, config)
    # transformers' Qwen configurations do not have it; an unknown key would only confuse.
    del made["mlp_bias"]
    if file.architecture == "qwen2":
        del made["attention_bias"]
    return {**made, "use_sliding_window": False}


def _gemma3(file: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    layers = int(config["num_hidden_layers"])
    scalar = config["hidden_size"] // config["num_attention_heads"] if layers == GEMMA3_27B_LAYERS else None
    full: dict[str, Any] = {"rope_type": "default", "rope_theta": _theta(file)}
    if file.field("rope.scaling.factor"):
        full |= {"rope_type": "linear", "factor": _short(file.field("rope.scaling.factor"))}
    window = {"rope_type": "default", "rope_theta": _short(file.field("rope.freq_base_swa", 10_000.0))}
    # The pattern is not in the header; transformers derives it in the same way.
    kinds = ["full_attention" if (n + 1) % GEMMA3_PATTERN == 0 else "sliding_attention" for n in range(layers)]
    return {
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "query_pre_attn_scalar": scalar or config["head_dim"],
        "sliding_window": int(file.require("attention.sliding_window")),
        "layer_types": kinds,
        "rope_parameters": {"full_attention": full, "sliding_attention": window},
    }


def _phi3(file: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    original = int(file.field("rope.scaling.original_context_length", config["max_position_embeddings"]))
    share = int(file.field("rope.dimension_count", head_dim)) / head_dim
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": _theta(file), "partial_rotary_factor": share}
    if "rope_factors_long.weight" in file.tensors:
        for side in ("long", "short"):
            factors = file.read(f"rope_factors_{side}.weight").ravel()
            rope[f"{side}_factor"] = [_short(float(value)) for value in factors]
        rope |= {"rope_type": "longrope", "original_max_position_embeddings": original}
    window = int(file.field("attention.sliding_window", 0)) or None
    return {
        "hidden_act": "silu",
        "original_max_position_embeddings": original,
        "partial_rotary_factor": share,
        "rope_parameters": rope,
        "sliding_window": window,
    }


_PARTS = {"llama": _llama_like, "qwen2": _qwen, "qwen3": _qwen, "gemma3": _gemma3, "phi3": _phi3}
