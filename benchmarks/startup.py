"""What importing the plugin costs an Aeon at start: wall time over the bare interpreter, median of fresh processes.

The goal is at most 100 ms and no ML library (`tests/test_import_rules.py` checks the modules).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="fresh processes of each kind (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for scripts")
    options = parser.parse_args()
    seconds("import aeon_plugin_ft.plugin")
    pairs = [(seconds("pass"), seconds("import aeon_plugin_ft.plugin")) for _ in range(options.runs)]
    added = [1000 * (plugin - bare) for bare, plugin in pairs]
    found = {"median_ms": statistics.median(added), "min_ms": min(added), "max_ms": max(added), "runs": options.runs}
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"import aeon_plugin_ft.plugin: {found['median_ms']:.0f} ms over the bare interpreter"
            f" (min {found['min_ms']:.0f}, max {found['max_ms']:.0f}, {options.runs} runs)"
        )


if __name__ == "__main__":
    main()
