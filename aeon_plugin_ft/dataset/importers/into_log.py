"""Brings imported conversations into the turn log, so that they are curated, trained on and forgotten
like any other turn.

An imported turn's id comes from what tells it from all others (turn_maker.py), never from its place in a file: a later
export adds what is new. What the owner decided about a turn holds for its copies, as they have its id; what the owner
forgot comes back only on request.
"""

from __future__ import annotations

import collections
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aeon_plugin_ft.dataset.importers.earlier import EarlierImports
from aeon_plugin_ft.dataset.importers.forgotten import ForgottenTurns
from aeon_plugin_ft.dataset.importers.importing import ImporterRegistry, ImportStream, open_import
from aeon_plugin_ft.dataset.model import Skipped
from aeon_plugin_ft.errors import LogError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnIndex, TurnLog, rewrite_without
from aeon_plugin_ft.turns.log import Limits
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Attempt, Turn

_say = Speaker("errors/dataset")

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
    grown: int = 0
    """Turns that were known by their beginning, because the export before ended inside them; they are whole now."""
    forgotten: int = 0
    """Turns that stayed out because the owner had them forgotten."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How much was skipped, by reason; `skipped` lists the first of it."""


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
    forgotten_too: bool = False,
) -> IntoLog:
    """Append every turn of `file` that the log does not have yet, personal data replaced as the settings say.

    `registry`, `owner` and `assistant` as in `import_file`; `refuse` says why a turn stays out, None to take it.
    `forgotten_too` brings back what was forgotten. Raises InputFileError or LogError.
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
    redactor = Redactor(settings.privacy.mode, settings.privacy.terms)
    taking = _Taking(stream, index, redactor, ForgottenTurns(store), forgotten_too, refuse)
    _write(data, settings, redactor, taking.news())
    if taking.grown:
        # The beginnings go when everything else is safe: whatever ends here, the same import finishes it.
        rewrite_without(data.log, taking.grown.keys())
        index.remove(taking.grown.keys())
        _write(data, settings, redactor, iter(taking.grown.values()))
    index.ingest()
    reading, added = stream.reading, dict(taking.added)
    return IntoLog(
        stream.format, sum(added.values()), taking.known, added, tuple(reading.skipped), dict(taking.refused),
        stream.notes, len(taking.grown), taking.forgotten, dict(reading.reasons),
    )  # fmt: skip


def _write(data: DataFolder, settings: Settings, redactor: Redactor, turns: Iterator[tuple[Turn, TurnKind]]) -> None:
    """Append turns to the log. Raises LogError when it cannot be written."""
    failures: list[str] = []
    log = TurnLog(
        data.log,
        redact=redactor.redact,
        redact_turn=redactor.of_turn,
        limits=lambda: Limits.of(settings.log),
        on_failure=failures.append,
    )
    try:
        for turn, kind in turns:
            log.append(turn, kind)
    finally:
        log.close()
    if failures:
        raise LogError(*_say.error("import.log_not_written", reason=failures[0].rstrip(".")))


class _Taking:
    """Decides for each turn of a file whether it is new. The counts are complete when `news` has ended."""

    def __init__(
        self, stream: ImportStream, index: TurnIndex, redactor: Redactor, gone: ForgottenTurns, forgotten_too: bool,
        refuse: Callable[[Turn], str | None],
    ) -> None:  # fmt: skip
        self.stream, self.index, self.redactor, self.refuse = stream, index, redactor, refuse
        self.added: collections.Counter[str] = collections.Counter()
        self.refused: collections.Counter[str] = collections.Counter()
        self.known = self.forgotten = 0
        self.grown: dict[str, tuple[Turn, TurnKind]] = {}
        self._gone, self._forgotten_too = gone, forgotten_too
        self._earlier = EarlierImports(index, stream.format)

    def news(self) -> Iterator[tuple[Turn, TurnKind]]:
        """The turns that the log does not have."""
        for position, turn in enumerate(self.stream):
            made = _as_turn(turn, self.stream.format, position, self.redactor)
            if self._is_new(turn, made) and not self._is_refused(turn, made):
                self.added[turn.kind.value] += 1
                yield made, turn.kind

    def _is_new(self, turn: LoggedTurn, made: Turn) -> bool:
        before = self.index.get(made.id)
        if before is not None:
            if self._goes_on(before, turn):
                self.grown[made.id] = (made, turn.kind)
            else:
                self.known += 1
            return False
        if self._earlier.has(turn, self._redacted):
            self.known += 1
            return False
        if self._gone.has(made.id, turn.user, turn.reply):
            if not self._forgotten_too:
                self.forgotten += 1
                return False
            self._gone.bring_back(made.id, turn.user, turn.reply)
        return True

    def _is_refused(self, turn: LoggedTurn, made: Turn) -> bool:
        # The privacy settings first: another plugin's veto is not to see what they keep out.
        reason = self.redactor.refusal(_texts(turn)) or self.refuse(made)
        if reason is not None:
            self.refused[reason] += 1
        return reason is not None

    def _goes_on(self, before: LoggedTurn, turn: LoggedTurn) -> bool:
        """Whether the log has only a part of it: the end of the question and the beginning of the reply."""
        if len(turn.reply) <= len(before.reply) and len(turn.user) <= len(before.user):
            return False
        user, reply = self._redacted(turn)
        longer = len(reply) > len(before.reply) or len(user) > len(before.user)
        return longer and reply.startswith(before.reply) and user.endswith(before.user)

    def _redacted(self, turn: LoggedTurn) -> tuple[str, str]:
        """Question and reply as the log keeps them."""
        redact = self.redactor.of_turn(list(_texts(turn)))
        return redact(turn.user), redact(turn.reply)


def _texts(turn: LoggedTurn) -> Iterator[str]:
    """What was said in it; a system prompt is nobody's sentence."""
    yield from (message.content for message in turn.messages if message.role != "system")
    yield turn.reply


def _as_turn(turn: LoggedTurn, format: str, position: int, redactor: Redactor) -> Turn:
    """The turn as if it had just been heard. One from a log of the plugin keeps its id and time.

    In a chat between people the "model" is who answered: a name, and perhaps one of the owner's own terms.
    """
    served = Attempt(provider="none", model=redactor.redact(turn.model), version=turn.version, ok=True, seconds=0.0)
    return Turn(
        # A reader of another plugin's may give no ids.
        id=turn.id if format == "log" else _id(format, turn.id or "\x1f".join((turn.session, turn.user, turn.reply))),
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


def _id(format: str, identity: str) -> str:
    """Told from the ids of earlier releases, which were made of positions, by the digit of a UUID's version."""
    made = uuid.uuid5(_NAMESPACE, f"{format}\x1f{identity}").hex
    return f"{made[:12]}8{made[13:]}"
