"""The demo's folder and how far it has come, so that the same command goes on where it was stopped.

    <folder>/.aeon-ft-demo     {"sample", "seconds", "before": {question: reply}, "told", "finished"}

The plugin's own data lie beside it and say the rest: which training is under way, what has a verdict, what is in use.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_json

_refuse = Speaker("errors/cli")
MARKER = ".aeon-ft-demo"


@dataclass
class DemoState:
    """`seconds` is what the demo has taken so far, all its starts together. `before` holds what the untrained model
    replied; `told` whether the live fact was told; `finished` whether it came to its end."""

    sample: str
    seconds: float = 0.0
    before: dict[str, str | None] = field(default_factory=dict)
    told: bool = False
    finished: bool = False

    @property
    def begun(self) -> bool:
        """Whether there is something to go on with."""
        return self.seconds > 0

    def save(self, folder: Path) -> None:
        """Write it down. Raises OSError."""
        write_json(folder / MARKER, asdict(self))


def open_folder(folder: Path, sample: Path) -> DemoState:
    """A fresh demo folder, or the one of a demo on the same sample that was stopped. Only ever deletes its own.

    Raises InstallError for a folder with something else in it.
    """
    if folder.exists():
        if not (folder / MARKER).exists() and any(folder.iterdir()):
            raise InstallError(*_refuse.error("demo.foreign", folder=folder))
        state = _read(folder / MARKER)
        if state is not None and not state.finished and state.sample == str(sample):
            return state
        shutil.rmtree(folder)
    private.make_folder(folder)
    state = DemoState(str(sample))
    state.save(folder)
    return state


def _read(marker: Path) -> DemoState | None:
    """None where there is none, or one of another release: that demo cannot be gone on with."""
    try:
        written = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    names = {one.name for one in fields(DemoState)}
    return DemoState(**written) if isinstance(written, dict) and set(written) == names else None
