"""The journal of swaps: one line a step, on disk before the next step begins.

    <data>/serving/journal.jsonl   {"swap", "at", "process", "step", "version", "previous", "backend", "base", ...}

After a crash it says how far the last swap came, so that it is finished or undone. A torn last line (power
cut in the middle of a write) is ignored. Of finished swaps the oldest lines beyond KEEP_LINES are dropped.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from aeon_plugin_ft.errors import NoSpaceError, StoreError
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import write_whole

_say = Speaker("errors/serving")

KEEP_LINES = 2000


class SwapStep(str, Enum):
    """Where a swap is. The order is that of the happy way; then come the ends and the way back."""

    BEGUN = "begun"
    BUILDING = "building"
    BUILT = "built"
    IMPORTED = "imported"
    """The backend has its own copy of the files (Ollama, Groq)."""
    LOADING = "loading"
    LOADED = "loaded"
    SMOKE_TESTED = "smoke_tested"
    PROVED = "proved"
    DEPLOYED = "deployed"
    PROMOTED = "promoted"
    """The store says that this version is in use: from here on a crash is resumed, before it is undone."""
    FLIPPED = "flipped"
    WATCHED = "watched"
    RETIRING = "retiring"
    RETIRED = "retired"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


ENDS = frozenset({SwapStep.DONE, SwapStep.UNDONE})


@dataclass(frozen=True, slots=True)
class SwapRecord:
    """One step of one swap. `deployed` is what `deploy` returned, without the token."""

    swap: str
    step: SwapStep
    version: str
    previous: str
    backend: str
    base: str
    process: str
    at: float = field(default_factory=time.time)
    reason: str = ""
    deployed: dict[str, Any] | None = None

    def line(self) -> str:
        """As it stands in the journal: one line of JSON."""
        return json.dumps({**asdict(self), "step": self.step.value}, ensure_ascii=False) + "\n"


class Journal:
    """Append-only; every `write` is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()

    def write(self, entry: SwapRecord) -> None:
        """Raises StoreError when it cannot be kept: a swap that cannot be journaled must not go on."""
        try:
            with self._guard:
                private.make_folder(self.path.parent)
                # A line that a power cut left half written would swallow this one: it is ended first, and is then
                # skipped.
                torn = self._torn()
                with open(self.path, "ab", opener=private.opener) as file:
                    file.write((b"\n" if torn else b"") + entry.line().encode("utf-8"))
                    file.flush()
                    # Flushed is not written: the next step may load a model and take the machine down with it.
                    os.fsync(file.fileno())
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise NoSpaceError(self.path.parent, 4096, 0) from error
            told = _say.error("journal.unwritable", path=self.path, reason=refusal(error))
            raise StoreError(*told) from error

    def entries(self) -> Iterator[SwapRecord]:
        """Every whole line, oldest first; damaged lines are left out."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                raw = json.loads(line)
                yield SwapRecord(**{**raw, "step": SwapStep(raw["step"])})
            except (ValueError, TypeError, KeyError):
                continue

    def swaps(self) -> dict[str, list[SwapRecord]]:
        """The entries of each swap, in the order in which swaps began."""
        swaps: dict[str, list[SwapRecord]] = {}
        for entry in self.entries():
            swaps.setdefault(entry.swap, []).append(entry)
        return swaps

    def unfinished(self) -> list[list[SwapRecord]]:
        """Swaps without an end, oldest first."""
        return [entries for entries in self.swaps().values() if not any(entry.step in ENDS for entry in entries)]

    def last_promoted(self, version: str) -> SwapRecord | None:
        """The beginning of the newest swap that brought `version` into use."""
        return self._promotions().get(version)

    def newest_in_use(self) -> str | None:
        """What the newest swap that came to its end let answer, "base" included; None where none was ever about a
        version."""
        ended = [one[0].version for one in self.swaps().values() if any(entry.step is SwapStep.DONE for entry in one)]
        return ended[-1] if any(version != "base" for version in ended) else None

    def _promotions(self) -> dict[str, SwapRecord]:
        """Each version that a swap brought into use, and the beginning of the newest one that did."""
        newest: dict[str, SwapRecord] = {}
        for entries in self.swaps().values():
            steps = {entry.step for entry in entries}
            if SwapStep.UNDONE not in steps and steps & {SwapStep.PROMOTED, SwapStep.DONE}:
                newest[entries[0].version] = entries[0]
        return newest

    def _newest_promotions(self) -> set[str]:
        return {beginning.swap for beginning in self._promotions().values()}

    def last_deployed(self, version: str, backend: str) -> dict[str, Any] | None:
        """The record of the newest deployment of a version on a backend."""
        made = [one.deployed for one in self.entries() if one.deployed and one.version == version]
        return next((deployed for deployed in reversed(made) if deployed.get("backend") == backend), None)

    def trim(self) -> None:
        """Drop the oldest lines of finished swaps beyond KEEP_LINES, but for those that say where each version was
        served last: a start serves it there again, however often something else was tried since."""
        with self._guard:
            entries = list(self.entries())
            if len(entries) <= KEEP_LINES:
                return
            keep = {swap[0].swap for swap in self.unfinished()} | self._newest_promotions()
            cut = len(entries) - KEEP_LINES // 2
            kept = [entry for number, entry in enumerate(entries) if number >= cut or entry.swap in keep]
            write_whole(self.path, "".join(entry.line() for entry in kept), durable=True)

    def _torn(self) -> bool:
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:
            return False


def process_name(pid: int | None = None) -> str:
    """A process id with its time of start, for ids are used again. Raises psutil.Error when there is none."""
    import psutil

    process = psutil.Process(pid)
    # In whole seconds: psutil derives the rest from the time of boot, which moves a little with the clock.
    return f"{process.pid}-{int(process.create_time())}"


def process_lives(name: str) -> bool:
    """Does the process of that `process_name` still run?"""
    import psutil

    pid = name.partition("-")[0]
    try:
        return pid.isdigit() and process_name(int(pid)) == name
    except psutil.Error:
        return False
