"""LoRA training: stock TRL against the shared-prefix engine, on the same rows, labels, steps and seed.

    python benchmarks/training.py                         SmolLM2-135M, batches 8, 16 and 32, 1 + 5 steps each
    python benchmarks/training.py --batch 8 --steps 3     less of it
    python benchmarks/training.py --model FOLDER          another training copy
    python benchmarks/training.py --random-config llama-1b    random weights of a public configuration (for a GPU)

Every measurement is a child process of its own, one after the other; run it on a quiet machine. The rows
are those of samples/conversation.log behind the assistant's real system prompt. Both sides: fp32 (bf16
weights on a GPU that computes in it), gradient checkpointing off, LoRA rank 16 on all linear layers, AdamW,
dropout 0. Stock TRL runs in micro-batches of 4 with accumulation, which is also what its peak of memory is
taken at. The first step warms up and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SAMPLE = ROOT / "samples" / "conversation.log"
STOCK_MICRO = 4
RANDOM = {
    # Llama-3.2-1B's config.json, without its weights: 1.24 billion parameters.
    "llama-1b": {
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256, "rope_theta": 500_000.0, "rms_norm_eps": 1e-5,
    },
    # Llama-3.2-3B's: 3.2 billion.
    "llama-3b": {
        "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28, "num_attention_heads": 24,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128_256, "rope_theta": 500_000.0,
        "rms_norm_eps": 1e-5,
    },
    "tiny": {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 49_152,
    },
}  # fmt: skip


def main() -> int:
    options = _options()
    if options.child:
        print(json.dumps(_measure(options)))
        return 0
    copy = random_copy(options.random_config) if options.random_config else options.model or default_copy()
    results = []
    for batch in options.batch:
        pair = {engine: _child(engine, batch, options, copy) for engine in options.engine}
        results.append({"batch": batch, **pair})
        _show(batch, pair)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2), encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32], help="effective batch sizes")
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps, the first of which is not counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--engine", nargs="+", default=["stock", "shared"], choices=["stock", "shared"])
    parser.add_argument("--model", type=Path, help="a training copy; default: the built-in SmolLM2-135M-Instruct")
    parser.add_argument("--random-config", choices=sorted(RANDOM), help="random weights of this configuration")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="of the frozen weights; default: as a run's")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def default_copy() -> Path:
    """The whole copy of the built-in base."""
    from aeon_plugin_ft.base import resolve_base
    from aeon_plugin_ft.base.training_copy import whole_copy

    # Whole: the other trainers read nothing else.
    base = resolve_base("smollm2-135m-instruct", ROOT / ".cache" / "base")
    assert base.gguf is not None
    return whole_copy(base.gguf, base.digest, ROOT / ".cache" / "base")


def random_copy(name: str) -> Path:
    """A llama of that shape with random weights in bf16 and SmolLM2's tokenizer; kept beside the other bases."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = ROOT / ".cache" / "random" / name
    if not (folder / "tokenizer.json").exists():
        tokenizer = AutoTokenizer.from_pretrained(default_copy())
        torch.manual_seed(17)
        config = LlamaConfig(
            **RANDOM[name], tie_word_embeddings=True, max_position_embeddings=4096,
            bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _child(engine: str, batch: int, options: argparse.Namespace, copy: Path) -> dict[str, Any]:
    from aeon_plugin_ft.training.supervise import child_environment

    command = [sys.executable, __file__, "--child", engine, "--batch", str(batch), "--steps", str(options.steps)]
    command += ["--threads", str(options.threads), "--model", str(copy)]
    command += ["--dtype", options.dtype] if options.dtype else []
    done = subprocess.run(
        command, env=child_environment(options.threads), stdout=subprocess.PIPE, text=True, check=True
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from aeon_plugin_ft.training.engine.loading import add_adapter, load_base, pick_device, set_up_torch
    from aeon_plugin_ft.training.engine.trainer import config_of
    from aeon_plugin_ft.training.memory import peak_bytes
    from aeon_plugin_ft.training.model import Recipe
    from aeon_plugin_ft.training.recipe import step_examples

    set_up_torch(options.threads)
    batch, device = options.batch[0], pick_device()
    recipe = Recipe(16, 16, 1e-3, batch, 1.0, options.steps, 1, 1536, 17, options.threads, 1000)
    rows, tokenizer = rows_of(options.model)
    dtype = getattr(torch, options.dtype) if options.dtype else None
    model = add_adapter(load_base(options.model, device, dtype), recipe)
    with tempfile.TemporaryDirectory() as folder:
        arguments = config_of(recipe, Path(folder), device)
        order = list(step_examples(recipe, len(rows)))
        trainer = _trainer(options.child, model, arguments, rows, tokenizer, order, Path(folder))
        recorder = _record(trainer)
        trainer.train()
    seconds = recorder.seconds[1:] or recorder.seconds
    return {
        "seconds": [round(value, 3) for value in seconds],
        "median": median(seconds),
        "cpu_median": median(recorder.cpu_seconds[1:] or recorder.cpu_seconds),
        "losses": recorder.losses,
        "norms": recorder.norms,
        "peak_bytes": _gpu_peak() if device == "cuda" else peak_bytes(),
        "device": device,
        "examples": batch,
    }


def _gpu_peak() -> int:
    """The most memory of the GPU that tensors have taken."""
    import torch

    return int(torch.cuda.max_memory_allocated())


def _finish() -> None:
    """Wait for a GPU's queue, so that a step's time is its own."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def rows_of(copy: Path) -> tuple[list[Any], Any]:
    """(the sample conversation as tokens, the tokenizer that made them)"""
    from aeon_plugin_ft.dataset.build import build_draft
    from aeon_plugin_ft.dataset.importers.importing import import_file
    from aeon_plugin_ft.settings import Settings
    from aeon_plugin_ft.training.engine.encode import Encoder
    from core.prompt import system_prompt

    prompt = system_prompt(datetime(2026, 1, 1, 12, 0))
    draft = build_draft(import_file(SAMPLE).turns, Settings().dataset, system_prompt=prompt)
    encoder = Encoder(copy)
    return encoder.encode([example.messages for example in draft.train], 1536).rows, encoder.tokenizer


def _trainer(
    engine: str, model: Any, arguments: Any, rows: list[Any], tokenizer: Any, order: list[list[int]], folder: Path
) -> Any:
    from trl import SFTTrainer

    from aeon_plugin_ft.training.engine.shared import SharedPrefix
    from aeon_plugin_ft.training.engine.trainer import InOrder, SharedPrefixTrainer, dataset_of

    common = {"model": model, "args": arguments, "train_dataset": dataset_of(rows), "processing_class": tokenizer}
    if engine == "shared":
        return SharedPrefixTrainer(order=order, checkpoints=folder, engine=SharedPrefix(model), **common)

    class Stock(SFTTrainer):  # type: ignore[misc]
        """TRL as it is, with the rows in the same order."""

        def _get_train_sampler(self, train_dataset: Any = None) -> InOrder:
            return InOrder(order)

    arguments.gradient_accumulation_steps = max(1, arguments.per_device_train_batch_size // STOCK_MICRO)
    arguments.per_device_train_batch_size = min(STOCK_MICRO, arguments.per_device_train_batch_size)
    return Stock(**common)


def _record(trainer: Any) -> Any:
    """Seconds, loss and gradient norm of every step, as the trainer itself logs them."""
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.cpu_seconds: list[float] = []
            self.losses: list[float] = []
            self.norms: list[float] = []
            self.began = self.cpu_began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            _finish()
            self.began, self.cpu_began = time.perf_counter(), time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            _finish()
            self.seconds.append(time.perf_counter() - self.began)
            self.cpu_seconds.append(time.process_time() - self.cpu_began)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" in logs:
                self.losses.append(float(logs["loss"]))
                self.norms.append(float(logs["grad_norm"]))

    recorder = Recorder()
    trainer.add_callback(recorder)
    return recorder


def _show(batch: int, pair: dict[str, dict[str, Any]]) -> None:
    for engine, found in pair.items():
        print(
            f"batch {batch:3d}  {engine:6s}  {found['median']:8.2f} s/step ({found['cpu_median']:.2f} s of CPU)"
            f"  {batch / found['median']:6.2f} examples/s  peak {found['peak_bytes'] / 2**30:.2f} GiB"
            f"  losses {[round(loss, 5) for loss in found['losses']]}"
        )
    if len(pair) == 2:
        stock, shared = pair["stock"], pair["shared"]
        apart = max(abs(a - b) for a, b in zip(stock["losses"], shared["losses"], strict=True))
        norms = max(abs(a - b) / a for a, b in zip(stock["norms"], shared["norms"], strict=True))
        print(
            f"batch {batch:3d}  ratio {stock['median'] / shared['median']:.2f}x"
            f" ({stock['cpu_median'] / shared['cpu_median']:.2f}x of CPU time)"
            f"  largest difference: loss {apart:.1e}, gradient norm {norms:.1e} (relative)"
        )


if __name__ == "__main__":
    sys.exit(main())
