"""Turns as Aeon makes them, and logs that are closed when a test ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.turns import TurnLog
from aeon_plugin_ft.turns.log import Limits
from hooks import Attempt, Message, Turn

STATIC = "[IDENTIDADE]\nVocê é um assistente cínico.\n" * 20


NUMBERED = "resposta número"


class TurnMaker(Protocol):
    def __call__(self, user: str = ..., reply: str | None = ..., **fields: Any) -> Turn: ...


@pytest.fixture
def make_turn() -> TurnMaker:
    """A new turn each time, one minute after the one before, with a system prompt like Aeon's."""
    numbers = itertools.count(1)

    def make(user: str = "", reply: str | None = NUMBERED, **fields: Any) -> Turn:
        number = next(numbers)
        said = user or f"pergunta número {number}"
        clock = f"22/11/2026 {number // 60 % 24:02d}:{number % 60:02d}"
        system = f"{STATIC}Data/Hora: {clock}.\n\n[MEMÓRIAS RELEVANTES]\n  lembrança {number}\n  "
        known: dict[str, Any] = {
            "id": f"{number:032x}",
            "session": "s1",
            "started_at": 1_700_000_000.0 + 60 * number,
            "seconds": 0.5,
            "caller": "chat",
            "mode": "auto",
            "prompt": said,
            "messages": (Message("system", system), Message("user", said)),
            "reply": f"resposta número {number}" if reply is NUMBERED else reply,
            "served_by": Attempt("groq", "llama", "base", True, 0.4),
        }
        return Turn(**{**known, **fields})

    return make


class LogOpener(Protocol):
    def __call__(self, folder: Path | None = ..., **options: Any) -> TurnLog: ...


@pytest.fixture
def open_log(data: DataFolder) -> Iterator[LogOpener]:
    opened: list[TurnLog] = []

    def unexpected(sentence: str) -> None:
        raise AssertionError(sentence)

    def open_one(folder: Path | None = None, **options: Any) -> TurnLog:
        limits = Limits(options.pop("rotate_bytes", 1 << 20), options.pop("fsync_seconds", 0.05))
        defaults: dict[str, Any] = {"redact": str, "limits": lambda: limits, "on_failure": unexpected}
        made = TurnLog(folder or data.log, **{**defaults, **options})
        opened.append(made)
        return made

    yield open_one
    for log in opened:
        log.close()


@pytest.fixture
def log_bytes(data: DataFolder) -> Callable[[], bytes]:
    """Everything that lies in the log folder."""
    return lambda: b"".join(path.read_bytes() for path in sorted(data.log.iterdir()))
