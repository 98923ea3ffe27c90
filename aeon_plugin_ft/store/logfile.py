"""aeon-ft.log in the data folder: one JSON object a line of what the plugin did and what went wrong.

    {"at": 1764000000.123, "level": "WARNING", "logger": "aeon_ft.watch", "message": "..."}
    {"at": 1764000000.456, "level": "INFO", "event": "run_started", "run": "...", ...}

Everything is redacted on its way in. The host's own logging is left as it is: no level is changed and no line
is taken from it.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from aeon_plugin_ft.events import Event
from aeon_plugin_ft.store import private
from aeon_plugin_ft.store.files import patiently

ROOT = "aeon_ft"
BYTES, OLDER = 1_000_000, 3
"""Size at which a new file is begun, and how many older ones are kept."""
PATIENCE_SECONDS = 0.2
"""How long beginning a new file may hold up whoever writes a line."""
AGAIN_SECONDS = 60.0
"""After this a new file is tried again where one could not be begun."""


class LogFile(RotatingFileHandler):
    """A handler of the logger "aeon_ft" and a listener of the event bus.

    Aeon and a command may have the file open at once, and Windows then renames it for neither: they go on in the
    file that is there, which grows meanwhile, until one of them is alone. No line is lost for it.
    """

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        super().__init__(path, maxBytes=BYTES, backupCount=OLDER, encoding="utf-8", delay=True)
        self._redact = redact
        self._ended = False
        self._not_before = 0.0
        """On the monotonic clock: no new file is tried until then."""

    def open(self) -> LogFile:
        """Begin to take the lines of the logger; the file is made with the first one."""
        logging.getLogger(ROOT).addHandler(self)
        return self

    def close(self) -> None:
        """Take no more lines, and close the file."""
        logging.getLogger(ROOT).removeHandler(self)
        with self.lock or nullcontext():
            self._ended = True
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; none after the end, which would open the file anew: a thread that was not waited for may still
        have something to tell."""
        if not self._ended:
            super().emit(record)

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(open(self.baseFilename, "ab", opener=private.opener), encoding=self.encoding)

    def shouldRollover(self, record: logging.LogRecord) -> int:
        return int(time.monotonic() >= self._not_before and super().shouldRollover(record))

    def doRollover(self) -> None:
        """Begin a new file, or go on in this one where another program keeps it."""
        if self.stream is not None:
            self.stream.close()
        try:
            self._free_first()
            self._rename(self.baseFilename, self._older(1))
        except OSError:
            self._not_before = time.monotonic() + AGAIN_SECONDS
        self.stream = self._open()

    def _free_first(self) -> None:
        """Move the older files up by one, into the first gap: where an attempt before this one freed the first place
        and came no further, none is moved again, and so none is lost."""
        gap = next((number for number in range(1, OLDER + 1) if not self._older(number).exists()), OLDER)
        for number in range(gap, 1, -1):
            self._rename(self._older(number - 1), self._older(number))

    def _older(self, number: int) -> Path:
        return Path(f"{self.baseFilename}.{number}")

    @staticmethod
    def _rename(old: str | Path, new: Path) -> None:
        patiently(lambda: Path(old).replace(new), PATIENCE_SECONDS)

    def on_event(self, event: Event) -> None:
        """One line an event; told to nobody else's handlers."""
        # Handled here and not logged: an event in the host's handlers would be a line without a message.
        record = logging.LogRecord(ROOT, logging.INFO, "", 0, "", None, None)
        record.created = event.at
        record.__dict__["event"] = {"event": event.name, **event.data()}
        self.handle(record)

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, redacted."""
        line: dict[str, Any] = {"at": round(record.created, 3), "level": record.levelname}
        event = record.__dict__.get("event")
        if event is not None:
            line |= event
        else:
            line |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            # With the rest of the line through the redactor below: an exception may quote what the owner said.
            line["error"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(self._clean(line), ensure_ascii=False, default=str)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, dict):
            return {key: self._clean(one) for key, one in value.items()}
        return [self._clean(one) for one in value] if isinstance(value, list | tuple) else value


def wipe(folder: Path, name: str) -> None:
    """Empty the log and its older files: a message may quote what is forgotten. An open file may be emptied."""
    for path in folder.glob(f"{name}*"):
        path.write_bytes(b"")
