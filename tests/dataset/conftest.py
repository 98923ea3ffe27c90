"""Small turns and logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message

MakeTurn = Callable[..., LoggedTurn]


@pytest.fixture
def turn() -> MakeTurn:
    """Makes a turn: `turn("oi", "Fala, cara.")`; ids are t1, t2, ... in the order they are made."""
    made = [0]

    def make(user: str, reply: str, session: str = "s", at: float = 0.0, system: str = "", **more: Any) -> LoggedTurn:
        made[0] += 1
        head = (Message("system", system),) if system else ()
        values: dict[str, Any] = {"id": f"t{made[0]}", "kind": TurnKind.CHAT, "caller": "chat"} | more
        messages = values.pop("messages", (*head, Message("user", user)))
        return LoggedTurn(session=session, at=at, messages=messages, reply=reply, **values)

    return make


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Writes a conversation.log from lines, in any encoding."""

    def write(*lines: str, encoding: str = "utf-8", end: str = "\n", last: bool = True) -> Path:
        path = tmp_path / "conversation.log"
        path.write_bytes((end.join(lines) + (end if last else "")).encode(encoding))
        return path

    return write
