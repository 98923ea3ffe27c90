"""The trainer: exact LoRA fine-tuning of conversations that share a long prompt, in a process of its own.

Loaded on first use; nothing here that the host uses imports an ML library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aeon_plugin_ft.training.estimating import estimate as estimate
    from aeon_plugin_ft.training.estimating import preflight as preflight
    from aeon_plugin_ft.training.model import Outcome as Outcome
    from aeon_plugin_ft.training.progress import read_outcome as read_outcome
    from aeon_plugin_ft.training.recipe import make_recipe as make_recipe
    from aeon_plugin_ft.training.runs import RunRow as RunRow
    from aeon_plugin_ft.training.runs import create_run as create_run
    from aeon_plugin_ft.training.runs import get_run as get_run
    from aeon_plugin_ft.training.runs import list_runs as list_runs
    from aeon_plugin_ft.training.runs import reap_runs as reap_runs
    from aeon_plugin_ft.training.runs import resume_run as resume_run
    from aeon_plugin_ft.training.supervise import Worker as Worker
    from aeon_plugin_ft.training.supervise import start_worker as start_worker

_HOME = {
    "Outcome": "model",
    "RunRow": "runs",
    "Worker": "supervise",
    "create_run": "runs",
    "estimate": "estimating",
    "get_run": "runs",
    "list_runs": "runs",
    "make_recipe": "recipe",
    "preflight": "estimating",
    "read_outcome": "progress",
    "reap_runs": "runs",
    "resume_run": "runs",
    "start_worker": "supervise",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
