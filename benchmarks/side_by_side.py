"""Every trainer that can be had, on one large shape and the same conversation: seconds an example, and memory.

    python benchmarks/side_by_side.py --llamafactory FOLDER --fabric FOLDER      a llama of 1B, steps of 8
    python benchmarks/side_by_side.py --shape llama-3b --steps 1
    python benchmarks/side_by_side.py --only ours trl-bf16

The rows are those of samples/conversation.log behind the assistant's real prompt (about 540 tokens each), LoRA of rank
16 on all linear layers, batches of 8. This plugin and TRL in fp32 and in bf16; LLaMA-Factory has bf16 alone for a
folder in bf16. Weights are random. This plugin and fabric train from one GGUF in the mix of types of Q4_K_M, the others
from a folder of the shape in bf16. Fabric computes one example after the other; a third of a batch times it.

`--llamafactory` is a virtual environment as benchmarks/training_llamafactory.py makes it, `--fabric` the build folder
of https://github.com/tetherto/qvac-fabric-llm.cpp (target llama-finetune-lora), which is llama.cpp with LoRA finetuning
of quantised models. Each is a process of its own, one after the other; what it takes of memory is its anonymous pages
and its children's (Linux), since a file's pages can be dropped. A trainer that cannot run says why.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.limits import Peak  # noqa: E402 - found through the line above
from benchmarks.shapes import SHAPES, make_gguf  # noqa: E402 - found through the line above

WINDOW = 640
"""Tokens that fabric makes of each example; the longest row has 594."""
MODULES = "attn_q,attn_k,attn_v,attn_o,ffn_gate,ffn_up,ffn_down"
MOST_SECONDS = 3600.0
"""For one trainer."""


@dataclass(frozen=True)
class Found:
    """What one trainer took: seconds for each example of a step, and the most anonymous bytes."""

    seconds: float
    bytes: int
    more: str = ""


class FailedError(Exception):
    """Why a trainer cannot run here."""


def main() -> int:
    options = _options()
    if options.child:
        print(json.dumps(_train_here(options)))
        return 0
    trainers: dict[str, Callable[[], Found]] = {
        "ours": lambda: _ours(options, "auto"),
        "ours-fp32": lambda: _ours(options, "float32"),
        "trl-fp32": lambda: _trl(options, "float32"),
        "trl-bf16": lambda: _trl(options, "bfloat16"),
        "llamafactory": lambda: _llamafactory(options),
        "fabric": lambda: _fabric(options),
    }
    options.folder.mkdir(parents=True, exist_ok=True)
    first: Found | None = None
    for name in options.only or trainers:
        try:
            found = trainers[name]()
        except FailedError as error:
            print(f"{options.shape}  {name:18s}  cannot: {error}", flush=True)
            continue
        first = first or found
        print(
            f"{options.shape}  {name:18s}  {found.seconds:7.2f} s/example ({found.seconds / first.seconds:.1f}x)"
            f"  {found.bytes / 1e9:6.2f} GB  {found.more}",
            flush=True,
        )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["llama-1b", "llama-3b"], default="llama-1b")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2, help="of several the first is not counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="+", help="these trainers, in this order; ratios are to the first")
    parser.add_argument("--llamafactory", type=Path, help="a virtual environment with it")
    parser.add_argument("--fabric", type=Path, help="its build folder")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".cache" / "random", help="where models are made and kept"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


# -- this plugin ---------------------------------------------------------------------------------


def _gguf(options: argparse.Namespace) -> Path:
    from aeon_plugin_ft.base import resolve_base

    path: Path = options.folder / f"{options.shape}.gguf"
    if not path.exists():
        tokenizer = resolve_base("smollm2-135m-instruct", ROOT / ".cache" / "base").gguf
        making = path.with_suffix(".making")
        make_gguf(making, SHAPES[options.shape], tokenizer=tokenizer)
        making.rename(path)
    return path


def _ours(options: argparse.Namespace, dtype: str) -> Found:
    from aeon_plugin_ft.training.supervise import child_environment

    command = [sys.executable, __file__, "--child", dtype, "--shape", options.shape, "--batch", str(options.batch)]
    command += ["--steps", str(options.steps), "--threads", str(options.threads), "--folder", str(options.folder)]
    _gguf(options)
    said, most = _watched(command, child_environment(options.threads))
    found = json.loads(said.splitlines()[-1])
    more = f"{found['dtype']}, {found['share']:.0%} of the bare products' {found['bare_gflops']:.0f} GFLOP/s"
    return Found(found["seconds"] / options.batch, most, more)


def _train_here(options: argparse.Namespace) -> dict[str, Any]:
    from aeon_plugin_ft.training.engine.loading import set_up_torch
    from aeon_plugin_ft.training.plan import plan_batch
    from aeon_plugin_ft.weights.sources import GgufSource
    from benchmarks import big, products
    from benchmarks.costs import Costs
    from benchmarks.training import default_copy, rows_of

    set_up_torch(options.threads)
    rows = rows_of(default_copy())[0][: options.batch]
    settings = argparse.Namespace(
        batch=[options.batch], steps=options.steps, threads=options.threads, device="cpu", dtype=options.child
    )
    shape = SHAPES[options.shape]
    source = GgufSource(_gguf(options), options.threads)
    engine, gap = big.engine_for(shape, shape.layers, source, settings)
    taken, _, _ = big.train(engine, gap, rows, settings, Costs(engine))
    engine.weights.release()
    prompt = min(group.prefix for group in plan_batch(rows, big.MOST_TOKENS))
    tokens = prompt + sum(len(row.ids) - prompt for row in rows)
    flop = products.useful_flop(shape, shape.layers, tokens, sum(row.supervised for row in rows))
    bare, _ = products.bare_rate(shape, rows, prompt, engine.dtype, "cpu")
    source.close()
    seconds = median(taken[1:] or taken)
    dtype = str(engine.dtype).removeprefix("torch.")
    return {"seconds": seconds, "dtype": dtype, "share": flop / seconds / bare, "bare_gflops": bare / 1e9}


# -- the others ----------------------------------------------------------------------------------


def _trl(options: argparse.Namespace, dtype: str) -> Found:
    from benchmarks.training import random_copy

    command = [sys.executable, str(ROOT / "benchmarks" / "training.py"), "--child", "stock", "--dtype", dtype]
    command += ["--batch", str(options.batch), "--steps", str(options.steps), "--threads", str(options.threads)]
    said, most = _watched([*command, "--model", str(random_copy(options.shape))], _plain(options.threads))
    found = json.loads(said.splitlines()[-1])
    return Found(found["median"] / options.batch, most, f"micro-batches of 4, losses {found['losses']}")


def _llamafactory(options: argparse.Namespace) -> Found:
    from benchmarks.training import random_copy

    if options.llamafactory is None:
        raise FailedError("--llamafactory names no environment")
    copy = random_copy(options.shape)
    command = [sys.executable, str(ROOT / "benchmarks" / "training_llamafactory.py")]
    command += ["--venv", str(options.llamafactory), "--model", str(copy), "--batch", str(options.batch)]
    command += ["--steps", str(options.steps), "--threads", str(options.threads), "--checkpointing", "off", "--bf16"]
    said, most = _watched(command, _plain(options.threads))
    step = re.search(r": +([\d.]+) s/step .* tokens (in [\w ]+?)  ", said)
    assert step is not None, said
    return Found(float(step[1]) / options.batch, most, f"{step[2]}, micro-batches of 4, no checkpointing")


def _fabric(options: argparse.Namespace) -> Found:
    from benchmarks.training_llamafactory import chats_of

    if options.fabric is None:
        raise FailedError("--fabric names no build folder")
    gguf = _gguf(options)
    with tempfile.TemporaryDirectory() as name:
        rows = Path(name, "rows.jsonl")
        chats = chats_of(options.batch, 1)[: options.batch // 3 + 1]  # the last one is held out
        rows.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats), encoding="utf-8")
        command = [str(options.fabric.absolute() / "bin" / "llama-finetune-lora"), "-m", str(gguf.absolute())]
        command += ["-f", str(rows), "--assistant-loss-only", "--lora-rank", "16", "--lora-modules", MODULES]
        command += ["-c", str(WINDOW), "-b", str(WINDOW), "-ub", str(WINDOW), "-fa", "off", "-ngl", "0"]
        command += ["-t", str(options.threads), "--no-repack", "--checkpoint-save-steps", "0"]
        command += ["--output-adapter", str(Path(name, "adapter.gguf"))]
        said, most = _watched(command, _plain(options.threads), folder=Path(name))
    told = re.findall(r"train: .*?data=0*(\d+)/0*(\d+) loss=(\S+) .*?t=(\d+):(\d+):(\d+)", said)
    if not told:
        raise FailedError(said.strip().splitlines()[-1])
    done, _, loss, hours, minutes, seconds = told[-1]
    taken = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return Found(taken / int(done), most, f"{done} examples of {WINDOW} tokens, one at a time, loss {loss}")


# -- a process and its memory --------------------------------------------------------------------


def _plain(threads: int) -> dict[str, str]:
    """The environment that another trainer would be started in."""
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}


def _watched(command: Sequence[str], environment: dict[str, str], folder: Path | None = None) -> tuple[str, int]:
    """(what a command said, the most anonymous bytes of it and its children). Raises FailedError."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT, cwd=folder)
        began = time.monotonic()
        with Peak(lambda: _anonymous_of(process.pid), every=0.2) as peak:
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - began > MOST_SECONDS:
                    process.kill()
        said.seek(0)
        text = said.read()
    if process.returncode:
        last = next((line for line in reversed(text.strip().splitlines()) if line.strip()), "nothing said")
        raise FailedError(f"ended with {process.returncode}: {last.strip()[-200:]}")
    return text, peak.most


def _anonymous_of(pid: int) -> int:
    import psutil

    from benchmarks.limits import anonymous_bytes

    try:
        root = psutil.Process(pid)
        return sum(anonymous_bytes(one.pid) for one in [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    sys.exit(main())
