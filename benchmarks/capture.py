"""What capture adds to a reply: the latency of `TurnLog.append`, in process.

    python benchmarks/capture.py [--turns 15000] [--threads 1] [--fsync-ms 200] [--folder FOLDER]

Turns are shaped like Aeon's: a system prompt of 1.2 kB with the minute and a memories block in it, short
sentences, an answer of a paragraph. `append` returns when the operating system has the line. Figures are
wall time, so a loaded machine makes them worse; the load is printed beside them. `--redact` adds the
plugin's own redaction, which is part of what a reply waits for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from aeon_plugin_ft.turns import TurnKind, TurnLog
from aeon_plugin_ft.turns.lines import RedactTurn
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn

STATIC = "Você é um assistente direto, um pouco cínico e muito competente, e fala como um amigo. " * 13
PAUSE_SECONDS = 0.002
"""Between turns, so that the syncing thread gets its turns as it does in life."""


def make_turn(number: int) -> Turn:
    said = f"me explica de novo o passo {number}, tipo, com calma"
    clock = f"22/11/2026 {number // 60 % 24:02d}:{number % 60:02d}"
    system = f"{STATIC}\nData/Hora: {clock}.\n[MEMÓRIAS RELEVANTES]\nNenhuma até agora.\n"
    reply = f"Beleza, cara. O passo {number} é simples: " + "abre o terminal e manda rodar de novo. " * 4
    messages = (Message("system", system), Message("user", said))
    served = Attempt("ollama", "llama3.2:3b", "base", True, 0.8)
    return Turn(uuid.uuid4().hex, "bench", time.time(), 0.8, "chat", "auto", said, messages, reply, served)


def append_all(log: TurnLog, numbers: range, took: list[float], pause: float) -> None:
    for number in numbers:
        turn = make_turn(number)
        begun = time.perf_counter()
        kept = log.append(turn, TurnKind.CHAT)
        took.append(time.perf_counter() - begun)
        assert kept
        time.sleep(pause)


def measure(log: TurnLog, turns: int, threads: int, pause: float) -> list[float]:
    """Seconds of each append."""
    took: list[list[float]] = [[] for _ in range(threads)]
    workers = [
        threading.Thread(target=append_all, args=(log, range(n, turns, threads), took[n], pause))
        for n in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [seconds for each in took for seconds in each]


def redaction(wanted: bool) -> Callable[[str], str]:
    if not wanted:
        return str
    from aeon_plugin_ft.privacy import Redactor

    return Redactor("redact", ()).redact


def redaction_of_turn() -> RedactTurn:
    """What the plugin does with the texts of each turn."""
    from aeon_plugin_ft.privacy import Redactor

    return Redactor("redact", ()).of_turn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=15_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fsync-ms", type=float, default=200, help="0: sync before each append returns")
    parser.add_argument("--pause-ms", type=float, default=PAUSE_SECONDS * 1000)
    parser.add_argument("--redact", action="store_true")
    parser.add_argument("--folder", type=Path, help="where to write; the disk matters with --fsync-ms 0")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        log = TurnLog(
            Path(folder) / "log",
            redact=redaction(options.redact),
            redact_turn=redaction_of_turn() if options.redact else None,
            limits=lambda: Limits(64_000_000, options.fsync_ms / 1000),
            on_failure=print,
        )
        measure(log, 200, options.threads, 0)  # warm up
        took = sorted(measure(log, options.turns, options.threads, options.pause_ms / 1000))
        log.close()
        size = sum(path.stat().st_size for path in (Path(folder) / "log").glob("*.jsonl"))
    percent = statistics.quantiles(took, n=1000)
    figures = {
        "turns": len(took),
        "threads": options.threads,
        "fsync_ms": options.fsync_ms,
        "median_us": round(percent[499] * 1e6, 1),
        "p99_us": round(percent[989] * 1e6, 1),
        "p999_us": round(percent[998] * 1e6, 1),
        "max_us": round(took[-1] * 1e6, 1),
        "bytes_a_turn": round(size / (len(took) + 200)),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    print(json.dumps(figures) if options.json else "\n".join(f"{name:>14}: {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
