"""The merge without its child process, whose start takes a second."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from aeon_plugin_ft.weights.merge import MergeOptions, merge_gguf


def merge_here(base: Path, adapter: Path, out: Path, options: MergeOptions) -> dict[str, Any]:
    """In place of merge_worker.merge_in_child; test_merge.py and the stages with the model itself have the child."""
    return asdict(merge_gguf(base, adapter, out, options))
