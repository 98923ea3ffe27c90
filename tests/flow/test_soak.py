"""Turns of the loop with talk between them: nothing grows, nothing is left over, nothing is unlearnt.

Everything is real (console, log, training child, gate's measurements, embedded server, swap, retention) but the
model, which is tiny and knows the judge's tool calls by heart, and the gate's verdict, which is replaced: what
it measured is checked here.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import aeon_plugin_ft.judge
from aeon_plugin_ft.evaluation import Verdict, secrets, suites
from aeon_plugin_ft.evaluation.model import HeldoutLoss
from aeon_plugin_ft.evaluation.suites import SuiteResult
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.runtime import Runtime
from aeon_plugin_ft.schedule.scheduler import THREADS
from core.console import Console
from tests.flow.small_life import SYSTEM, import_turns, start_console, train, write_settings
from tests.flow.taught import make_taught

pytestmark = pytest.mark.slow(seconds=60)

# Three: from the third on an old version goes.
CYCLES = int(os.environ.get("AEON_FT_CYCLES", "3"))
TURNS, TALK = 24, 12
CAP_BYTES = 6_000_000
KEPT = 2
MORE_MEMORY = 12 * 2**20
"""Bytes by which the host may grow after its first turn of the loop."""
NOISE = 0.02
"""Share by which the held-out loss of two trainings differs for no reason."""
RATE = 2e-4
"""At 1e-3 the tiny model had lost its tool calls after 20 steps, as the gate would have said."""
PATIENCE = 300.0
QUESTIONS = ("e aí?", "que horas são?", "conta uma piada", "tudo certo?")


@dataclass(frozen=True)
class Measured:
    """What the gate was given about one candidate."""

    candidate: str
    current: str
    losses: Mapping[str, HeldoutLoss]
    suites: Mapping[str, SuiteResult]


@dataclass
class Life:
    console: Console
    runtime: Runtime
    measured: list[Measured]

    def cycle(self, number: int) -> str:
        """Talk, learn from it, and wait until the new model answers; its name."""
        assert import_turns(self.runtime, number * TURNS, (number + 1) * TURNS) == TURNS
        self.talk()
        pipeline = self.runtime.pipeline
        version = pipeline.judge(train(self.runtime, pipeline.freeze()))
        pipeline.promote(version)
        self.runtime.follow_now()
        wait_for(lambda: self.runtime.answering == version.name)
        pipeline.prune()
        self.talk()
        return version.name

    def talk(self) -> None:
        for number in range(TALK):
            answer = self.console.ask(QUESTIONS[number % len(QUESTIONS)])
            assert answer.turn is not None and answer.turn.served_by is not None
            assert answer.turn.served_by.provider == "embedded" and answer.text


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    measured: list[Measured] = []

    def accept(losses: Any, replies: Any, *_: Any, candidate: str, current: str, **__: Any) -> Verdict:
        measured.append(Measured(candidate, current, dict(losses), dict(replies)))
        return Verdict(True, (), {})

    monkeypatch.setattr(aeon_plugin_ft.judge, "gate", accept)
    for place in ("core.brain", "core.prompt"):
        monkeypatch.setattr(f"{place}.system_prompt", lambda *_: SYSTEM)
    monkeypatch.setattr(suites, "TOOL_PROMPTS", suites.TOOL_PROMPTS[:4])
    monkeypatch.setattr(suites, "CHAT_PROMPTS", suites.CHAT_PROMPTS[:2])
    monkeypatch.setattr(secrets, "PROBES", secrets.PROBES[:1])
    folder = tmp_path / "data"
    folder.mkdir()
    write_settings(
        folder,
        make_taught(tmp_path, tmp_path / "cache"),
        plugin={"disk_cap_gb": CAP_BYTES / 1e9},
        train={"learning_rate": RATE},
        serve={"keep_versions": KEPT},
        gate={"watch": False},
    )
    console, runtime = start_console(folder)
    yield Life(console, runtime, measured)
    console.stop()


def test_turns_of_the_loop_leave_the_machine_as_it_was_and_the_model_no_worse(life: Life) -> None:
    wait_for(lambda: life.runtime.answering == BASE)
    memory, threads, names = [], [], [BASE]
    for number in range(CYCLES):
        names.append(life.cycle(number))
        check_house(life.runtime, names)
        gc.collect()
        memory.append(psutil.Process().memory_info().rss)
        threads.append(named_threads())
    assert max(memory) - memory[0] < MORE_MEMORY, memory
    assert len(threads[-1]) <= len(threads[0]), f"{threads[0]}\n{threads[-1]}"
    assert [one.candidate for one in life.measured] == names[1:]
    check_learning(life.measured)


def named_threads() -> list[str]:
    """All but APScheduler's pool, whose threads come with the first looks."""
    names = sorted(thread.name for thread in threading.enumerate())
    pool = [name for name in names if name.startswith("ThreadPoolExecutor")]
    assert len(pool) <= THREADS, pool
    return [name for name in names if name not in pool]


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def check_house(runtime: Runtime, names: list[str]) -> None:
    """One child, which serves; the disk below its cap; the two newest versions there, the others gone."""
    wait_for(lambda: len(children()) == 1)
    plan = runtime.pipeline.retention().plan()
    assert plan.fits and not plan.items, plan
    assert plan.used <= CAP_BYTES
    assert (runtime.registry.current(), runtime.registry.previous()) == (names[-1], names[-2])
    there = sorted(path.name for path in runtime.data.versions.glob("v*"))
    assert there == [name for name in names[-KEPT:] if name != BASE]


def check_learning(measured: list[Measured]) -> None:
    """No candidate calls tools worse than the base or the one before it, or knows the held-out talk less well."""
    for one in measured:
        valid = {name: result.tool_valid for name, result in one.suites.items()}
        assert valid[BASE] == 1.0, f"the tiny model was taught to call tools: {one.suites[BASE].answers}"
        assert valid[one.candidate] >= min(valid[BASE], valid[one.current]) - 0.01, valid
        losses = {name: loss.mean for name, loss in one.losses.items()}
        assert losses[one.candidate] < losses[BASE], losses
        assert losses[one.candidate] <= losses[one.current] * (1 + NOISE), losses
