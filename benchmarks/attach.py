"""What the attachment adds to one call of an unmodified Aeon's brain, in process.

    python benchmarks/attach.py [--calls 15000] [--check]

The brain is a stock one in miniature whose model servers answer at once, so everything measured is the
attachment: recognising the caller, offering the sentence to the plugins, the view, the chosen route, the
turn. Rows: captured only; captured and answered by a chosen route; a sentence offered by the router to
the real command matcher. With --check the exit status is 1 when the goals are missed (median below
50 us, 99th percentile below 1 ms, with capture and override on).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hooks import HookCaller, Message, ModelRequest, Route, Turn, build_manager, hookimpl
from hooks.attach import attach
from hooks.providers import OnToken, Provider, ProviderPool

GOAL_MEDIAN_US, GOAL_P99_US = 50.0, 1000.0


class InstantOllama:
    @staticmethod
    def chat(model: str, messages: list[dict[str, str]]) -> dict[str, Any]:
        return {"message": {"content": "pronto"}}


ollama = InstantOllama


class Brain:
    """The steps of a stock Aeon's pensar, with nothing to wait for."""

    def __init__(self) -> None:
        self.client: Any = None
        self.online = False
        self.ollama_model = "deepseek-r1:8b"

    def _conectar(self) -> None:
        if not self.client:
            answer = SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content="pronto"))])
            create = SimpleNamespace(create=lambda **_: answer)
            self.client, self.online = SimpleNamespace(chat=SimpleNamespace(completions=create)), True

    def pensar(self, prompt: str, historico_txt: str = "", modo: str = "auto", **kwargs: Any) -> str | None:
        self._conectar()
        messages = [{"role": "system", "content": "s" * 1200}, {"role": "user", "content": prompt}]
        if self.online:
            answer = self.client.chat.completions.create(model="m", messages=messages, temperature=0.7)
            return str(answer.choices[0].message.content)
        return ollama.chat(model=self.ollama_model, messages=messages)["message"]["content"] or None


class InstantProvider:
    """A model server that answers at once."""

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        return "pronto"

    def models(self, *, timeout_s: float = 5.0) -> list[str]:
        return ["m"]

    def close(self) -> None: ...


class InstantPool(ProviderPool):
    def for_route(self, route: Route) -> Provider:
        return InstantProvider()


class Plugin:
    def __init__(self, route: Route | None) -> None:
        self.route = route
        self.turns = 0

    @hookimpl
    def aeon_heard(self, text: str) -> str | None:
        return None

    @hookimpl
    def aeon_choose_model(self, request: ModelRequest) -> Route | None:
        return self.route

    @hookimpl
    def aeon_turn_finished(self, turn: Turn) -> None:
        self.turns += 1


def caller_of(brain: Brain) -> Callable[[], object]:
    """A call as Aeon's own logic makes it."""
    names: dict[str, Any] = {"__name__": "core.main_gui_logic"}
    exec("def ask(): return brain.pensar('fala ai, tudo certo?')", names)
    names["brain"] = brain
    return names["ask"]  # type: ignore[no-any-return]


def time_calls(call: Callable[[], object], calls: int) -> list[float]:
    """Microseconds of each call, after a warm-up."""
    for _ in range(min(500, calls)):
        call()
    taken = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - began) / 1000)
    return taken


def row(name: str, taken: list[float], bare: float) -> dict[str, Any]:
    cuts = statistics.quantiles(taken, n=1000)
    return {
        "what": name,
        "median_added_us": round(statistics.median(taken) - bare, 1),
        "p90_added_us": round(cuts[899] - bare, 1),
        "p99_added_us": round(cuts[989] - bare, 1),
        "p999_added_us": round(cuts[998] - bare, 1),
    }


def measure(calls: int) -> list[dict[str, Any]]:
    brain = Brain()
    bare = statistics.median(time_calls(caller_of(brain), calls))
    rows = []
    for name, route in (("capture", None), ("capture and override", Route("embedded", "v1", "http://127.0.0.1:1"))):
        plugin = Plugin(route)
        hooks = HookCaller(build_manager(plugin, entry_points=False))
        made = attach(brain, hooks, pool=InstantPool())
        rows.append(row(name, time_calls(caller_of(brain), calls), bare))
        made.detach()
        if plugin.turns < calls:
            raise RuntimeError(f"only {plugin.turns} of {calls} calls were captured")
    return [*rows, matcher_row(calls)]


def matcher_row(calls: int) -> dict[str, Any]:
    """What offering a sentence to the plugin's own command matcher costs."""
    from aeon_plugin_ft.voice.matcher import match

    return row("command matcher", time_calls(lambda: match("me conta uma coisa que aconteceu hoje"), calls // 10), 0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=15_000)
    parser.add_argument("--check", action="store_true", help="exit 1 when the goals are missed")
    options = parser.parse_args()
    rows = measure(options.calls)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "calls": options.calls}
    print(json.dumps({**machine, "rows": rows}, indent=1))
    override = rows[1]
    met = override["median_added_us"] < GOAL_MEDIAN_US and override["p99_added_us"] < GOAL_P99_US
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
