"""From a version to an answer: export, deployment, routes and the swap between them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.serving.model import Deployer, Deployment
from aeon_plugin_ft.serving.routes import RouteTable

if TYPE_CHECKING:
    from aeon_plugin_ft.serving.embedded import EmbeddedDeployer
    from aeon_plugin_ft.serving.lora_gguf import export_lora_gguf
    from aeon_plugin_ft.serving.swap import Swapper

__all__ = ["Deployer", "Deployment", "EmbeddedDeployer", "RouteTable", "Swapper", "export_lora_gguf"]

_LATER = {"EmbeddedDeployer": "embedded", "Swapper": "swap", "export_lora_gguf": "lora_gguf"}


def __getattr__(name: str) -> Any:
    """Imported with their first use: they bring numpy and more, which the plugin's start does not need."""
    if name in _LATER:
        return getattr(import_module(f"aeon_plugin_ft.serving.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
