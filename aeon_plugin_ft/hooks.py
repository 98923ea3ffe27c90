"""The hooks by the name that they have wherever the plugin is: other plugins import from here.

In this repository they lie in `hooks/`, beside this package; a wheel has that folder in this module's place
(tools/nest.py), so that nothing else of it needs to know.
"""

import sys

import hooks.providers as providers
from hooks import (
    PROJECT,
    Attempt,
    HookCaller,
    Host,
    Message,
    ModelRequest,
    Route,
    Serving,
    Turn,
    adapter_fields,
    as_dicts,
    build_manager,
    hookimpl,
    hookspec,
    put_in,
)

__all__ = [
    "PROJECT",
    "Attempt",
    "HookCaller",
    "Host",
    "Message",
    "ModelRequest",
    "Route",
    "Serving",
    "Turn",
    "adapter_fields",
    "as_dicts",
    "build_manager",
    "hookimpl",
    "hookspec",
    "providers",
    "put_in",
]

# `from aeon_plugin_ft.hooks.providers import is_here` finds the very same module, and makes no second one.
sys.modules[f"{__name__}.providers"] = providers
