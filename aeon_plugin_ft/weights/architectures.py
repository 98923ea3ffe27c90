"""What differs between model families when a GGUF becomes a Hugging Face model, and back.

Each family says how its tensors are called on both sides, whether llama.cpp keeps the rows of the
query and key projections in another order, and what stands in config.json. A family that is not here
is refused: a wrong guess would train a model that is not the one that serves.

Sources: llama.cpp's `conversion` package (row order, norms, names) and transformers' configuration
classes. GGUF "llama" is also what Mistral 7B, SmolLM2, Yi and R1-Distill-Llama are called.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.errors import BaseModelError
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/weights")
_OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_DENSE = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
_GEMMA_NORMS = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_FUSED = {
    "attn_norm": "input_layernorm",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_up": "mlp.gate_up_proj",
    "ffn_down": "mlp.down_proj",
}
NOT_WEIGHTS = frozenset({"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"})
"""Tensors that are part of the configuration on the Hugging Face side."""


@dataclass(frozen=True, slots=True)
class Family:
    """One GGUF architecture. `layer` maps the middle of a block's tensor name ("attn_q") to the Hugging Face
    module ("self_attn.q_proj"). `permuted`: query and key rows are interleaved for llama.cpp's RoPE.
    `norm_offset` is what the GGUF adds to every norm weight."""

    architecture: str
    model_type: str
    model_class: str
    layer: Mapping[str, str] = field(default_factory=lambda: _DENSE)
    permuted: bool = False
    norm_offset: float = 0.0

    def hf_name(self, gguf_name: str) -> str | None:
        """ "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; None when it is not known."""
        block = re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", gguf_name)
        if block is not None:
            module = self.layer.get(block[2])
            return f"model.layers.{block[1]}.{module}.{block[3]}" if module else None
        stem, _, kind = gguf_name.rpartition(".")
        return f"{_OUTSIDE[stem]}.{kind}" if stem in _OUTSIDE else None

    def gguf_name(self, hf_module: str) -> str | None:
        """ "model.layers.3.self_attn.q_proj" -> "blk.3.attn_q" (no ".weight"); None when it is not known."""
        block = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", hf_module)
        if block is not None:
            part = next((name for name, module in self.layer.items() if module == block[2]), None)
            return f"blk.{block[1]}.{part}" if part else None
        return next((name for name, module in _OUTSIDE.items() if module == hf_module), None)

    def is_norm(self, gguf_name: str) -> bool:
        """Whether the GGUF tensor of this name is a norm's."""
        return gguf_name.endswith("_norm.weight")

    def permuted_heads(self, gguf_name: str, heads: int, kv_heads: int) -> int | None:
        """How many heads the rows of this tensor are permuted in; None when they are not."""
        # "blk.3.attn_q.weight": number and part of the block.
        part = gguf_name.split(".")[2] if gguf_name.startswith("blk.") else ""
        return {"attn_q": heads, "attn_k": kv_heads}.get(part) if self.permuted else None


FAMILIES: dict[str, Family] = {
    family.architecture: family
    for family in (
        Family("llama", "llama", "LlamaForCausalLM", permuted=True),
        Family("qwen2", "qwen2", "Qwen2ForCausalLM"),
        Family("qwen3", "qwen3", "Qwen3ForCausalLM", {**_DENSE, **_HEAD_NORMS}),
        Family(
            "gemma3", "gemma3_text", "Gemma3ForCausalLM", {**_DENSE, **_HEAD_NORMS, **_GEMMA_NORMS}, norm_offset=1.0
        ),
        Family("phi3", "phi3", "Phi3ForCausalLM", _FUSED),
    )
}


def family_of(architecture: str) -> Family:
    """Raise BaseModelError for a family whose conversion has not been checked."""
    family = FAMILIES.get(architecture)
    if family is None:
        supported = ", ".join(sorted(FAMILIES))
        raise BaseModelError(*_say.error("family.unknown", architecture=architecture, supported=supported))
    return family


def permute(rows: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Hugging Face row order -> llama.cpp's (NORM RoPE). `rows` is (heads * head_dim, ...)."""
    # A head's rows are two halves, which rotate against one another; llama.cpp wants the pairs side by side.
    split = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(rows.shape))


def unpermute(rows: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """llama.cpp's row order -> Hugging Face's; the inverse of `permute`."""
    split = rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(rows.shape))
