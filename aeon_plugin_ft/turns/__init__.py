"""Turns and their log: what was said, durable before the reply is returned, and read back exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.turns.kinds import classify
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind

if TYPE_CHECKING:
    from aeon_plugin_ft.turns.index import TurnIndex
    from aeon_plugin_ft.turns.log import TurnLog
    from aeon_plugin_ft.turns.reading import read_turns
    from aeon_plugin_ft.turns.rewrite import rewrite_without, turns_quoting
    from aeon_plugin_ft.turns.watcher import LogWatcher

_HOMES = {
    "LogWatcher": "watcher",
    "TurnIndex": "index",
    "TurnLog": "log",
    "read_turns": "reading",
    "rewrite_without": "rewrite",
    "turns_quoting": "rewrite",
}

__all__ = [
    "LogWatcher",
    "LoggedTurn",
    "TurnIndex",
    "TurnKind",
    "TurnLog",
    "classify",
    "read_turns",
    "rewrite_without",
    "turns_quoting",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
