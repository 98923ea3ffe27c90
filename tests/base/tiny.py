"""Tiny random models of each family, as Hugging Face models and as GGUF files written from them.

The writer is independent of the code under test: it goes from Hugging Face to GGUF with the `gguf`
package's own names, as llama.cpp's converter does.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIALS = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
SHARED = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 256,
    "eos_token_id": 256,
    "pad_token_id": 256,
}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama", "head_dim": 16, "rope_parameters": ROPE},
    "qwen2": {"model_type": "qwen2", "rope_parameters": ROPE, "tie_word_embeddings": False},
    "qwen3": {"model_type": "qwen3", "head_dim": 32, "rope_parameters": ROPE, "tie_word_embeddings": True},
    "gemma3": {
        "model_type": "gemma3_text",
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
        "sliding_window": 8,
        "num_hidden_layers": 7,
        "layer_types": ["sliding_attention"] * 5 + ["full_attention", "sliding_attention"],
        "rope_parameters": {
            "full_attention": {**ROPE, "rope_theta": 1_000_000.0},
            "sliding_attention": ROPE,
        },
    },
    "phi3": {"model_type": "phi3", "rope_parameters": ROPE, "num_key_value_heads": 4, "sliding_window": None},
}
ARCH = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "gemma3": gguf.MODEL_ARCH.GEMMA3,
    "phi3": gguf.MODEL_ARCH.PHI3,
}


@dataclass(frozen=True)
class Tiny:
    """`model` is the Hugging Face original, `path` the GGUF made from it."""

    model: Any
    path: Path


def make_tiny(folder: Path, family: str, file_type: str = "F32", **changes: Any) -> Tiny:
    """A random model of `family` (the same for the same arguments) and its GGUF in `folder`."""
    torch.manual_seed(7)
    settings = {**SHARED, **FAMILIES[family], **changes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**settings))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * (0.2 if weight.ndim > 1 else 0.1))
            if "norm" in name and family != "gemma3":
                weight += 1
    model.eval()
    path = folder / f"{family}.gguf"
    write_gguf(path, family, model, gguf.GGMLQuantizationType[file_type])
    return Tiny(model, path)


def write_gguf(path: Path, family: str, model: Any, kind: gguf.GGMLQuantizationType) -> None:
    """The GGUF of a Hugging Face model of `family`."""
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[ARCH[family]])
    _write_config(writer, family, model.config)
    (_write_bytes_vocabulary if family in ("llama", "qwen2", "qwen3") else _write_pieces)(writer, model.config)
    names = gguf.get_tensor_name_map(ARCH[family], model.config.num_hidden_layers)
    for hf_name, weight in model.state_dict().items():
        if hf_name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        name = names.get_name(hf_name, try_suffixes=(".weight", ".bias"))
        assert name, hf_name
        _write_tensor(writer, family, model.config, name, weight.numpy(), kind)
    if family == "llama" and model.config.rope_parameters["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", _llama3_divisors(model))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _llama3_divisors(model: Any) -> np.ndarray:
    """By how much transformers slows each RoPE frequency down."""
    head_dim, theta = model.config.head_dim, model.config.rope_parameters["rope_theta"]
    plain = 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    return (plain / model.model.rotary_emb.inv_freq.double()).float().numpy()


def _write_tensor(writer: Any, family: str, config: Any, name: str, value: np.ndarray, kind: Any) -> None:
    if family == "llama" and (".attn_q." in name or ".attn_k." in name):
        heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
        value = value.reshape(heads, 2, len(value) // heads // 2, *value.shape[1:]).swapaxes(1, 2).reshape(value.shape)
    if family == "gemma3" and name.endswith("norm.weight"):
        value = value + 1
    if value.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
        writer.add_tensor(name, np.ascontiguousarray(value, dtype=np.float32))
        return
    writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(value), kind), raw_dtype=kind)


def _write_config(writer: Any, family: str, config: Any) -> None:
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters.get("full_attention", config.rope_parameters)
    writer.add_rope_freq_base(rope["rope_theta"])
    if family in ("llama", "qwen3", "gemma3"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if family in ("llama", "phi3"):
        writer.add_rope_dimension_count(head_dim)
    if family == "gemma3":
        writer.add_sliding_window(config.sliding_window)


def byte_alphabet() -> list[str]:
    """GPT-2's printable character for each of the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = {byte: 256 + n for n, byte in enumerate(b for b in range(256) if b not in kept)}
    return [chr(shifted.get(byte, byte)) for byte in range(256)]


def _write_bytes_vocabulary(writer: Any, config: Any) -> None:
    merges = [("o", "l"), ("a", "o"), ("\u0120", "d"), ("\u0120d", "e"), ("2", "0")]
    tokens = [*byte_alphabet(), *SPECIALS, *[left + right for left, right in merges]]
    padding = config.vocab_size - len(tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([*tokens, *[f"<unused{n}>" for n in range(padding)]])
    normal = gguf.TokenType.NORMAL
    after = len(tokens) - 256 - len(SPECIALS)
    types = [normal] * 256 + [gguf.TokenType.CONTROL] * len(SPECIALS) + [normal] * after
    writer.add_token_types([*types, *[gguf.TokenType.UNUSED] * padding])
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    _write_specials(writer, 256)


def _write_pieces(writer: Any, config: Any) -> None:
    """A SentencePiece vocabulary: unknown, specials, bytes, and a few pieces with scores."""
    letters = ["\u2581", *"abcdefghijklmnopqrstuvwxyz"]
    pairs = ["ol", "\u2581o", "\u2581ol", "ma", "ndo", "nd", "mando", "do"]
    head = ["<unk>", "<|end|>", *SPECIALS[1:]]
    tokens = [*head, *[f"<0x{byte:02X}>" for byte in range(256)], *letters, *pairs]
    tokens += [f"<unused{n}>" for n in range(config.vocab_size - len(tokens))]
    types = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 4 + [gguf.TokenType.BYTE] * 256
    types += [gguf.TokenType.NORMAL] * (len(letters) + len(pairs))
    types += [gguf.TokenType.UNUSED] * (len(tokens) - len(types))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(n) for n in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    _write_specials(writer, 1)


def _write_specials(writer: Any, end: int) -> None:
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
