"""A host that is talked to for a long time: does anything grow, is anything lost, does anything get slower?

    python benchmarks/soak.py [--minutes 30] [--rate 5] [--json FILE]

The console with the real plugin (log, index, facts, similar turns, commands, schedule) answers through an Ollama of the
tests, which runs in a process of its own. So many sentences a second: talk, now and then
a fact, a praise, a command. Each minute: memory that is resident, threads, open files, the median and the 99th
percentile of what the plugin adds to a reply. At the end every turn is in the log exactly once.

Exit code 1 when a turn is missing or twice, or when the last fifth is above the second fifth (the first one fills
caches) by more than 16 MiB, two threads, eight files or twice the time.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aeon_plugin_ft.plugin import FineTuning
from aeon_plugin_ft.turns import read_turns
from core.brain import AeonBrain
from core.console import Console
from hooks import HookCaller, Route, build_manager

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES_A_RUN = 30
"""How often is looked, in all."""
SERVER = """
import sys
from tests.servers.ollama import FakeOllama
with FakeOllama() as ollama:
    ollama.add_model("m")
    print(ollama.url, flush=True)
    sys.stdin.read()
"""
TALK = ("que horas são, aproximadamente?", "me conta algo sobre o assunto", "e o que você acha disso?",
        "resume isso em uma frase", "meu time é o Grêmio", "valeu, boa resposta", "modelo atual", "como está o treino?",
        "me explica o passo", "o que eu faço com isso amanhã?")  # fmt: skip
WORDS = (
    "rede",
    "disco",
    "memória",
    "janela",
    "teclado",
    "backup",
    "servidor",
    "projeto",
    "planilha",
    "música",
    "viagem",
)
ALONE = {"valeu, boa resposta", "modelo atual", "como está o treino?"}
MORE_BYTES, MORE_THREADS, MORE_FILES, SLOWER = 16 << 20, 2, 8, 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: bytes, counts, and milliseconds that a sentence took since the look before."""

    seconds: float
    resident: int
    threads: int
    files: int
    turns: int
    median_ms: float
    p99_ms: float


@contextmanager
def server() -> Iterator[str]:
    """The address of an Ollama."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as made:
        assert made.stdin is not None and made.stdout is not None
        try:
            yield made.stdout.readline().strip()
        finally:
            made.stdin.close()


def talk(console: Console, minutes: float, rate: float) -> tuple[list[Sample], list[str]]:
    """The looks, and the turns whose reply was returned."""
    process, samples, turns, took = psutil.Process(), list[Sample](), list[str](), list[float]()
    begun, number = time.monotonic(), 0
    every = minutes * 60 / SAMPLES_A_RUN
    while (now := time.monotonic() - begun) < minutes * 60:
        if now >= every * (len(samples) + 1):
            samples.append(look(process, now, len(turns), took))
            print(line(samples[-1]), flush=True)
            took = []
        begin = time.perf_counter()
        answer = console.ask(sentence(number))
        took.append(time.perf_counter() - begin)
        if answer.turn is not None:
            turns.append(answer.turn.id)
        number += 1
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
    samples.append(look(process, time.monotonic() - begun, len(turns), took))
    return samples, turns


def sentence(number: int) -> str:
    """Never the same twice in an hour, in words that come again: caches of words are as full after minutes as ever."""
    of_what = " ".join(WORDS[number // len(WORDS) ** place % len(WORDS)] for place in range(4))
    what = TALK[number % len(TALK)]
    return what if what in ALONE else f"{what} ({of_what})"


def look(process: psutil.Process, seconds: float, turns: int, took: Sequence[float]) -> Sample:
    median, p99 = statistics.median(took) * 1000, sorted(took)[int(len(took) * 0.99)] * 1000
    files = process.num_handles() if sys.platform == "win32" else process.num_fds()
    resident = process.memory_info().rss
    return Sample(
        round(seconds, 1),
        resident,
        process.num_threads(),
        files,
        turns,
        round(median, 2),
        round(p99, 2),
    )


def line(sample: Sample) -> str:
    return (
        f"{sample.seconds / 60:5.1f} min  {sample.resident / 2**20:6.1f} MiB  {sample.threads:3} threads  "
        f"{sample.files:3} files  {sample.turns:6} turns  {sample.median_ms:7.2f} ms  p99 {sample.p99_ms:7.2f} ms"
    )


def grown(samples: Sequence[Sample]) -> list[str]:
    """What is larger in the last fifth than in the second one."""
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]

    def mean(name: str, of: Sequence[Sample]) -> float:
        return statistics.mean(getattr(sample, name) for sample in of)

    allowed = {"resident": MORE_BYTES, "threads": MORE_THREADS, "files": MORE_FILES}
    more = {name: mean(name, late) - mean(name, early) for name in allowed}
    found = [f"{name}: {value:+.0f}" for name, value in more.items() if value > allowed[name]]
    slower = statistics.median(s.median_ms for s in late) / statistics.median(s.median_ms for s in early)
    print(f"second to last fifth: {more['resident'] / 2**20:+.1f} MiB, {more['threads']:+.1f} threads, "
          f"{more['files']:+.1f} files, median reply {slower:.2f} times")  # fmt: skip
    return [*found, *([f"replies take {slower:.1f} times as long"] if slower > SLOWER else [])]


def lost(folder: Path, turns: Sequence[str]) -> list[str]:
    """What is not right with the log."""
    logged = collections.Counter(turn.id for turn in read_turns(folder / "log"))
    missing, twice = set(turns) - set(logged), [turn for turn, count in logged.items() if count > 1]
    print(f"{len(turns)} turns were answered, {len(logged)} are in the log")
    return [f"{len(missing)} turns are missing"] * bool(missing) + [f"{len(twice)} turns are there twice"] * bool(twice)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, server() as url:
        os.environ["OLLAMA_HOST"] = url
        folder = Path(place) / "data"
        plugin = FineTuning()
        brain = AeonBrain(None, hooks=HookCaller(build_manager(plugin, entry_points=False)))
        brain.host_routes = (Route("ollama", "m"),)
        console = Console(brain, folder)
        console.start()
        try:
            samples, turns = talk(console, options.minutes, options.rate)
        finally:
            console.stop()
        wrong = [*lost(folder, turns), *grown(samples)]
    print(f"load: {os.getloadavg() if hasattr(os, 'getloadavg') else 'unknown'}; wrong: {wrong or 'nothing'}")
    if options.json:
        options.json.write_text(json.dumps([asdict(sample) for sample in samples], indent=1), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
