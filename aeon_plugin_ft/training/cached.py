"""Where measurements of this machine are kept, and under what name. Torch-free."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from dataclasses import asdict
from pathlib import Path

import psutil

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.training.model import Recipe

_LIBRARIES = ("torch", "transformers", "trl", "peft")


def cache_file(cache: Path, kind: str, base: BaseModel, dataset_hash: str, recipe: Recipe) -> Path:
    """A name that changes with the model, the data, the recipe, the libraries and the machine."""
    about = [
        base.digest,
        dataset_hash,
        json.dumps(asdict(recipe), sort_keys=True),
        # Another version may be faster, or compute differently: what was measured or proven with the old one is void.
        [importlib.metadata.version(name) for name in _LIBRARIES],
        [platform.system(), platform.machine(), psutil.cpu_count(), psutil.virtual_memory().total],
    ]
    digest = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]
    return cache / "training" / f"{kind}-{digest}.json"
