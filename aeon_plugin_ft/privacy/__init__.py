"""Personal data: found and replaced before anything is written, and looked for afterwards.

Cheap to import: the recognisers are built when a text first looks as if it held something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.redactor import Placeholders, Redactor

if TYPE_CHECKING:
    from aeon_plugin_ft.privacy.byte_search import Hit, grep

__all__ = ["Finding", "Hit", "Kind", "Placeholders", "Redactor", "grep"]


def __getattr__(name: str) -> Any:
    """`grep` and `Hit` bring zipfile and the decompressors along, which the host does not need."""
    if name in {"Hit", "grep"}:
        import importlib

        return getattr(importlib.import_module("aeon_plugin_ft.privacy.byte_search"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
