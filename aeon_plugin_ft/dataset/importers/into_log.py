"""Brings imported conversations into the turn log, so that they are curated, trained on and forgotten
like any other turn.

An imported turn's id is computed from its file format, position and text, so importing a file again
adds nothing.
"""

from __future__ import annotations

import collections
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry, ImportStream, open_import
from aeon_plugin_ft.dataset.model import Skipped
from aeon_plugin_ft.errors import LogError
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnLog
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import Attempt, Turn

_NAMESPACE = uuid.UUID("5f0c7f86-9d5e-4b43-8f2e-6a1d3c0b7a10")


UNKNOWN_STEP = 0.001
"""Seconds between turns of unknown time, counted from 1970: they keep the order of their file, and stand before
everything that was really heard."""


@dataclass(frozen=True, slots=True)
class IntoLog:
    """What an import did. `kinds` counts the added turns by kind ("chat", "canned", ...)."""

    format: str
    added: int
    known: int
    kinds: dict[str, int] = field(default_factory=dict)
    skipped: Sequence[Skipped] = ()
    refused: dict[str, int] = field(default_factory=dict)
    """Turns that stayed out, by reason: [privacy] mode = "drop", or another plugin's veto."""
    notes: Sequence[str] = ()
    """What was unusual about the file (another encoding, ...), as sentences for people."""


def import_into_log(
    file: Path,
    data: DataFolder,
    store: Store,
    settings: Settings,
    format: str | None = None,
    *,
    registry: ImporterRegistry | None = None,
    owner: str | None = None,
    assistant: str | None = None,
    refuse: Callable[[Turn], str | None] = lambda _: None,
) -> IntoLog:
    """Append every turn of `file` that the log does not have yet, personal data replaced as the settings say.

    `registry`, `owner` and `assistant` as in `import_file`; `refuse` says why a turn stays out, None to take it.
    Raises InputFileError or LogError.
    """
    stream = open_import(
        file,
        format,
        registry=registry,
        owner=owner,
        assistant=assistant,
        gap_minutes=settings.log.session_gap_minutes,
    )
    index = TurnIndex(store, data.log)
    # First: what is in the log and not yet in the index would be taken in twice.
    index.ingest()
    failures: list[str] = []
    redactor = Redactor(settings.privacy.mode, settings.privacy.terms)
    log = _open_log(data, settings, redactor, failures)
    try:
        counts = _append_new(stream, log, index, redactor, refuse)
    finally:
        log.close()
    if failures:
        raise LogError(f"The log cannot be written ({failures[0]})", "Nothing is lost: mend it and import again")
    index.ingest()
    added = dict(counts.added)
    skipped = tuple(stream.reading.skipped)
    return IntoLog(stream.format, sum(added.values()), counts.known, added, skipped, dict(counts.refused), stream.notes)


@dataclass
class _Counts:
    """Turns by kind and by reason, and those that the log had already."""

    added: collections.Counter[str] = field(default_factory=collections.Counter)
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    known: int = 0


def _append_new(
    stream: ImportStream, log: TurnLog, index: TurnIndex, redactor: Redactor, refuse: Callable[[Turn], str | None]
) -> _Counts:
    counts = _Counts()
    for position, turn in enumerate(stream):
        made = _as_turn(turn, stream.format, position, redactor)
        # By id, from position and text: the same file gives the same ids.
        if index.get(made.id) is not None:
            counts.known += 1
            continue
        # The privacy settings first: another plugin's veto is not to see what they keep out.
        reason = redactor.refusal(_texts(turn)) or refuse(made)
        if reason is not None:
            counts.refused[reason] += 1
            continue
        log.append(made, turn.kind)
        counts.added[turn.kind.value] += 1
    return counts


def _texts(turn: LoggedTurn) -> Iterator[str]:
    """What was said in it; a system prompt is nobody's sentence."""
    yield from (message.content for message in turn.messages if message.role != "system")
    yield turn.reply


def _open_log(data: DataFolder, settings: Settings, redactor: Redactor, failures: list[str]) -> TurnLog:
    return TurnLog(
        data.log,
        redact=redactor.redact,
        redact_turn=redactor.of_turn,
        limits=lambda: Limits.of(settings.log),
        on_failure=failures.append,
    )


def _as_turn(turn: LoggedTurn, format: str, position: int, redactor: Redactor) -> Turn:
    """The turn as if it had just been heard. One from a log of the plugin keeps its id and time.

    In a chat between people the "model" is who answered: a name, and perhaps one of the owner's own terms.
    """
    identity = "\x1f".join((format, str(position), turn.session, turn.user, turn.reply))
    served = Attempt(provider="none", model=redactor.redact(turn.model), version=turn.version, ok=True, seconds=0.0)
    return Turn(
        id=turn.id if format == "log" else uuid.uuid5(_NAMESPACE, identity).hex,
        session=f"{format}:{turn.session}",
        started_at=turn.at or position * UNKNOWN_STEP,
        seconds=turn.seconds,
        caller=f"import:{format}",
        mode="import",
        prompt=turn.user,
        messages=turn.messages,
        reply=turn.reply,
        served_by=served,
    )
