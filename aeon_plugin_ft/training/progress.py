"""progress.jsonl and outcome.json: how the worker tells what it does. Torch-free, read by the host."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from aeon_plugin_ft.causes import RunPhase
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_json
from aeon_plugin_ft.training.model import Progress, RunOutcome, RunState

TAIL_BYTES = 16_384


class ProgressWriter:
    """Appends one JSON object a line and flushes it; a reader never sees half a line as a whole one."""

    def __init__(self, path: Path) -> None:
        self._file = open(  # noqa: SIM115 - open for as long as the run is
            path, "a", encoding="utf-8", opener=private.opener
        )

    def write(self, event: str, **values: Any) -> None:
        """Append one event with its values; `at` is seconds since the epoch."""
        line = {"at": round(time.time(), 3), "event": event, **values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        # To the system, not to the disk: it is for readers on this machine, and outcome.json is what must survive.
        self._file.flush()

    def progress(self, progress: Progress) -> None:
        """Append the newest progress, as an event of that name."""
        self.write("progress", **asdict(progress))

    def close(self) -> None:
        """No more lines from here on."""
        self._file.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a progress file, oldest first; empty when there is none."""
    return _parse(path.read_bytes()) if path.exists() else []


def last_progress(path: Path) -> Progress | None:
    """The newest progress; None while there is none. Reads only the end of the file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        tail = file.read()
    # A run may have been begun by a release that told more, or less.
    names = {field.name for field in fields(Progress)}
    for line in reversed(_parse(tail)):
        if line.get("event") == "progress":
            values = {key: value for key, value in line.items() if key in names}
            return Progress(**{**values, "phase": _phase(line.get("phase"))})
    return None


def _phase(value: Any) -> RunPhase:
    try:
        return RunPhase(value)
    except ValueError:
        return RunPhase.OTHER


def _parse(data: bytes) -> list[dict[str, Any]]:
    events = []
    for line in data.split(b"\n")[:-1]:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the tail may begin inside a line, and a dying writer may leave half of one
        if isinstance(value, dict):
            events.append(value)
    return events


def write_outcome(path: Path, outcome: RunOutcome) -> None:
    """Write outcome.json, whole or not at all."""
    write_json(path, {**asdict(outcome), "state": outcome.state.value})


def read_outcome(path: Path) -> RunOutcome | None:
    """None when the worker has not written one (it runs, or it died)."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        names = {field.name for field in fields(RunOutcome)}
        return RunOutcome(**{**{k: v for k, v in raw.items() if k in names}, "state": RunState(raw["state"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
