"""Forgetting in the files that an Aeon keeps by itself, beside the plugin's data folder in `bagagem/`.

    temp/conversation.log   what it said, a record of one or more lines (older releases: what it heard, too)
    personalidade.json      question and reply of what the owner praised

Only records that are, word for word, those of the forgotten turns go, or that hold what was searched. Where a text of
our log has a placeholder, anything may stand in theirs. Each file is copied first and the copy stays until the new file
has been read back; what cannot be changed is said, with its place.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import PLACEHOLDER
from aeon_plugin_ft.store import DataFolder, private
from aeon_plugin_ft.store.files import move_into_place
from aeon_plugin_ft.turns.model import LoggedTurn

log = logging.getLogger("aeon_ft")

COPY = ".aeon-ft-backup"
"""Ends the name of a file's copy while it is changed."""
ATTEMPTS = 5
"""Aeon may write while we do; then it is begun anew, so often."""
MOST_PLACEHOLDERS = 3
"""A text with more is looked for as it is: what may stand in each of many places could be anything."""
_PLACEHOLDERS = re.compile(r"\[[A-Z]+_\d+\]")
_VALUE = r"(?:(?![.!?] )[^\n]){1,80}?"
"""A value that our log has replaced: within a line and within a sentence."""
_RECORD = re.compile(rb"(?:AEON_SPEAK|AEON|VOC(?:\xc3\x8a|E\xcc\x82|E)):")


@dataclass(frozen=True, slots=True)
class Traces:
    """What one file has of it: so many records."""

    file: Path
    records: int


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to go: the pairs of what the owner said and heard, and what was searched, where something was."""

    pairs: tuple[tuple[str, str], ...] = ()
    pattern: re.Pattern[str] | None = None
    _exact: dict[str, re.Pattern[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, turns: Collection[LoggedTurn], pattern: re.Pattern[str] | None = None) -> Sought:
        """The texts of these turns, and whatever else this finds in folded text."""
        return cls(tuple(dict.fromkeys((turn.user.strip(), turn.reply.strip()) for turn in turns)), pattern)

    def said(self, text: str) -> bool:
        """Whether it is, word for word, what one of the turns' owners heard, or holds what was searched."""
        return self._found(text) or any(reply and self._same(reply, text) for _, reply in self.pairs)

    def heard(self, text: str) -> bool:
        """The same of what the owner said."""
        return self._found(text) or any(user and self._same(user, text) for user, _ in self.pairs)

    def pair(self, user: str, reply: str) -> bool:
        """Whether it is one of the turns, or holds what was searched."""
        if self._found(user) or self._found(reply):
            return True
        return any(self._same(ours, user) and self._same(theirs, reply) for ours, theirs in self.pairs)

    def _found(self, text: str) -> bool:
        return self.pattern is not None and self.pattern.search(fold_accents(text)) is not None

    def _same(self, logged: str, text: str) -> bool:
        text = text.strip().replace("\r\n", "\n")
        if logged == text or not 0 < len(PLACEHOLDER.findall(logged)) <= MOST_PLACEHOLDERS:
            return logged == text
        exact = self._exact.get(logged)
        if exact is None:
            parts = [re.escape(part) for part in _PLACEHOLDERS.split(logged)]
            exact = self._exact[logged] = re.compile(_VALUE.join(parts))
        return exact.fullmatch(text) is not None


class HostFiles:
    """The files of the Aeon that this data folder lies in; none elsewhere."""

    def __init__(self, data: DataFolder) -> None:
        bagagem = data.root.parent
        inside = data.root.name == "finetuning" and bagagem.name == "bagagem"
        self._files = (bagagem / "temp" / "conversation.log", bagagem / "personalidade.json") if inside else ()

    def find(self, sought: Sought) -> tuple[Traces, ...]:
        """What each file has of it; a file that cannot be read counts as one that has nothing."""
        if not sought.pairs and sought.pattern is None:
            return ()
        found = (Traces(file, self._count(file, sought)) for file in self._files)
        return tuple(traces for traces in found if traces.records)

    def remove(self, sought: Sought) -> tuple[Traces, ...]:
        """Take it out of each file; what is still there is returned."""
        for file in self._files:
            # What a crash in the middle of a change has left: the file itself is whole, before or after it.
            if file.exists():
                _copy_of(file).unlink(missing_ok=True)
        for traces in self.find(sought):
            try:
                _rewrite(traces.file, sought)
            except OSError as error:
                log.warning("%s could not be changed (%s)", traces.file, error)
        return self.find(sought)

    def _count(self, file: Path, sought: Sought) -> int:
        try:
            return _without(file, file.read_bytes(), sought)[1]
        except OSError:
            return 0


def _rewrite(file: Path, sought: Sought) -> None:
    """The file without it, in one step; Aeon opens it anew for each line. Raises OSError."""
    copy, new = _copy_of(file), file.with_name(f"{file.name}{COPY}.new")
    try:
        for _ in range(ATTEMPTS):
            before = file.read_bytes()
            kept, gone = _without(file, before, sought)
            if not gone:
                return
            private.write_file(copy, before)
            private.write_file(new, kept)
            shutil.copymode(file, new)
            # Aeon wrote a line meanwhile, which the new file lacks.
            if file.stat().st_size != len(before):
                continue
            move_into_place(new, file)
            if file.read_bytes()[: len(kept)] != kept:
                move_into_place(copy, file)
                raise OSError(f"{file.name} was not what was written to it")
    finally:
        # Read back and right, or never changed: the copy holds what is to be forgotten.
        if file.exists():
            copy.unlink(missing_ok=True)
        new.unlink(missing_ok=True)


def _copy_of(file: Path) -> Path:
    return file.with_name(f"{file.name}{COPY}")


def _without(file: Path, data: bytes, sought: Sought) -> tuple[bytes, int]:
    """The content without what is sought, and how many records that are."""
    return _praise_without(data, sought) if file.suffix == ".json" else _log_without(data, sought)


def _log_without(data: bytes, sought: Sought) -> tuple[bytes, int]:
    """Every other byte of the log stays as it is."""
    kept, gone = [], 0
    for record in _records(data):
        head, _, text = record.partition(b":")
        told = text.decode("utf-8", "replace")
        if _RECORD.match(record) and (sought.heard(told) if head.startswith(b"VOC") else sought.said(told)):
            gone += 1
        else:
            kept.append(record)
    return b"".join(kept), gone


def _records(data: bytes) -> Iterator[bytes]:
    """Each record with the lines that continue it, byte for byte."""
    lines: list[bytes] = []
    for line in data.splitlines(keepends=True) if data else ():
        if lines and _RECORD.match(line):
            yield b"".join(lines)
            lines = []
        lines.append(line)
    if lines:
        yield b"".join(lines)


def _praise_without(data: bytes, sought: Sought) -> tuple[bytes, int]:
    """Written as Aeon writes it; a file that is no list of pairs is left alone."""
    try:
        entries: Any = json.loads(data.decode("utf-8"))
    except ValueError:
        return data, 0
    if not isinstance(entries, list):
        return data, 0
    kept = [entry for entry in entries if not (isinstance(entry, dict) and _is_pair(entry, sought))]
    gone = len(entries) - len(kept)
    return (json.dumps(kept, indent=4, ensure_ascii=False).encode(), gone) if gone else (data, 0)


def _is_pair(entry: dict[str, Any], sought: Sought) -> bool:
    return sought.pair(str(entry.get("user", "")), str(entry.get("aeon", "")))
