"""Held-out loss: the prompt computed once per pass, against every row scored in full by the model's own pass.

    python benchmarks/heldout.py [--rows 24] [--passes 5] [--threads 2]

Both sides in one process, one after the other, in turns; the first pass of each warms up. The rows are those
of samples/conversation.log behind the assistant's real system prompt, the model is SmolLM2-135M-Instruct.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=24, help="held-out examples")
    parser.add_argument("--passes", type=int, default=5, help="passes that count")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    shared, stock = _sides(options.rows, options.threads)
    taken: dict[str, list[float]] = {"shared": [], "stock": []}
    furthest = 0.0
    for _ in range(options.passes + 1):
        ours = _timed(shared, taken["shared"])
        theirs = _timed(stock, taken["stock"])
        furthest = max(furthest, *(abs(a - b) for a, b in zip(ours, theirs, strict=True)))
    medians = {name: median(seconds[1:]) for name, seconds in taken.items()}
    for name, seconds in medians.items():
        print(f"{name:6s}  {seconds:7.2f} s a pass over {options.rows} rows ({options.rows / seconds:.1f} rows/s)")
    print(
        f"ratio {medians['stock'] / medians['shared']:.2f}x; a row's summed loss differs by at most {furthest:.1e} nats"
    )
    return 0


def _sides(count: int, threads: int) -> tuple[Callable[[], list[float]], Callable[[], list[float]]]:
    from aeon_plugin_ft.training.engine.loading import load_base, pick_device, set_up_torch
    from aeon_plugin_ft.training.engine.shared import SharedPrefix
    from benchmarks.training import default_copy, rows_of

    set_up_torch(threads)
    copy = default_copy()
    rows = rows_of(copy)[0][:count]
    engine = SharedPrefix(load_base(copy, pick_device()).eval())
    return lambda: engine.losses(rows), lambda: engine.stock_losses(rows)


def _timed(score: Callable[[], list[float]], taken: list[float]) -> list[float]:
    began = time.perf_counter()
    losses = score()
    taken.append(time.perf_counter() - began)
    return losses


if __name__ == "__main__":
    sys.exit(main())
