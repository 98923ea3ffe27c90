"""The doors between an Aeon and its plugins: hook specifications, plugin manager, attachment."""

from hooks.contract import (
    Attempt,
    Host,
    Message,
    ModelRequest,
    Route,
    Serving,
    Turn,
    adapter_fields,
    as_dicts,
    put_in,
)
from hooks.manager import HookCaller, build_manager
from hooks.specs import PROJECT, hookimpl, hookspec

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
    "put_in",
]
