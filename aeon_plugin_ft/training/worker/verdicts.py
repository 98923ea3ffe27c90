"""Where the start-up check's verdict stands: in the run's folder, or before it in this machine's cache."""

from __future__ import annotations

from pathlib import Path

from aeon_plugin_ft.training.cached import cache_file
from aeon_plugin_ft.training.runs import RunConfig

PARITY_FILE = "parity.json"


def verdict_file(folder: Path, config: RunConfig) -> Path | None:
    """The verdict on the run in `folder`; None before there is one."""
    own = folder / PARITY_FILE
    # The run's own first: cached verdicts go by other names once a library changes, and a run keeps to its first.
    return own if own.exists() else _known_parity(config)


def _known_parity(config: RunConfig) -> Path | None:
    """What the estimate of this very run has found on this machine a moment ago."""
    file = cache_file(config.store.parent / "cache", "parity", config.base, config.dataset_hash, config.recipe)
    return file if file.exists() else None
