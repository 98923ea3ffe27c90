"""A Control that remembers what it was asked and answers what the test put in."""

from __future__ import annotations

import threading

from aeon_plugin_ft.voice.control import (
    Change,
    ChangeCause,
    CommandResult,
    Comparison,
    Forgotten,
    ModelInUse,
    NextTraining,
    Phase,
    SaidFacts,
    Status,
    VersionInfo,
    Waiting,
)
from aeon_plugin_ft.voice.intents import Intent
from aeon_plugin_ft.voice.places import PlaceWish

NOW = 1_800_000_000.0
"""When it is, in seconds since the epoch."""


class Clock:
    """Stands still unless the test sets `at`."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class FakeControl:
    """`calls` lists (method, arguments); `gate`, when it is cleared, holds every method until it is set."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.outcome = CommandResult()
        self.state = Status(Phase.IDLE, turns=80, turns_needed=100)
        self.model = ModelInUse("v0003")
        self.known: tuple[VersionInfo, ...] = ()
        self.comparison = Comparison("v0003", "base", gain=0.12, examples=40, better=31)
        self.last_change = Change(ChangeCause.OWNER, "v0003", "base")
        self.forgotten = Forgotten(2)
        self.understood: bool | Exception = True
        self.known_facts = SaidFacts(("sua gata se chama Fork", "a daily é às 9h30"), 2)
        self.wish: PlaceWish | None = PlaceWish("PC da sala", "quiet", "00:00-06:00")
        self.planned = NextTraining(Waiting.TURNS, turns_left=20)

    def _call(self, name: str, *arguments: object) -> None:
        self.calls.append((name, arguments))
        assert self.gate.wait(60), "the test forgot to open the gate"
        if self.error is not None:
            raise self.error

    def _do(self, name: str, *arguments: object) -> CommandResult:
        self._call(name, *arguments)
        return self.outcome

    def status(self) -> Status:
        self._call("status")
        return self.state

    def train_now(self) -> CommandResult:
        return self._do("train_now")

    def pause(self) -> CommandResult:
        return self._do("pause")

    def resume(self) -> CommandResult:
        return self._do("resume")

    def cancel(self) -> CommandResult:
        return self._do("cancel")

    def model_in_use(self) -> ModelInUse:
        self._call("model_in_use")
        return self.model

    def use(self, version: str) -> CommandResult:
        return self._do("use", version)

    def undo(self) -> CommandResult:
        return self._do("undo")

    def versions(self) -> tuple[VersionInfo, ...]:
        self._call("versions")
        return self.known

    def compare(self, first: str | None = None, second: str | None = None) -> Comparison:
        self._call("compare", first, second)
        return self.comparison

    def why_changed(self) -> Change:
        self._call("why_changed")
        return self.last_change

    def learn_last(self) -> CommandResult:
        return self._do("learn_last")

    def mark_last_wrong(self) -> CommandResult:
        return self._do("mark_last_wrong")

    def correct_last(self, text: str) -> CommandResult:
        return self._do("correct_last", text)

    def forget_last(self) -> Forgotten:
        self._call("forget_last")
        return self.forgotten

    def forget_minutes(self, minutes: int) -> Forgotten:
        self._call("forget_minutes", minutes)
        return self.forgotten

    def forget_about(self, text: str) -> Forgotten:
        self._call("forget_about", text)
        return self.forgotten

    def forget(self, planned: Forgotten) -> Forgotten:
        self._call("forget", planned)
        return self.forgotten

    def understands(self, intent: Intent) -> bool:
        if isinstance(self.understood, Exception):
            raise self.understood
        return self.understood

    def facts(self, about: str = "") -> SaidFacts:
        self._call("facts", about)
        return self.known_facts

    def forget_fact(self, text: str) -> Forgotten:
        self._call("forget_fact", text)
        return self.forgotten

    def correct_fact(self, text: str) -> SaidFacts:
        self._call("correct_fact", text)
        return self.known_facts

    def private(self, on: bool) -> CommandResult:
        return self._do("private", on)

    def secret(self) -> Forgotten:
        self._call("secret")
        return self.forgotten

    def next_training(self) -> NextTraining:
        self._call("next_training")
        return self.planned

    def place(self, text: str) -> PlaceWish | None:
        self._call("place", text)
        return self.wish

    def train_at(self, wish: PlaceWish) -> CommandResult:
        return self._do("train_at", wish)

    def open_panel(self) -> CommandResult:
        return self._do("open_panel")

    def change_setting(self, key: str, value: object) -> CommandResult:
        return self._do("change_setting", key, value)
