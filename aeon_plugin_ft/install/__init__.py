"""The plugin in an Aeon folder: one thin module file in, checked first, and out again without a trace."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.install.checks import InstallCheck, check
    from aeon_plugin_ft.install.entry import ModuleEntry, enter
    from aeon_plugin_ft.install.files import InstallReport, install, uninstall

__all__ = ["InstallCheck", "InstallReport", "ModuleEntry", "check", "enter", "install", "uninstall"]

_PLACES = {
    "InstallCheck": "checks",
    "check": "checks",
    "ModuleEntry": "entry",
    "enter": "entry",
    "InstallReport": "files",
    "install": "files",
    "uninstall": "files",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
