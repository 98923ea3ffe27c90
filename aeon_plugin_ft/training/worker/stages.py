"""What is done of a run that has several stages: stages/<name>/ holds what each one ended with.

A folder is written under another name, synced and renamed; a later attempt goes on from the newest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from aeon_plugin_ft.causes import RunPhase
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import whole_folder
from aeon_plugin_ft.training.worker.checkpoints import ADAPTER

ORDER = ("sft", "dpo", "kto")
REPORT = "report.json"
STATE = "trainer_state.json"


class OnRunPhase(Protocol):
    """Hears what is being done; `step` of `steps` of a preference stage, 0 of 0 outside of one."""

    def __call__(self, phase: RunPhase, step: int = 0, steps: int = 0) -> None: ...


class Stages:
    """The finished stages of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest(self) -> Path | None:
        """The adapter that the last finished stage ended with; None before the first has."""
        return next((self.folder / name for name in reversed(ORDER) if (self.folder / name).exists()), None)

    def state(self, name: str) -> Path:
        """The trainer's state at the end of a stage; the file may not be there."""
        return self.folder / name / STATE

    def report(self, name: str) -> dict[str, float] | None:
        """What a finished stage says of itself; None when it is not finished."""
        file = self.folder / name / REPORT
        if not file.exists():
            return None
        report: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
        return report

    def finish(self, name: str, model: Any, state: Any = None, report: Mapping[str, float] | None = None) -> None:
        """Note the end of a stage, with the adapter as it is now; a stage that was noted stays as it is."""
        if (self.folder / name).exists():
            return
        # Its name is what says that the stage is done, so it must not be there before everything in it is.
        with whole_folder(self.folder / name) as part:
            model.save_pretrained(part, save_embedding_layers=False, selected_adapters=[ADAPTER])
            if state is not None:
                state.save_to_json(str(part / STATE))
            private.write_file(part / REPORT, json.dumps(report or {}))
