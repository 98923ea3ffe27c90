"""Hot swap with the built-in model, embedded or in Ollama: how long, at what cost, with what loss.

    python benchmarks/swap.py [--chats 100] [--tokens 16] [--swaps 3] [--threads 0] [--json FILE]
    python benchmarks/swap.py --ollama 0.34.2    through a local server with that Ollama's API, on llama.cpp

Two versions with random adapters are swapped back and forth while `--chats` chats run at once. Counted: failed
replies, replies by another model than the call's route named (by the server's own word), the time of the
route flip (the assignment that the brain sees), the whole swap and its parts from the journal, the first
reply on the new route against the steady state, rollback, and, embedded, memory of one server and of the second
beside it, and the speed of writing. `word_for_word` is the share of replies equal to those given when nobody else
talks: two conversations computed at once round differently, so a 4-bit model may choose another word. The load
of the machine is printed beside: speeds on a busy one mean little.
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
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import psutil

from aeon_plugin_ft.base import BaseModel, resolve_base
from aeon_plugin_ft.evaluation.model import Verdict
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.serving.journal import SwapStep
from aeon_plugin_ft.serving.ollama.deployer import OllamaDeployer
from aeon_plugin_ft.serving.routes import RouteTable
from aeon_plugin_ft.serving.swap import Swapper
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder, Store
from hooks import Route
from tests.servers.ollama import FakeOllama
from tests.weights.lora import make_adapter

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "base"
SYSTEM = "Você é o Aeon, um assistente direto, um pouco cínico e muito competente, que fala como um amigo. " * 8
TAG = "benchmark:latest"
FIRST_REPLY = 1.2
"""The first reply on the new route may take this many times as long as the steady ones; more is a failure."""
PROMPTS = ("quem é você?", "que horas são?", "conta uma piada", "abre o terminal", "o que é LoRA?")


@dataclass
class Bench:
    """A host's swapper over two versions of the built-in model."""

    swapper: Swapper
    deployer: EmbeddedDeployer | OllamaDeployer
    registry: Registry
    base: BaseModel
    tokens: int
    settings: ServeSection
    results: dict[str, Any] = field(default_factory=dict)

    def swap(self, name: str) -> Route:
        return self.swapper.swap(self.registry.get(name), self.base).route

    def ask(self, route: Route, text: str) -> tuple[str, float, dict[str, Any]]:
        """One greedy reply, its seconds, and what the server says about it."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        body: dict[str, Any] = {"model": route.model, "messages": messages, "stream": False}
        if route.provider == "ollama":
            path, limits = "/api/chat", {"options": {"num_predict": self.tokens, "temperature": 0}}
        else:
            path, limits = "/v1/chat/completions", {"max_tokens": self.tokens, "temperature": 0}
        started = time.perf_counter()
        answer = httpx.post(
            f"{route.base_url}{path}",
            json=body | limits,
            headers={"Authorization": f"Bearer {route.token}"},
            timeout=600,
            trust_env=False,
        )
        seconds = time.perf_counter() - started
        answer.raise_for_status()
        said = answer.json()
        message = said["message"] if route.provider == "ollama" else said["choices"][0]["message"]
        return message["content"], seconds, said


@contextmanager
def opened(folder: Path, tokens: int, threads: int, ollama: str) -> Iterator[Bench]:
    """The bench on its backend: the embedded one, or a local Ollama of that version."""
    base = resolve_base("smollm2-135m-instruct", CACHE, print)
    assert base.gguf is not None
    data = DataFolder(folder).create()
    store = Store(data.database)
    registry = Registry(data, store)
    for seed in (1, 2):
        registry.create(
            run=f"run{seed}",
            adapter=make_adapter(
                folder / f"adapter{seed}", base, seed=seed, strength=0.01 if ollama else 0.15, rank=16, alpha=16
            ),
            dataset="benchmark",
            base=base.spec,
            base_digest=base.digest,
            verdict=Verdict(True, (), {}),
        )
    with ExitStack() as stack:
        stack.callback(store.close)
        deployer: EmbeddedDeployer | OllamaDeployer
        if ollama:
            server = stack.enter_context(FakeOllama(ollama, real=True))
            server.add_model(TAG, base.gguf, template="{{ .Prompt }} {{ .Response }}")
            settings = ServeSection(backend="ollama", ollama_url=server.url, ollama_model=TAG)
            deployer = OllamaDeployer(data, say=print, system_prompt=lambda: SYSTEM)
        else:
            settings = ServeSection(threads=threads)
            deployer = EmbeddedDeployer(data, system_prompt=lambda: SYSTEM)
        stack.callback(deployer.close)
        deployers = {deployer.name: deployer}
        swapper = Swapper(data, store, EventBus(), RouteTable(), deployers, lambda: settings, resolve=lambda _: base)
        yield Bench(swapper, deployer, registry, base, tokens, settings)


def measure_steady(bench: Bench) -> None:
    """Speed and memory of one server, and of a second one beside it."""
    route = bench.swap("v0001")
    bench.ask(route, PROMPTS[0])
    timings = [bench.ask(route, prompt)[1:] for prompt in PROMPTS]
    bench.results["steady_reply_s"] = statistics.median(seconds for seconds, _ in timings)
    if not isinstance(bench.deployer, EmbeddedDeployer):
        return
    speeds = [said["timings"]["predicted_per_second"] for _, said in timings]
    bench.results["generation_tokens_per_s"] = statistics.median(speeds)
    one = memory(bench.deployer.pids()[0])
    second = bench.deployer.deploy(bench.registry.get("v0002"), bench.base, bench.settings)
    both = [memory(pid) for pid in bench.deployer.pids()]
    bench.deployer.retire(second, bench.settings)
    bench.results["memory_one_mib"] = one
    bench.results["memory_second_costs_mib"] = sum(both) - one


def memory(pid: int) -> float:
    """MiB of a process, shared pages divided among those who share them where the system tells (Linux)."""
    info = psutil.Process(pid).memory_full_info()
    return float(getattr(info, "pss", info.rss)) / 2**20


def measure_under_load(bench: Bench, target: str, chats: int) -> None:
    """One swap to `target` while `chats` chats run: half begin before it, half as soon as the route has flipped."""
    routes = bench.swapper.routes
    old = routes.current
    assert old is not None
    replies: list[tuple[str, str, str, str]] = []
    failures: list[str] = []
    ready = threading.Barrier(chats + 1)

    def talk(number: int) -> None:
        ready.wait()
        while number % 2 and routes.current is old:
            time.sleep(0.001)
        prompt, call = PROMPTS[number % len(PROMPTS)], f"call-{number}"
        route = routes.acquire(call)
        assert route is not None
        try:
            text, _, said = bench.ask(route, prompt)
            replies.append((route.model, prompt, text, said["model"]))
        except httpx.HTTPError as error:
            failures.append(f"{route.model}: {error!r}")
        finally:
            routes.release(call)

    expected = {(old.model, prompt): bench.ask(old, prompt)[0] for prompt in PROMPTS}
    with ThreadPoolExecutor(chats) as pool:
        for number in range(chats):
            pool.submit(talk, number)
        ready.wait()
        new = bench.swap(target)
    expected |= {(new.model, prompt): bench.ask(new, prompt)[0] for prompt in PROMPTS}
    same = sum(expected[model, prompt] == text for model, prompt, text, _ in replies)
    bench.results["under_load"] = {
        "chats": len(replies) + len(failures),
        "failed": len(failures),
        "by_another_model": sum(told != model for model, _, _, told in replies),
        "word_for_word": same / len(replies),
        "served_by": Counter(model for model, *_ in replies),
    }


def measure_quiet(bench: Bench, swaps: int) -> None:
    """Swaps with nobody talking: the whole, the parts, the flip, the first reply, the way back."""
    flips: list[float] = []
    flip = bench.swapper.routes.flip

    def timed(route: Route | None) -> Route | None:
        started = time.perf_counter()
        before = flip(route)
        flips.append(time.perf_counter() - started)
        return before

    bench.swapper.routes.flip = timed  # type: ignore[method-assign]
    wholes, firsts, backs = [], [], []
    for _ in range(swaps):
        started = time.perf_counter()
        route = bench.swap("v0002")
        wholes.append(time.perf_counter() - started)
        firsts.append(bench.ask(route, PROMPTS[0])[1])
        started = time.perf_counter()
        bench.swap("v0001")
        backs.append(time.perf_counter() - started)
    bench.results["swap_s"] = statistics.median(wholes)
    bench.results["rollback_s"] = statistics.median(backs)
    bench.results["flip_ms_worst"] = max(flips) * 1000
    bench.results["first_reply_over_steady"] = statistics.median(firsts) / bench.results["steady_reply_s"]
    bench.results["parts_s"] = parts(bench.swapper)


def parts(swapper: Swapper) -> dict[str, float]:
    """Seconds from one step of the last swap to the next."""
    entries = list(swapper.journal.swaps().values())[-1]
    at = {entry.step: entry.at for entry in entries}
    order = [
        SwapStep.BEGUN,
        SwapStep.BUILT,
        SwapStep.LOADED,
        SwapStep.PROVED,
        SwapStep.FLIPPED,
        SwapStep.WATCHED,
        SwapStep.DONE,
    ]
    there = [step for step in order if step in at]  # what is imported already is not built again
    return {f"to {end.value}": round(at[end] - at[start], 3) for start, end in pairwise(there)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chats", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--swaps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--ollama", default="", metavar="VERSION", help="0.24.0, 0.32.1 or 0.34.2; default: embedded")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(folder), options.tokens, options.threads, options.ollama) as bench,
    ):
        bench.results |= {"backend": f"ollama {options.ollama}" if options.ollama else "embedded"}
        bench.results |= {"machine": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        if hasattr(os, "getloadavg"):
            bench.results["load_before"] = round(os.getloadavg()[0], 1)
        measure_steady(bench)
        measure_quiet(bench, options.swaps)
        measure_under_load(bench, "v0002", options.chats)
    text = json.dumps(bench.results, indent=1, ensure_ascii=False)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    load = bench.results["under_load"]
    good = not load["failed"] and not load["by_another_model"] and bench.results["flip_ms_worst"] < 1
    return 0 if good and bench.results["first_reply_over_steady"] <= FIRST_REPLY else 1


if __name__ == "__main__":
    sys.exit(main())
