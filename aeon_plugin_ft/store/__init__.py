"""The plugin's memory on disk: the data folder's layout and the SQLite database."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.store.database import Store
    from aeon_plugin_ft.store.folder import DataFolder

__all__ = ["DataFolder", "Store"]

_PLACES = {"DataFolder": "folder", "Store": "database"}


def __getattr__(name: str) -> Any:
    # Late: who asks where the folder is needs no SQLite.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
