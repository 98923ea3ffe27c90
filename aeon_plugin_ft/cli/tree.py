"""Which commands there are, in the groups of the help, and the modules that make each: only those are loaded."""

from __future__ import annotations

import sys
from importlib import import_module

GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "talk": {
        "painel": ("panel",),
        "ui": ("panel",),
        "chat": ("chat",),
        "status": ("learn",),
        "watch": ("watch",),
        "train": ("learn",),
        "estimate": ("learn",),
        "judge": ("learn",),
        "runs": ("learn",),
        "schedule": ("schedule",),
        "demo": ("demo",),
    },
    "known": {"facts": ("facts",), "forget": ("forgetting",)},
    "models": {
        "models": ("models", "advise"),
        "use": ("models",),
        "rollback": ("models",),
        "compare": ("compare",),
    },
    "data": {"dataset": ("data", "review", "similar"), "convert": ("data",)},
    "setup": {
        "install": ("place",),
        "uninstall": ("place",),
        "config": ("config",),
        "doctor": ("doctor",),
        "completion": ("completion",),
    },
    "elsewhere": {"places": ("places",)},
}
"""Group to its commands, each with the modules of this package that make it, all in the order of the help."""
MODULES = {command: modules for commands in GROUPS.values() for command, modules in commands.items()}


def load(command: str) -> None:
    """Import what makes one command; each module adds its commands to the application. None costs an ML library."""
    for module in _modules(command):
        import_module(module)


def is_loaded(command: str) -> bool:
    """Whether all that makes a command is there by now."""
    return all(module in sys.modules for module in _modules(command))


def _modules(command: str) -> list[str]:
    return [f"aeon_plugin_ft.cli.{module}" for module in MODULES[command]]
