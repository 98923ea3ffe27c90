"""What the watch costs the host: `python benchmarks/watch.py [TURNS]`.

A store with years of turns; then how long a turn takes to be noted (while the owner waits), how long the follower's
look takes after it (in a thread of its own), and how long a look takes when nothing is new.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.evaluation import Verdict
from aeon_plugin_ft.events import EventBus
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.settings import GateSection
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.watch.signals import TurnSignal, record
from aeon_plugin_ft.watch.watch import Watch
from hooks import Attempt, Message, Route, Turn

REPLY = "Massa, já anotei isso aqui, cara. Amanhã eu te cobro e a gente vê o resto com calma."


def main(turns: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = DataFolder(Path(folder)).create()
        store = Store(data.database)
        registry = Registry(data, store)
        (data.root / "adapter").mkdir()
        name = registry.create(
            run="r",
            adapter=data.root / "adapter",
            dataset="d",
            base="b",
            base_digest="x",
            verdict=Verdict(True, (), {}),
        ).name
        now = time.time()
        record(store, [_signal(f"old{n}", now - 1e8 + n, "base@groq", "groq") for n in range(turns)])
        registry.promote(name, PromotionCause.BETTER)
        record(store, [_signal(f"new{n}", now + 1 + n / 100, name, "embedded") for n in range(turns)])
        watch = Watch(store, registry, TurnIndex(store, data.log), EventBus(), lambda: GateSection())
        watch.look()
        notes, looks = zip(*(_turn(watch, name, now + 1e6 + n) for n in range(200)), strict=True)
        idle = [_seconds(watch.look) for _ in range(500)]
        store.close()
    print(f"{2 * turns} turns in the store")
    print(f"noting a turn, while the owner waits: {statistics.median(notes) * 1e6:.0f} us")
    print(
        f"the look after it, in a thread:       {statistics.median(looks) * 1e3:.1f} ms, at most {max(looks) * 1e3:.1f}"
    )
    print(f"a look when nothing is new:           {statistics.median(idle) * 1e6:.0f} us")


def _turn(watch: Watch, name: str, at: float) -> tuple[float, float]:
    turn = Turn(
        id=f"t{at}", session="s", started_at=at, seconds=1.0, caller="chat", mode="", prompt="oi",
        messages=(Message("user", "oi"),), reply=REPLY, served_by=Attempt("embedded", name, name, True, 1.0),
    )  # fmt: skip
    route = Route("embedded", name, version=name)
    return _seconds(lambda: watch.note(turn, TurnKind.CHAT, route)), _seconds(watch.look)


def _seconds(act: object) -> float:
    started = time.perf_counter()
    act()  # type: ignore[operator]
    return time.perf_counter() - started


def _signal(turn: str, at: float, version: str, provider: str) -> TurnSignal:
    return TurnSignal(turn, at, "s", version, provider, False, (), 1.0, 80)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
