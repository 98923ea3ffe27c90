"""How threads wait for one another, on a quiet machine and beside one busy program: spinning, asleep, and as the plugin
has them wait (aeon_plugin_ft/processes/calm.py). Linux.

    python benchmarks/calm.py [--threads 2] [--rounds 3]

One round is what a layer of a small model consists of: 829 rows through two products and what lies between, 60 times
over. Each way is a process of its own; the medians are compared with spinning on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = "as the plugin has it"
WAYS: dict[str, dict[str, str]] = {"spinning": {}, "asleep": {"OMP_WAIT_POLICY": "passive"}, OURS: {}}
ROUND = """
import sys, time, torch
from aeon_plugin_ft.processes.calm import LOOK_SECONDS, keep_calm

threads, rounds, calm = map(int, sys.argv[1:])
torch.set_num_threads(threads)
if calm:
    keep_calm(threads)
rows, up, down = torch.randn(829, 640), torch.randn(2048, 640), torch.randn(640, 2048)

def round():
    began = time.perf_counter()
    for _ in range(60):
        wide = torch.nn.functional.gelu(torch.nn.functional.linear(rows, up))
        torch.nn.functional.linear(wide * 0.5, down).add_(rows)
    return time.perf_counter() - began

# One look is made before anything counts.
until = time.monotonic() + 2 * LOOK_SECONDS
while time.monotonic() < until:
    round()
for _ in range(rounds):
    print(round(), flush=True)
"""


def seconds(way: str, threads: int, rounds: int) -> float:
    """Median of the rounds."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        ROUND,
        str(threads),
        str(rounds),
        str(int(way not in ("spinning", "asleep"))),
    ]
    ran = subprocess.run(command, env={**os.environ, **WAYS[way]}, stdout=subprocess.PIPE, text=True, check=True)
    return statistics.median(float(line) for line in ran.stdout.split())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    quiet = {way: seconds(way, options.threads, options.rounds) for way in WAYS}
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            beside = {way: seconds(way, options.threads, options.rounds) for way in WAYS}
        finally:
            other.kill()
    first = quiet["spinning"]
    print(f"{'threads that wait':<22}{'quiet':>16}{'beside one':>16}")
    for way in WAYS:
        shown = (f"{taken:>9.2f} s {taken / first:>4.1f}x" for taken in (quiet[way], beside[way]))
        print(f"{way:<22}" + "".join(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
