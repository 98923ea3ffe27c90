"""What an export says of itself, so that an adapter that was trained on it elsewhere can be brought back.

    aeon-export.json    {"format": 1, "dataset": hash, "base": name, "made": seconds since the epoch,
                         "files": {name: sha256 of each file of examples}}

No text of the owner's is in it. Trainers write below the folder that they are started in, so the marker is looked for
in the adapter's folder and in those above it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aeon_plugin_ft.dataset.model import Dataset
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.digest import sha256_hex
from aeon_plugin_ft.store.files import write_json

_say = Speaker("errors/dataset")

MARKER = "aeon-export.json"
FORMAT = 1
LEVELS_UP = 3
"""LLaMA-Factory's checkpoints lie three levels below an export: saves/aeon-lora/checkpoint-40."""


@dataclass(frozen=True, slots=True)
class ExportMarker:
    """A marker that was found. `files` are the digests of the exported examples by name, as they were written."""

    folder: Path
    dataset: str
    base: str
    files: Mapping[str, str]

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of exported files that are there and are not what was exported."""
        there = {name: self.folder / name for name in self.files if (self.folder / name).is_file()}
        return tuple(sorted(name for name, path in there.items() if sha256_hex(path) != self.files[name]))


def write_marker(dataset: Dataset, target: Path, base: str, examples: Iterable[Path]) -> Path:
    """Write the marker beside the exported `examples`; `base` is the model that the recipe there names."""
    files = {path.name: sha256_hex(path) for path in examples}
    write_json(
        target / MARKER,
        {"format": FORMAT, "dataset": dataset.hash, "base": base, "made": time.time(), "files": files},
    )
    return target / MARKER


def find_marker(folder: Path) -> ExportMarker | None:
    """The marker of the export that `folder` lies in; None where there is none. Raises InputFileError for one that
    cannot be read."""
    start = folder.absolute()
    for place in (start, *list(start.parents)[:LEVELS_UP]):
        if (place / MARKER).is_file():
            return _read(place)
    return None


def _read(folder: Path) -> ExportMarker:
    path = folder / MARKER
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        files = {Path(str(name)).name: str(digest) for name, digest in raw["files"].items()}
        return ExportMarker(folder, str(raw["dataset"]), str(raw["base"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputFileError(path, *_say.error("export.no_marker", reason=error)) from error
