"""Merging an adapter into an 8B-shaped GGUF: peak memory and seconds per GB.

    python benchmarks/merge.py --layers 32              the shape of Llama 3.1 8B, Q4_K, all linear layers
    python benchmarks/merge.py --layers 2 --attention   a small piece of it, attention only

The weights are random Q4_K blocks; the merge is the product's own, in its own child process. Peak memory is the
child's resident set, sampled every 20 ms. Needs about 14 GB of disk for 32 layers, in --folder.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil

from aeon_plugin_ft.serving.merging.worker.run import merge_in_child
from aeon_plugin_ft.weights.merge import MergeOptions

WIDTH, HIDDEN, HEADS, KV_HEADS, VOCABULARY = 4096, 14336, 32, 8, 128_256
KV = WIDTH // HEADS * KV_HEADS
SHAPES = {"attn_q": (WIDTH, WIDTH), "attn_k": (KV, WIDTH), "attn_v": (KV, WIDTH), "attn_output": (WIDTH, WIDTH),
          "ffn_gate": (HIDDEN, WIDTH), "ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN)}  # fmt: skip
MODULES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
           "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
           "ffn_down": "mlp.down_proj"}  # fmt: skip
F32, Q4_K = 0, 12
Q4_K_WEIGHTS, Q4_K_BYTES = 256, 144


def write_base(path: Path, layers: int) -> None:
    """A llama of random Q4_K blocks: float16 steps of a usual size, random scales and nibbles."""
    tensors = [("token_embd.weight", (VOCABULARY, WIDTH), Q4_K)]
    for layer in range(layers):
        tensors.append((f"blk.{layer}.attn_norm.weight", (WIDTH,), F32))
        tensors += [(f"blk.{layer}.{name}.weight", shape, Q4_K) for name, shape in SHAPES.items()]
    values: dict[str, int | str] = {
        "general.architecture": "llama", "llama.block_count": layers, "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS, "llama.embedding_length": WIDTH,
    }  # fmt: skip
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)))
        for key, value in values.items():
            kind, raw = (8, text(value)) if isinstance(value, str) else (4, struct.pack("<I", value))
            file.write(text(key) + struct.pack("<I", kind) + raw)
        offset = 0
        for name, shape, kind in tensors:
            file.write(text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape)))
            file.write(struct.pack("<IQ", kind, offset))
            offset += size_of(shape, kind)
        file.write(bytes(-file.tell() % 32))
        random = np.random.default_rng(0)
        for _, shape, kind in tensors:
            write_tensor(file, random, size_of(shape, kind), kind)


def write_tensor(file: BinaryIO, random: np.random.Generator, size: int, kind: int) -> None:
    if kind == F32:
        file.write(np.ones(size // 4, np.float32).tobytes())
        return
    left = size // Q4_K_BYTES
    while left:
        count = min(left, 1 << 16)
        blocks = random.integers(0, 256, (count, Q4_K_BYTES), dtype=np.uint8)
        blocks[:, :4] = np.full((count, 2), [3e-5, 2e-4], np.float16).view(np.uint8)
        file.write(blocks.data)
        left -= count


def size_of(shape: tuple[int, ...], kind: int) -> int:
    count = int(np.prod(shape))
    return count * 4 if kind == F32 else count // Q4_K_WEIGHTS * Q4_K_BYTES


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def write_adapter(folder: Path, layers: int, rank: int, names: list[str]) -> None:
    """A PEFT folder of float32, random, about 1 % of the weights."""
    random = np.random.default_rng(1)
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for layer in range(layers):
        for name in names:
            out, into = SHAPES[name]
            module = f"base_model.model.model.layers.{layer}.{MODULES[name]}"
            tensors[f"{module}.lora_A.weight"] = random.standard_normal((rank, into), dtype=np.float32)
            tensors[f"{module}.lora_B.weight"] = random.standard_normal((out, rank), dtype=np.float32) * 1e-4
    folder.mkdir()
    header: dict[str, Any] = {}
    at = 0
    for key, tensor in tensors.items():
        header[key] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
        at += tensor.nbytes
    raw = json.dumps(header).encode()
    with (folder / "adapter_model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        for tensor in tensors.values():
            file.write(tensor.tobytes())
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


class Peak(threading.Thread):
    """The largest resident set of this process's children while it runs, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.02):
            self.bytes = max([self.bytes, *self._children()])

    def _children(self) -> Iterator[int]:
        for child in psutil.Process().children():
            try:
                yield child.memory_info().rss
            except psutil.NoSuchProcess:
                continue

    def stop(self) -> int:
        self._end.set()
        self.join()
        return self.bytes


def measure(folder: Path, layers: int, rank: int, attention: bool) -> dict[str, Any]:
    """One merge; sizes in bytes."""
    base, adapter, out = folder / "base.gguf", folder / "adapter", folder / "merged.gguf"
    write_base(base, layers)
    write_adapter(adapter, layers, rank, [name for name in SHAPES if not attention or name.startswith("attn")])
    peak = Peak()
    peak.start()
    started = time.perf_counter()
    report = merge_in_child(base, adapter, out, MergeOptions(version="benchmark"))
    seconds = time.perf_counter() - started
    return {
        "layers": layers, "rank": rank, "targets": "attention" if attention else "all linear",
        "base_bytes": base.stat().st_size, "merged_bytes": report["size"], "seconds": round(seconds, 1),
        "seconds_per_base_gb": round(seconds / base.stat().st_size * 1e9, 1),
        "seconds_per_merged_gb": round(seconds / report["size"] * 1e9, 1), "peak_bytes": peak.stop(),
        "touched": len(report["tensors"]), "lowest_share": round(min(t["share"] for t in report["tensors"]), 4),
        "machine": f"{platform.machine()}, {psutil.cpu_count(logical=False)} cores", "load": psutil.getloadavg()[0],
    }  # fmt: skip


def main() -> int:
    """Print the result as JSON; the exit code is 1 when the merge took 1.5 GB of memory or more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--attention", action="store_true", help="q, k, v and output only")
    parser.add_argument("--folder", type=Path, help="where the files are made; a temporary folder by default")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="merge-", dir=chosen.folder))
    try:
        result = measure(folder, chosen.layers, chosen.rank, chosen.attention)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result, indent=1))
    return int(result["peak_bytes"] >= 1.5e9)


if __name__ == "__main__":
    raise SystemExit(main())
