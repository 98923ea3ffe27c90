"""`python -m aeon_plugin_ft.training.worker.rates <threads>`: how fast this processor multiplies, as a line of JSON.

{"float32": ..., "bfloat16": ...} in floating-point operations a second of all threads, by processor time, so that what
other programs do meanwhile counts for little.
"""

from __future__ import annotations

import json
import sys
import time

import torch

from aeon_plugin_ft.training.engine.precision import TOKENS, product_seconds

WIDTH, INNER = 2048, 8192
"""Of the products of a model of 1B."""


def main(arguments: list[str]) -> int:
    """Measure and print; returns the exit code."""
    threads = int(arguments[0])
    torch.set_num_threads(threads)
    made = {}
    for dtype in (torch.float32, torch.bfloat16):
        seconds = product_seconds(WIDTH, INNER, dtype, lambda: time.process_time() / threads)
        made[str(dtype).removeprefix("torch.")] = 2.0 * TOKENS * WIDTH * INNER / max(seconds, 1e-6)
    sys.stdout.write(json.dumps(made) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
