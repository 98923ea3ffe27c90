"""How long the owner waits for a reply: nobody trains, training goes on beside, training makes way.

    python benchmarks/reply_time.py [--conversations 8] [--sentences 6] [--tokens 24] [--threads 0] [--json FILE]

The built-in model answers the same questions in each case, in conversations of a few sentences, from the embedded
server as Aeon would ask it. `beside`: a training process at idle priority is at work all the while and nobody
stops it. `pre-empted`: it is at work when a conversation begins, and the first sentence asks it to leave, through
the background thread that the host has; after the conversation it goes on from its checkpoint. Idle is
measured before and after the others, so that a machine that grows slower shows.

Printed: median and 95th percentile in seconds, their ratio to idle's, how soon the training process had gone, and
the load of the machine. Exit code 1 when the 95th percentile with pre-emption is above 1.1 times idle's, or when the
training did not really train.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.causes import PauseCause, RunPhase
from aeon_plugin_ft.dataset.importers.into_log import import_into_log
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.pipeline import Pipeline
from aeon_plugin_ft.schedule import Background
from aeon_plugin_ft.serving.ask import ask
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.settings import ServeSection, Settings, TrainSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import Progress, Run
from aeon_plugin_ft.training.recipe import make_recipe
from aeon_plugin_ft.training.runs import create_run
from hooks import Message, Route

REPOSITORY = Path(__file__).resolve().parent.parent
SYSTEM = "Você é o Aeon, um assistente direto, um pouco cínico e muito competente, que fala como um amigo. " * 8
QUESTIONS = ("quem é você?", "que horas são?", "conta uma piada", "abre o terminal", "o que é LoRA?", "tudo certo?")
ENDLESS = 20.0
"""Passes over the examples: the run outlasts the benchmark."""
INTO_A_STEP_SECONDS = 1.0
THINKING_SECONDS = 0.3
"""Between a reply and the owner's next sentence."""
PATIENCE = 300.0
GOAL = 1.1


@dataclass
class Bench:
    """A served model, and a run that goes on and pauses as in a host."""

    route: Route
    background: Background
    run: Run
    tokens: int
    newest: Progress | None = None
    gone: list[float] = field(default_factory=list)

    def reply(self, question: str) -> float:
        """Seconds until the whole reply is there; greedy, so that every case computes the same tokens."""
        started = time.perf_counter()
        ask(self.route, (Message("system", SYSTEM), Message("user", question)), self.tokens)
        return time.perf_counter() - started

    def conversation(self, sentences: int) -> list[float]:
        taken = []
        for number in range(sentences):
            taken.append(self.reply(QUESTIONS[number % len(QUESTIONS)]))
            time.sleep(THINKING_SECONDS)
        return taken

    def train(self) -> None:
        """Go on with the run; return once it is in the middle of a step."""
        stale = self.newest
        self.background.start(self.run.id)
        wait_for(lambda: self.step() >= 0 and self.newest != stale and self._in_steps(), self.require_training)
        time.sleep(INTO_A_STEP_SECONDS)

    def step(self) -> int:
        """The newest step of the run, 0 before there is any."""
        self.newest = self.background.progress or self.newest
        return 0 if self.newest is None else self.newest.step

    def require_training(self) -> None:
        if not self.background.busy:
            raise SystemExit(f"the training ended: {self.background.error}")

    def pause(self) -> None:
        self.background.pause(PauseCause.OWNER_BACK)

    def wait_gone(self, asked: float) -> None:
        wait_for(lambda: not self.background.busy)
        self.gone.append(time.perf_counter() - asked)

    def _in_steps(self) -> bool:
        return self.newest is not None and self.newest.phase is RunPhase.TRAINING


def wait_for(holds: Callable[[], bool], check: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        check()
        if time.monotonic() > deadline:
            raise SystemExit("the benchmark waited in vain")
        time.sleep(0.02)


@contextmanager
def build(folder: Path, tokens: int, threads: int) -> Iterator[Bench]:
    """Everything on a fresh data folder with the sample conversation in it."""
    base = resolve_base("smollm2-135m-instruct", REPOSITORY / ".cache" / "base", print)
    data = DataFolder(folder).create()
    store = Store(data.database)
    settings = Settings(train=TrainSection(epochs=ENDLESS, threads=threads), serve=ServeSection(threads=threads))
    deployer = EmbeddedDeployer(data, system_prompt=lambda: SYSTEM)
    bench_background = Background(lambda resume, on_progress: pipeline.resume(str(resume), on_progress))
    pipeline = Pipeline(
        data, lambda: settings, store, EventBus(), lambda: {"embedded": deployer}, interrupt=bench_background.interrupt
    )
    import_into_log(REPOSITORY / "samples" / "conversation.log", data, store, settings)
    try:
        route = deployer.deploy(None, base, settings.serve).route
        yield Bench(route, bench_background, new_run(pipeline, base), tokens)
    finally:
        bench_background.pause(PauseCause.HOST_CLOSING)
        bench_background.join(30)
        deployer.close()
        store.close()


def new_run(pipeline: Pipeline, base: BaseModel) -> Run:
    dataset = pipeline.freeze()
    recipe = make_recipe(pipeline.settings().train, base.parameters, dataset.train)
    return create_run(pipeline.data, pipeline.store, base, dataset, recipe)


def measure_idle(bench: Bench, conversations: int, sentences: int) -> list[float]:
    return [seconds for _ in range(conversations) for seconds in bench.conversation(sentences)]


def measure_beside(bench: Bench, conversations: int, sentences: int) -> tuple[list[float], int]:
    """One training under all conversations, which nobody stops; the replies, and the steps that it made."""
    bench.train()
    before = bench.step()
    taken = measure_idle(bench, conversations, sentences)
    bench.require_training()
    steps = bench.step() - before
    asked = time.perf_counter()
    bench.pause()
    bench.wait_gone(asked)
    return taken, steps


def measure_preempted(bench: Bench, conversations: int, sentences: int) -> list[float]:
    """Training is at work when each conversation begins, and leaves because of it."""
    taken = []
    for _ in range(conversations):
        bench.train()
        bench.pause()
        leaving = threading.Thread(target=bench.wait_gone, args=(time.perf_counter(),), daemon=True)
        leaving.start()
        taken += bench.conversation(sentences)
        leaving.join()
    return taken


def percentile(seconds: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * round(share * 100) // 100) - 1))]


def summary(cases: dict[str, list[float]]) -> dict[str, Any]:
    """Median and 95th percentile of each case, and their ratios to idle's."""
    found: dict[str, Any] = {}
    for name, seconds in cases.items():
        p50, p95 = statistics.median(seconds), percentile(seconds, 0.95)
        found[name] = {"replies": len(seconds), "p50_s": round(p50, 4), "p95_s": round(p95, 4)}
    for one in found.values():
        one["p50_ratio"] = round(one["p50_s"] / found["idle"]["p50_s"], 3)
        one["p95_ratio"] = round(one["p95_s"] / found["idle"]["p95_s"], 3)
    return found


def table(results: dict[str, Any]) -> str:
    lines = [f"{'':12} {'p50 s':>8} {'p95 s':>8} {'p50 x idle':>11} {'p95 x idle':>11}"]
    for name, one in results["cases"].items():
        numbers = f"{one['p50_s']:8.3f} {one['p95_s']:8.3f} {one['p50_ratio']:11.2f} {one['p95_ratio']:11.2f}"
        lines.append(f"{name:12} {numbers}")
    return "\n".join(lines)


def measure(bench: Bench, conversations: int, sentences: int) -> dict[str, Any]:
    bench.conversation(1)
    half = max(1, conversations // 2)
    idle = measure_idle(bench, half, sentences)
    beside, steps = measure_beside(bench, conversations, sentences)
    bench.gone.clear()
    preempted = measure_preempted(bench, conversations, sentences)
    idle += measure_idle(bench, conversations - half, sentences)
    return {
        "cases": summary({"idle": idle, "beside": beside, "pre-empted": preempted}),
        "steps_beside": steps,
        "gone_after_s": {"median": round(statistics.median(bench.gone), 2), "worst": round(max(bench.gone), 2)},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--conversations", type=int, default=8)
    parser.add_argument("--sentences", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    results: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    if hasattr(os, "getloadavg"):
        results["load_before"] = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder, build(Path(folder), options.tokens, options.threads) as bench:
        results |= measure(bench, options.conversations, options.sentences)
    print(json.dumps(results, indent=1))
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    good = results["steps_beside"] > 0 and results["cases"]["pre-empted"]["p95_ratio"] <= GOAL
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
