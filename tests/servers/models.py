"""Small models and adapters made on the spot: random weights in the right shapes, in the real formats."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.registry.model import Version, VersionState
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.weights.gguf_file import GgufFile

Array = npt.NDArray[Any]
MODULES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip
WIDTH, HEADS, KV_HEADS, HIDDEN, VOCABULARY = 64, 4, 2, 96, 40


def shapes(width: int = WIDTH, hidden: int = HIDDEN) -> dict[str, tuple[int, int]]:
    """(out, in) of each linear module of a block."""
    kv = width // HEADS * KV_HEADS
    return {"attn_q": (width, width), "attn_k": (kv, width), "attn_v": (kv, width), "attn_output": (width, width),
            "ffn_gate": (hidden, width), "ffn_up": (hidden, width), "ffn_down": (width, hidden)}  # fmt: skip


def write_gguf(
    path: Path, *, architecture: str = "llama", blocks: int = 2, kind: str = "Q4_1", seed: int = 0,
    template: str = "", extra: Mapping[str, Any] | None = None, rename: Mapping[str, str] | None = None,
) -> Path:  # fmt: skip
    """A dense model of a few kilobytes; `extra` are more key-values, `rename` changes tensor names."""
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("small")
    writer.add_block_count(blocks)
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_token_list([f"t{number}" for number in range(VOCABULARY)])
    if template:
        writer.add_chat_template(template)
    for key, value in (extra or {}).items():
        (writer.add_string if isinstance(value, str) else writer.add_uint32)(key, value)
    writer.add_tensor("token_embd.weight", random.standard_normal((VOCABULARY, WIDTH)).astype(np.float32))
    quantised = gguf.GGMLQuantizationType[kind]
    for block in range(blocks):
        writer.add_tensor(f"blk.{block}.attn_norm.weight", np.ones(WIDTH, np.float32))
        for name, shape in shapes().items():
            weights = random.standard_normal(shape).astype(np.float32) * 0.1
            full = f"blk.{block}.{name}.weight"
            packed = gguf.quants.quantize(weights, quantised)
            writer.add_tensor((rename or {}).get(full, full), packed, raw_dtype=quantised)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """https://github.com/huggingface/safetensors: a JSON header, then the bytes. uint16 stands for BF16."""
    names = {"float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64"}
    header: dict[str, Any] = {}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": names[str(tensor.dtype)], "shape": list(tensor.shape),
                        "data_offsets": [at, at + tensor.nbytes]}  # fmt: skip
        at += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t.tobytes() for t in tensors.values()))


def write_adapter(
    folder: Path, sizes: Mapping[str, tuple[int, int]] | None = None, *, blocks: int = 2, rank: int = 4,
    alpha: float = 8, strength: float = 0.02, seed: int = 1, modules: Sequence[str] = tuple(MODULES),
    dtype: Any = np.float32, **config: Any,
) -> Path:  # fmt: skip
    """A PEFT folder with random A and B; `strength` is about the size of an entry of scale * B @ A."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Array] = {}
    for block in range(blocks):
        for name, (out, into) in (sizes or shapes()).items():
            if name in modules:
                module = f"base_model.model.model.layers.{block}.{MODULES[name]}"
                scale = strength / (alpha / rank) / rank**0.5
                tensors[f"{module}.lora_A.weight"] = random.standard_normal((rank, into)).astype(dtype)
                tensors[f"{module}.lora_B.weight"] = (random.standard_normal((out, rank)) * scale).astype(dtype)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    written = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": alpha, "bias": "none",
               "use_dora": False, "use_rslora": False, "modules_to_save": None, "init_lora_weights": True,
               "fan_in_fan_out": False, "target_modules": [MODULES[name] for name in modules], **config}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(written), encoding="utf-8")
    return folder


SMOL_SHAPES = {"attn_q": (576, 576), "attn_k": (192, 576), "attn_v": (192, 576), "attn_output": (576, 576),
               "ffn_gate": (1536, 576), "ffn_up": (1536, 576), "ffn_down": (576, 1536)}  # fmt: skip
"""SmolLM2-135M, which has 30 blocks."""


def make_base(gguf_file: Path, spec: str = "") -> BaseModel:
    """The base that a GGUF is, with no training copy."""
    with GgufFile(gguf_file) as file:
        return BaseModel(spec or str(gguf_file), sha256(gguf_file), file.architecture, file.parameters,
                         gguf_file.parent / "no-copy", gguf_file)  # fmt: skip


def make_version(versions: Path, adapter: Path, base: BaseModel, name: str = "v0001") -> Version:
    """A version in the registry's layout, of an adapter folder."""
    folder = versions / name
    shutil.copytree(adapter, folder / "adapter", dirs_exist_ok=True)
    verdict = Verdict(accepted=True, checks=(), numbers={})
    return Version(name, folder, "run", "dataset", base.spec, base.digest, None, 0.0, verdict, VersionState.ACCEPTED)


def write_copy(folder: Path, gguf_file: Path, noise: float = 0.0, dtype: Any = np.float32) -> Path:
    """The Hugging Face side of a small GGUF: its linear layers, `noise` added, rows in Hugging Face's order."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Array] = {}
    with GgufFile(gguf_file) as file:
        for name in file.tensors:
            part = name.split(".")[2] if name.startswith("blk.") else ""
            if part in MODULES:
                rows = file.read(name)
                heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(part) if file.architecture == "llama" else None
                if heads:
                    rows = rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)
                rows = rows + noise * np.random.default_rng(0).standard_normal(rows.shape)
                tensors[f"model.layers.{name.split('.')[1]}.{MODULES[part]}.weight"] = rows.astype(dtype)
    write_safetensors(folder / "model.safetensors", tensors)
    return folder
