"""LoRA training on one graphics card: TRL, Unsloth and this project, the same rows, in one call.

    python benchmarks/gpu.py                                   1B at 8, 16 and 32 examples a step, 8B at 16
    python benchmarks/gpu.py --shape llama-1b --batch 16       less of it
    python benchmarks/gpu.py --engine flat shared --profile    some engines, and what the card was busy with
    python benchmarks/gpu.py --check                           only: are losses and gradients those of a CPU in fp32?
    python benchmarks/gpu.py --device cpu --shape tiny         does the whole call work? Times of a CPU say nothing here

Random weights in the shapes of public models, random tokens in the lengths of the sample conversation behind the
assistant's prompt; bf16 base, fp32 adapter of rank 16 on all linear layers, AdamW, clipping. Nothing is fetched from a
network. Each engine is a process of its own, one after the other; what is not installed (trl, liger-kernel, unsloth)
is left out and said. In all it takes eight minutes at most: what there was no time for is said, too. A step is timed
from its beginning until the card is done; the first two are not counted. Busy is the share of that time in which a
kernel runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.launches import rows as random_rows  # noqa: E402
from benchmarks.shapes import SHAPES  # noqa: E402

ENGINES = {
    "flat": (), "shared": (), "plain": (), "trl": ("trl",), "trl-micro": ("trl",),
    "trl-liger": ("trl", "liger_kernel"), "unsloth": ("unsloth", "trl"),
}  # fmt: skip
"""Engines and the packages that they need. `plain` is transformers and PEFT with the whole batch at once: what TRL
computes, without TRL."""
DEFAULT = ("flat", "shared", "plain", "trl", "trl-micro", "trl-liger", "unsloth")


def main() -> int:
    options = _options()
    if options.child:
        print(json.dumps(measure(options)))
        return 0
    if options.check:
        check(options.device)
        return 0
    began, results = time.perf_counter(), []
    for shape in options.shape:
        for engine in options.engine:
            missing = [package for package in ENGINES[engine] if importlib.util.find_spec(package) is None]
            if missing:
                print(f"{shape:9s} {engine:10s} left out: {', '.join(missing)} is not installed")
                continue
            left = 60 * options.minutes - (time.perf_counter() - began)
            results += _child(engine, shape, options, min(left, options.seconds))
    if options.out:
        options.out.write_text(json.dumps(results, indent=2), encoding="utf-8")
    print(f"{time.perf_counter() - began:.0f} s in all")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", nargs="+", default=["llama-1b", "llama-8b"], choices=sorted(SHAPES))
    parser.add_argument("--engine", nargs="+", default=list(DEFAULT), choices=sorted(ENGINES))
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32], help="examples a step")
    parser.add_argument("--steps", type=int, default=8, help="optimizer steps, of which the first two are not counted")
    parser.add_argument("--seconds", type=float, default=90.0, help="after which an engine is given up")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of them together")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--micro-tokens", type=int, default=8192, help="stands for memory, in our engines")
    parser.add_argument("--quantize", choices=["none", "4bit"], default="none")
    parser.add_argument("--card-gb", type=float, default=0, help="as on a card of so many GB: torch refuses more")
    parser.add_argument("--profile", action="store_true", help="the kernels that take longest")
    parser.add_argument("--check", action="store_true", help="compare with a CPU instead of timing")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def _child(engine: str, shape: str, options: argparse.Namespace, seconds: float) -> list[dict[str, Any]]:
    if seconds <= 0:
        print(f"{shape:9s} {engine:10s} left out: no time is left")
        return []
    command = [sys.executable, __file__, "--child", engine, "--shape", shape, "--steps", str(options.steps)]
    command += ["--batch", *map(str, options.batch), "--micro-tokens", str(options.micro_tokens)]
    command += ["--quantize", options.quantize, "--card-gb", str(options.card_gb), "--device", options.device]
    command += ["--profile"] if options.profile else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        print(f"{shape:9s} {engine:10s} given up after {seconds:.0f} s")
        return []
    if done.returncode:
        print(f"{shape:9s} {engine:10s} failed: {' | '.join(done.stderr.strip().splitlines()[-6:])[-1500:]}")
        return []
    made: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    for one in made:
        show(one)
    return made


def show(one: dict[str, Any]) -> None:
    """One line of the table."""
    if "failed" in one:
        print(f"{one['shape']:9s} {one['engine']:10s} batch {one['batch']:3d}  {one['failed']}")
        return
    print(
        f"{one['shape']:9s} {one['engine']:10s} batch {one['batch']:3d}  {one['seconds']:.4f} s/step"
        f"  peak {one['peak'] / 2**30:5.2f} GiB  {one['tokens_per_second']:8.0f} tokens/s"
        f"  busy {100 * one['busy']:3.0f} %  {one['kernels']:5d} kernels"
        f"  host {one['host_seconds']:.4f} s  set-up {one['set_up']:.1f} s  losses {one['losses']}",
        flush=True,
    )
    for name, milliseconds, times in one.get("top", []):
        print(f"            {milliseconds:8.3f} ms {times:6d}  {name[:110]}")


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every batch size with one engine in this process."""
    engine, shape, device = options.child, options.shape[0], options.device
    if engine == "unsloth":
        # It changes transformers and TRL, if it comes before them.
        import unsloth  # noqa: F401
    import torch

    from benchmarks.gpu_device import give_back, name_of, refuse_more, timed

    began = time.perf_counter()
    vocabulary = SHAPES[shape].vocabulary
    if ENGINES[engine]:
        from benchmarks.gpu_trainers import trainer_time

        adapted: Any = None
        of_rows: Any = partial(trainer_time, engine, shape, options)
    else:
        adapted = build(shape, options.quantize, device)
        if options.card_gb:
            refuse_more(options.card_gb)
        of_rows = partial(timed, stepper(engine, adapted, options.micro_tokens), options=options)
    set_up, made = time.perf_counter() - began, []
    for batch in options.batch:
        rows = random_rows(batch, vocabulary=vocabulary)
        head = {"engine": engine, "shape": shape, "batch": batch, "set_up": set_up}
        try:
            made.append({**head, **of_rows(rows), "device": name_of(device)})
        except torch.OutOfMemoryError:
            if adapted is not None:
                adapted.zero_grad(set_to_none=True)
            give_back(device)
            made.append({**head, "failed": "out of memory"})
    return made


def build(shape_name: str, quantize: str = "none", device: str = "cuda") -> Any:
    """Random weights of a public shape on the device, an adapter around its linear layers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = SHAPES[shape_name]
    config = LlamaConfig(
        hidden_size=shape.width, intermediate_size=shape.inner, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, head_dim=shape.head_dim,
        vocab_size=shape.vocabulary, tie_word_embeddings=shape.tied, max_position_embeddings=4096, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0}, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(17)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model: Any = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.requires_grad_(False)
    if quantize == "4bit":
        in_four_bits(model)
    torch.manual_seed(17)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        adapter = LoraConfig(r=16, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
        return get_peft_model(model, adapter).train()


def in_four_bits(model: Any) -> None:
    """The layers' matrices as bitsandbytes has them after loading, and the table of words where ours leaves it."""
    import bitsandbytes as bnb
    import torch

    from aeon_plugin_ft.training.engine.loading import keep_embedding_off

    for module in list(model.base_model.modules()):
        for name, linear in list(module.named_children()):
            if type(linear) is torch.nn.Linear:
                made = bnb.nn.Linear4bit(
                    linear.in_features, linear.out_features, bias=False, compute_dtype=torch.bfloat16,
                    compress_statistics=True, quant_type="nf4", device="meta",
                )  # fmt: skip
                made.weight = bnb.nn.Params4bit(
                    linear.weight.data, requires_grad=False, compress_statistics=True, quant_type="nf4", module=made
                ).to("cuda")
                setattr(module, name, made)
                del linear
    # As transformers marks what it has loaded so: PEFT asks.
    model.is_loaded_in_4bit = True
    keep_embedding_off(model)
    torch.cuda.empty_cache()


def stepper(engine: str, adapted: Any, micro_tokens: int) -> Any:
    """A function that makes a step of some rows and returns its loss."""
    import torch

    from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
    from aeon_plugin_ft.training.engine.shared import SharedPrefix

    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4, weight_decay=0.0, fused=True)
    if engine == "flat":
        learn = FlatPrefix(adapted, micro_tokens).step
    elif engine == "shared":
        learn = SharedPrefix(adapted, micro_tokens).step
    else:
        learn = _plain(adapted)

    def step(rows: Any) -> float:
        loss, _ = learn(rows)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step


def _plain(adapted: Any) -> Any:
    """The whole padded batch through the model's own forward and autograd."""
    import torch

    def padded(parts: Any, fill: int) -> Any:
        parts = list(parts)
        longest = max(map(len, parts))
        return torch.tensor([[*part, *[fill] * (longest - len(part))] for part in parts], device=adapted.device)

    def learn(rows: Any) -> tuple[float, int]:
        ids, labels = padded((row.ids for row in rows), 0), padded((row.labels for row in rows), -100)
        mask = padded(([1] * len(row.ids) for row in rows), 0)
        loss = adapted(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
        loss.backward()
        return float(loss.detach()), int((labels >= 0).sum())

    return learn


def check(device: str) -> None:
    """Losses and gradients of a small model on the device, in two types, against the stock path on the CPU in fp32."""
    import torch

    from aeon_plugin_ft.training.engine.flat.engine import FlatPrefix
    from aeon_plugin_ft.training.engine.parity import difference
    from aeon_plugin_ft.training.engine.shared import SharedPrefix
    from aeon_plugin_ft.training.engine.stock import stock_step
    from benchmarks.launches import model as small_model

    rows = random_rows(5)
    for width in (64, 256):
        reference = small_model(4, torch.float32, width)
        exact_loss, exact = stock_step(reference.get_base_model(), rows), _gradients(reference)
        for dtype in (torch.float32, torch.bfloat16):
            model = small_model(4, dtype, width).to(device)
            learners = {
                "stock": partial(stock_step, model.get_base_model()),
                "shared": SharedPrefix(model).step,
                "flat": FlatPrefix(model).step,
                "flat, computed again": FlatPrefix(model, micro_tokens=128).step,
            }
            for name, learn in learners.items():
                found: Any = learn(rows)
                loss = found[0] if isinstance(found, tuple) else found
                apart = difference(_gradients(model), exact)
                what = f"loss by {abs(loss - exact_loss):.2e}, gradient by {apart:.2e}"
                print(f"width {width:3d} {dtype!s:15s} {name:21s} {what}", flush=True)


def _gradients(model: Any) -> dict[str, Any]:
    """The adapter's gradients, taken off the model, on the CPU in fp32."""
    made = {n: p.grad.detach().cpu().float().clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return made


if __name__ == "__main__":
    sys.exit(main())
