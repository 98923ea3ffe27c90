"""Spoken commands and announcements, in Brazilian Portuguese.

`Commands(control).answer(text)` answers what is meant for the plugin, `match(text)` only says what it is,
`Announcer` tells news; `voice.triggers.triggers()` gives the phrases for Aeon's router. Names are loaded when
first used, so that importing the package costs the host nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.voice.announce import Announcer
    from aeon_plugin_ft.voice.catalogue import Catalogue
    from aeon_plugin_ft.voice.commands import Commands
    from aeon_plugin_ft.voice.control import Control
    from aeon_plugin_ft.voice.intents import Intent, Name
    from aeon_plugin_ft.voice.matcher import match

__all__ = ["Announcer", "Catalogue", "Commands", "Control", "Intent", "Name", "match"]

_PLACES = {
    "Announcer": "announce",
    "Catalogue": "catalogue",
    "Commands": "commands",
    "Control": "control",
    "Intent": "intents",
    "Name": "intents",
    "match": "matcher",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
