"""The base model: from a name in plugin.toml to weights that serve and weights that train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.base.model import BaseModel

if TYPE_CHECKING:
    from aeon_plugin_ft.base.resolve import resolve_base

__all__ = ["BaseModel", "resolve_base"]


def __getattr__(name: str) -> Any:
    """numpy is imported with the first model that is resolved, not with the plugin."""
    if name == "resolve_base":
        from aeon_plugin_ft.base.resolve import resolve_base

        return resolve_base
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
