"""From a file to turns: the contract of an importer, the registry, and the doors `open_import` and `import_file`.

An importer streams: it is handed a `Source`, yields `LoggedTurn`s in order, and reports what it had to
leave out through `Reading.skip`. It never raises on damaged content, only InputFileError on a question that
a person must answer (who is who). Other plugins add importers through `ft_register_importers`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

# By this name readers of other plugins import it.
from aeon_plugin_ft.dataset.importers.skipping import in_words
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker as TurnMaker
from aeon_plugin_ft.dataset.model import Imported, Skipped
from aeon_plugin_ft.errors import InputFileError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import Message

_say = Speaker("errors/dataset")

log = logging.getLogger("aeon_ft.dataset")

MOST_SKIPPED = 10_000
"""Skips listed one by one; beyond it they are only counted."""
MOST_REASONS = 1_000
"""Different reasons that are counted: a reader of another plugin's may write a new one for each line."""
LONGEST_TURN = 1_000_000
"""Characters. A turn with more is nobody's conversation, and is left out before anything is done with it."""
REMEMBERED = 1 << 14
"""Texts whose redacted form is kept while one file is read."""


@dataclass(slots=True)
class Reading:
    """What an importer is told, and where it reports.

    `owner` and `assistant` are the names, in a chat between people, of the person whose sentences are the
    questions and of the one whose sentences are the replies; None: find out, or ask by raising InputFileError.
    `gap_minutes` of silence end a conversation.
    """

    owner: str | None = None
    assistant: str | None = None
    gap_minutes: int = 30
    skipped: list[Skipped] = field(default_factory=list)
    skipped_total: int = 0
    notes: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    """How often each reason was given, also where `skipped` had no room."""

    def skip(self, line: int, reason: str) -> None:
        """Report a piece that could not be used; `line` as in `Skipped`. A reason that the catalogue knows is told in
        the language of the process."""
        reason = in_words(reason)
        self.skipped_total += 1
        if reason in self.reasons or len(self.reasons) < MOST_REASONS:
            self.reasons[reason] += 1
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append(Skipped(line, reason))


class Importer(Protocol):
    """A reader of one chat format."""

    name: str
    """What the user types after --format: "aeon", "whatsapp"."""
    title: str
    """For people: "Aeon's conversation.log"."""

    def sniff(self, sample: str) -> float:
        """How sure it is, 0 to 1, that a file that begins with `sample` (64 KB at most) is its format."""
        ...

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Every turn of the file, oldest first."""
        ...


class ImporterRegistry:
    """The formats that can be read; the built-in ones, and those that plugins add."""

    def __init__(self, importers: Iterable[Importer] | None = None) -> None:
        self._importers: dict[str, Importer] = {}
        if importers is None:
            from aeon_plugin_ft.dataset.importers import built_in

            importers = built_in()
        for importer in importers:
            self.register(importer)

    def register(self, importer: Importer) -> None:
        """Add a format; one of the same name is replaced."""
        self._importers[importer.name] = importer

    def names(self) -> list[str]:
        """Every format's name, in order of the alphabet."""
        return sorted(self._importers)

    def get(self, name: str, path: Path) -> Importer:
        """The importer called `name`; InputFileError names the known ones."""
        if name not in self._importers:
            raise InputFileError(path, *_say.error("format.none", name=repr(name), formats=", ".join(self.names())))
        return self._importers[name]

    def detect(self, source: Source) -> Importer:
        """The importer that is surest of the file's beginning, or else of the outline of the whole document;
        InputFileError when none is."""
        best, name = self._surest(source.sample)
        if best <= 0:
            from aeon_plugin_ft.dataset.importers.json_outline import outline

            best, name = self._surest(outline(source))
        if best <= 0:
            raise InputFileError(source.path, *_say.error("format.unknown", formats=", ".join(self.names())))
        return self._importers[name]

    def _surest(self, sample: str) -> tuple[float, str]:
        return max(((_sniff(importer, sample), name) for name, importer in self._importers.items()), default=(0.0, ""))


def _sniff(importer: Importer, sample: str) -> float:
    """How sure an importer is; one that fails is not sure at all."""
    try:
        return importer.sniff(sample)
    except Exception as error:
        log.warning("importer %s failed to look at a file: %s", importer.name, error, exc_info=error)
        return 0.0


class ImportStream:
    """An open file: iterate over it once for the turns; `reading` and `notes` fill up meanwhile."""

    def __init__(
        self, source: Source, importer: Importer, reading: Reading, redact: Callable[[str], str] | None
    ) -> None:
        self.source, self.importer, self.reading = source, importer, reading
        # Canned replies and everyday questions come again and again.
        self._redact = None if redact is None else lru_cache(REMEMBERED)(redact)

    @property
    def format(self) -> str:
        """The name of the format that the file is read as."""
        return self.importer.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What was unusual about the file; complete once it has been read to its end."""
        return (*self.source.notes, *self.reading.notes)

    def __iter__(self) -> Iterator[LoggedTurn]:
        for number, turn in enumerate(self.importer.read(self.source, self.reading), 1):
            if len(turn.reply) + sum(len(message.content) for message in turn.messages) > LONGEST_TURN:
                most = f"{LONGEST_TURN:_}".replace("_", _say("number.thousands"))
                self.reading.skip(number, _say("skipped.longest_turn", most=most))
            else:
                yield turn if self._redact is None else redacted(turn, self._redact)


def redacted(turn: LoggedTurn, redact: Callable[[str], str]) -> LoggedTurn:
    """The turn with personal data replaced in every message and in the reply."""
    messages = tuple(m if m.role == "system" else Message(m.role, redact(m.content)) for m in turn.messages)
    reply = redact(turn.reply)
    return turn if reply == turn.reply and messages == turn.messages else replace(turn, messages=messages, reply=reply)


def open_import(
    path: Path,
    format: str | None = None,
    *,
    registry: ImporterRegistry | None = None,
    redact: Callable[[str], str] | None = None,
    owner: str | None = None,
    assistant: str | None = None,
    gap_minutes: int = 30,
) -> ImportStream:
    """Open a file of any known format for streaming; see `import_file`."""
    registry = registry or ImporterRegistry()
    if path.is_dir():
        from aeon_plugin_ft.dataset.importers.own_log import FolderSource

        source: Source = FolderSource(path)
    else:
        source = Source(path)
    importer = registry.get(format, path) if format else registry.detect(source)
    return ImportStream(source, importer, Reading(owner, assistant, gap_minutes), redact)


def import_file(
    path: Path,
    format: str | None = None,
    *,
    registry: ImporterRegistry | None = None,
    redact: Callable[[str], str] | None = None,
    owner: str | None = None,
    assistant: str | None = None,
    gap_minutes: int = 30,
) -> Imported:
    """Every turn of a file, and what was skipped and why. For files that fit in memory.

    `format` is an importer's name, None to find out by content. `redact` replaces personal data before
    anything is kept. `owner` and `assistant` say who is who in a chat between people. Raises InputFileError.
    """
    stream = open_import(
        path, format, registry=registry, redact=redact, owner=owner, assistant=assistant, gap_minutes=gap_minutes
    )
    turns = tuple(stream)
    reading = stream.reading
    return Imported(turns, tuple(reading.skipped), stream.format, stream.notes, reading.skipped_total)
