"""How fast the index takes in a log, and what one more turn costs when the log is long.

    python benchmarks/ingest.py [--megabytes 1000] [--folder FOLDER]

Writes a log of that size with `TurnLog`, indexes it from nothing, then measures single turns against
the full index and against a nearly empty one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnKind, TurnLog
from aeon_plugin_ft.turns.log import Limits
from benchmarks.capture import make_turn

SINGLES = 50


def open_log(data: DataFolder) -> TurnLog:
    return TurnLog(data.log, redact=str, limits=lambda: Limits(64_000_000, 0.2), on_failure=print)


def write(data: DataFolder, megabytes: float) -> int:
    """Bytes written; at least `megabytes`."""
    log, number = open_log(data), 0
    while sum(path.stat().st_size for path in data.log.glob("*.jsonl")) < megabytes * 1e6:
        for _ in range(1000):
            log.append(make_turn(number), TurnKind.CHAT)
            number += 1
    log.close()
    return sum(path.stat().st_size for path in data.log.glob("*.jsonl"))


def one_more(data: DataFolder, index: TurnIndex) -> float:
    """Median seconds to take in one new turn."""
    log, took = open_log(data), []
    for number in range(SINGLES):
        log.append(make_turn(number), TurnKind.CHAT)
        begun = time.perf_counter()
        assert index.ingest() == 1
        took.append(time.perf_counter() - begun)
    log.close()
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        small, large = (DataFolder(Path(folder) / name).create() for name in ("small", "large"))
        size = write(large, options.megabytes)
        store, other = Store(large.database), Store(small.database)
        index = TurnIndex(store, large.log)
        begun = time.perf_counter()
        turns = index.ingest()
        seconds = time.perf_counter() - begun
        figures = {
            "megabytes": round(size / 1e6, 1),
            "turns": turns,
            "seconds": round(seconds, 2),
            "mb_per_second": round(size / 1e6 / seconds, 1),
            "one_more_turn_ms_long_log": round(one_more(large, index) * 1e3, 3),
            "one_more_turn_ms_short_log": round(one_more(small, TurnIndex(other, small.log)) * 1e3, 3),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        }
        store.close()
        other.close()
    print(json.dumps(figures) if options.json else "\n".join(f"{name:>27}: {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
