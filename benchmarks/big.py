"""Training on models that do not fit the memory: peak memory, seconds a step, and share of the processor's own rate.

    python benchmarks/big.py                                  a llama of 1B, whole, batches 8, 16 and 32
    python benchmarks/big.py --shape llama-8b --layers 4      the shape of an 8B, four layers of it
    python benchmarks/big.py --shape llama-8b --steps 1       all of it
    python benchmarks/big.py --limit-gb 1.5                   under a hard limit of memory (Linux)
    python benchmarks/big.py --cgroup-gb 6                    the same with the file's pages counted too (Linux, root)
    python benchmarks/big.py --device cuda --card-gb 6        on a graphics card, as if it had so much memory

Makes a GGUF of random blocks in the exact shapes of a public model and the mix of types of Q4_K_M, trains on it one
layer at a time, and deletes it. Rows have the tokens of the assistant's real prompt (`--prompt` of them) and as many
behind it as its conversations have. Memory is what counts as this process's own: anonymous pages; the pages of the
file can be dropped at any moment. On a graphics card it is what tensors have taken of the card. The rate to compare
with is that of a loop of the same products, measured in the same run: of those with the model's weights, and of these
and the small ones of the adapter and of attention. Each batch is a child process of its own; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.costs import Costs  # noqa: E402 - found through the line above
from benchmarks.limits import Peak, cgroup_of, limit_memory  # noqa: E402 - found through the line above
from benchmarks.products import bare_rate, finish, small_seconds, useful_flop  # noqa: E402 - found through the line above
from benchmarks.shapes import SHAPES, Shape, make_gguf  # noqa: E402 - found through the line above

RANK = 16
MOST_TOKENS = 2048
"""Of a micro-batch, as a run has them; the engine takes fewer on a processor."""


def main() -> int:
    options = _options()
    if options.child:
        print(json.dumps(measure(options.gguf, SHAPES[options.shape], options)))
        return 0
    results = []
    with _file(options) as gguf:
        for batch in options.batch:
            results.append(_child(gguf, batch, options))
            show(results[-1], options)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2), encoding="utf-8")
    return 0


@contextmanager
def _file(options: argparse.Namespace) -> Iterator[Path]:
    """The model's file: the one that is named, made if it is not there yet and kept, or one for this run alone."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        gguf = options.gguf or Path(folder) / "random.gguf"
        if not gguf.exists():
            make_gguf(gguf, SHAPES[options.shape], options.layers)
        yield gguf


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="llama-1b")
    parser.add_argument("--layers", type=int, default=0, help="only so many layers; default: all")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps, of which the fastest counts")
    parser.add_argument("--prompt", type=int, default=450, help="tokens that all rows share")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit-gb", type=float, default=0.0, help="RLIMIT_DATA of the child: anonymous memory")
    parser.add_argument("--cgroup-gb", type=float, default=0.0, help="the child's memory and the file's pages together")
    parser.add_argument("--dtype", choices=["auto", "float32", "bfloat16"], default="auto",
                        help="of the products with the layers' weights; auto: the faster one here")  # fmt: skip
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--card-gb", type=float, default=0.0, help="so much of the card's memory; default: all of it")
    parser.add_argument("--folder", type=Path, help="where there is room for the file; default: the temporary folder")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--gguf", type=Path, help="the model's file, to be kept; made where it is not there yet")
    return parser.parse_args()


def _child(gguf: Path, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    from aeon_plugin_ft.training.supervise import child_environment

    command = [sys.executable, __file__, "--child", "--gguf", str(gguf), "--shape", options.shape]
    command += ["--batch", str(batch), "--steps", str(options.steps), "--threads", str(options.threads)]
    command += ["--prompt", str(options.prompt), "--layers", str(options.layers)]
    command += ["--limit-gb", str(options.limit_gb), "--dtype", options.dtype]
    command += ["--device", options.device, "--card-gb", str(options.card_gb)]
    with cgroup_of(gguf, int(options.cgroup_gb * 1e9)) as enter:
        done = subprocess.run(
            command, env=child_environment(options.threads), stdout=subprocess.PIPE, text=True, check=True,
            preexec_fn=enter,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# -- the measurement -----------------------------------------------------------------------------


def measure(gguf: Path, shape: Shape, options: argparse.Namespace) -> dict[str, Any]:
    """Train some steps of one batch in this process."""
    import torch

    from aeon_plugin_ft.training.engine.loading import set_up_torch
    from aeon_plugin_ft.weights.sources import GgufSource

    if options.limit_gb:
        limit_memory(int(options.limit_gb * 1e9))
    set_up_torch(options.threads)
    if options.card_gb:
        # torch refuses more, as a smaller card would; what the plugin sees as free is the same.
        torch.cuda.set_per_process_memory_fraction(options.card_gb * 1e9 / torch.cuda.mem_get_info()[1])
        real = torch.cuda.mem_get_info()
        torch.cuda.mem_get_info = lambda *_: (int(options.card_gb * 1e9), real[1])
    batch, layers = options.batch[0], options.layers or shape.layers
    rows = _rows(batch, options.prompt, shape.vocabulary)
    with Peak() as peak:
        source = GgufSource(gguf, options.threads)
        engine, gap = engine_for(shape, layers, source, options)
        costs = Costs(engine)
        seconds, cpu, losses = train(engine, gap, rows, options, costs)
        resident = len(getattr(engine.weights, "resident", ()))
        engine.weights.release()
    most = peak.most if options.device == "cpu" else torch.cuda.max_memory_allocated()
    tokens = options.prompt + sum(len(row.ids) - options.prompt for row in rows)
    flop, step = useful_flop(shape, layers, tokens, sum(row.supervised for row in rows)), min(seconds)
    bare, bare_cpu = bare_rate(shape, rows, options.prompt, engine.dtype, options.device)
    small = small_seconds(shape, layers, rows, options.prompt, RANK, engine.dtype, options.device)
    source.close()
    return {
        "batch": batch, "layers": layers, "dtype": str(engine.dtype).removeprefix("torch."), "tokens": tokens,
        "seconds": seconds, "cpu": cpu, "losses": losses, "costs": costs.steps,
        "gflops": flop / step / 1e9, "bare_gflops": bare / 1e9, "share": flop / step / bare,
        "cpu_share": flop / min(cpu) / bare_cpu, "small_seconds": small, "all_share": (flop / bare + small) / step,
        "resident": resident,
        "anonymous_gb": most / 1e9, "trained": sum(parameter.numel() for parameter in engine.trained),
        "whole_gb": (most + more_layers(shape, layers, tokens, engine.trained)) / 1e9, "longest": gap.longest,
    }  # fmt: skip


def engine_for(shape: Shape, layers: int, source: Any, options: argparse.Namespace) -> tuple[Any, Gap]:
    """The engine of a run on this shape, and what it looks at between two products."""
    import torch

    from aeon_plugin_ft.training.engine.layered.choice import engine_of
    from aeon_plugin_ft.training.engine.layered.skeleton import skeleton
    from aeon_plugin_ft.training.engine.loading import add_adapter
    from aeon_plugin_ft.training.engine.precision import compute_type
    from aeon_plugin_ft.training.model import Recipe

    recipe = Recipe(RANK, RANK, 1e-3, options.batch[0], 1.0, options.steps, 1, 1536, 17, options.threads, 1000)
    config = _config(shape, layers)
    dtype = compute_type(config, options.device) if options.dtype == "auto" else getattr(torch, options.dtype)
    model, gap = add_adapter(skeleton(config, source, options.device), recipe), Gap()
    return engine_of(model, source, MOST_TOKENS, gap, dtype=dtype), gap


def train(engine: Any, gap: Gap, rows: list[Any], options: argparse.Namespace, costs: Costs) -> tuple[list[float], ...]:
    """(seconds, processor seconds, loss) of each step."""
    import torch

    optimizer = torch.optim.AdamW(engine.trained, lr=1e-3, weight_decay=0.0)
    # A step of nothing makes the moments: one measured step has the memory of every later one.
    for parameter in engine.trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    seconds, cpu, losses = [], [], []
    for _ in range(options.steps):
        began, cpu_began = time.perf_counter(), time.process_time()
        gap.begin()
        costs.begin()
        losses.append(engine.step(rows)[0])
        torch.nn.utils.clip_grad_norm_(engine.trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        finish(options.device)
        costs.end()
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
    return seconds, cpu, losses


def _config(shape: Shape, layers: int) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(
        shape.family, hidden_size=shape.width, intermediate_size=shape.inner, num_hidden_layers=layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, head_dim=shape.head_dim,
        vocab_size=shape.vocabulary, tie_word_embeddings=shape.tied, max_position_embeddings=4096, rms_norm_eps=1e-5,
        pad_token_id=0,
    )  # fmt: skip


def _rows(count: int, prompt: int, vocabulary: int) -> list[Any]:
    """Rows with one prompt, questions and replies of 30 to 70 tokens together, of which 15 to 40 are the reply."""
    from aeon_plugin_ft.training.plan import IGNORED, Row

    pick = random.Random(count)
    shared = [pick.randrange(3, vocabulary) for _ in range(prompt)]
    rows = []
    for _ in range(count):
        asked = [pick.randrange(3, vocabulary) for _ in range(pick.randint(15, 30))]
        reply = [pick.randrange(3, vocabulary) for _ in range(pick.randint(15, 40))]
        rows.append(Row((*shared, *asked, *reply), (*[IGNORED] * (prompt + len(asked)), *reply)))
    return rows


def more_layers(shape: Shape, layers: int, tokens: int, trained: Sequence[Any]) -> float:
    """Bytes that the layers which were left out would add: their inputs, and the adapter with its gradient and its
    two moments. Their weights take the room of those that are there."""
    adapter = 4 * 4 * sum(parameter.numel() for parameter in trained) / layers
    return float((shape.layers - layers) * (4 * tokens * shape.width + adapter))


class Gap:
    """The longest time, in seconds, in which a step did not look whether it is to leave."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.begin()

    def begin(self) -> None:
        """A step begins."""
        self._last = time.perf_counter()

    def __call__(self) -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now


def show(found: dict[str, Any], options: argparse.Namespace) -> None:
    """One line for people."""
    step = min(found["seconds"])
    of_card = f"  {found['resident']} layers stay on the card" if options.device == "cuda" else ""
    print(
        f"{options.shape} ({found['layers']} layers, {found['dtype']})  batch {found['batch']:3d}"
        f"  {found['tokens']} tokens"
        f"  {step:7.1f} s/step  {step / found['batch']:6.2f} s/example"
        f"  {found['gflops']:.0f} of {found['bare_gflops']:.0f} GFLOP/s ({100 * found['share']:.0f} %;"
        f" {100 * found['cpu_share']:.0f} % by CPU time; {100 * found['all_share']:.0f} % with the adapter's and"
        f" attention's products)"
        f"  {'card' if options.device == 'cuda' else 'anonymous memory'} at most {found['anonymous_gb']:.2f} GB"
        f" ({found['whole_gb']:.2f} with all layers)  {found['longest']:.2f} s without a look at most"
        f"{of_card}  losses {[round(x, 4) for x in found['losses']]}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
