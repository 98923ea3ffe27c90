"""Forgetting: one request followed through every stage, from the log to the versions.

Gone are the turns (log, index, feedback), the facts that only they told, what exams asked about these, every dataset
that holds one of them and every run folder made from such a dataset. A version trained on them stays usable only where
it is: it is marked as tainted, never comes back once it was left, and training again makes one without them.
`Forgetter.plan` says what would go.

What somebody searches is looked for in everything that a turn keeps: both sides, its history, the memories that its
system prompt recalled, and the words of a correction that was given by command.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aeon_plugin_ft.causes import EndCause
from aeon_plugin_ft.dataset.feedback.opinions import corrections, forget_opinions
from aeon_plugin_ft.dataset.frozen import datasets_with, forget_datasets
from aeon_plugin_ft.dataset.importers.forgotten import ForgottenTurns
from aeon_plugin_ft.dataset.sought import pattern_of
from aeon_plugin_ft.dataset.words import words
from aeon_plugin_ft.errors import RegistryError, StoreError, TrainingError
from aeon_plugin_ft.evaluation.report.forgetting import without_facts
from aeon_plugin_ft.evaluation.report.page import html_page
from aeon_plugin_ft.facts.book import FactBook
from aeon_plugin_ft.facts.model import Fact, lineage_of
from aeon_plugin_ft.forget_host import HostFiles, Sought, Traces
from aeon_plugin_ft.messages import Speaker, refusal
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.registry import Registry
from aeon_plugin_ft.registry.folders import replace_report
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.store.logfile import wipe
from aeon_plugin_ft.store.rebuild import set_aside
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import runs_in, runs_on, set_state
from aeon_plugin_ft.turns import TurnIndex, prompts, rewrite_without, turns_quoting
from aeon_plugin_ft.turns.index import ids_where
from aeon_plugin_ft.turns.model import LoggedTurn
from aeon_plugin_ft.watch.signals import forget_signals
from aeon_plugin_ft.wording import english

_say = Speaker("errors/loop")

KNOWN = 365 * 86_400.0
"""Imported turns of unknown time are numbered from 1970 on; a time range never means them."""
WAIT_SECONDS = 5.0
"""How long to wait for a program that keeps a file open (Windows)."""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What went, or would go: turn ids (`quoting` repeat them in their history), datasets, runs, the versions that were
    trained on them, and the facts that nothing else tells. `host`: what Aeon's own files have of it, or still have."""

    turns: tuple[str, ...] = ()
    quoting: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    host: tuple[Traces, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to forget."""
        return not (self.turns or self.facts or self.host)


class Forgetter:
    """Finds and removes turns and facts, everywhere in one data folder. `book` is that of this process, where it has
    one."""

    def __init__(self, data: DataFolder, store: Store, book: FactBook | None = None) -> None:
        self.data, self.store, self.book = data, store, book or FactBook(store)
        self.index = TurnIndex(store, data.log)
        self.registry = Registry(data, store)
        self.host_files = HostFiles(data)

    # -- which turns ---------------------------------------------------------------------------

    def last(self) -> list[str]:
        """The owner's conversation turn that was spoken last."""
        return [turn.id for turn in self.index.latest(50) if turn.caller == "chat"][:1]

    def starting(self, start: str) -> list[str]:
        """The turns whose id starts with this."""
        return ids_where(self.store, "substr(id, 1, ?) = ?", len(start), start)

    def between(self, start: float, end: float) -> list[str]:
        """Every turn that began at `start` or later and before `end` (seconds since the epoch)."""
        return ids_where(self.store, "at >= ? AND at < ?", max(start, KNOWN), end)

    def about(self, text: str) -> list[str]:
        """Every turn in which this stands as whole words, in the singular or the plural, whatever the case and the
        accents."""
        pattern = pattern_of(text)
        return [] if pattern is None else self._where(pattern)

    def person(self, name: str) -> list[str]:
        """Every turn that names this person, as whole words, and every reply of theirs in an imported chat."""
        name_words = words(name)
        if not name_words:
            return []
        return self._where(re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, name_words)) + r"(?![^\W_])"))

    def _where(self, pattern: re.Pattern[str]) -> list[str]:
        """Turns in the log's order; each opinion with these words counts for the turn that it is about."""
        corrected = corrections(self.store)

        def holds(turn: LoggedTurn) -> bool:
            texts = (*kept_texts(turn), corrected.get(turn.id, ""))
            return any(pattern.search(fold_accents(text)) for text in texts)

        return [turn.id for turn in self.index.turns() if holds(turn)]

    def telling(self, facts: Collection[Fact]) -> list[str]:
        """The turns that tell these facts, or that told of the same thing before."""
        keys = {fact.claim.key for fact in facts}
        return [turn for key in sorted(keys) for fact in self.book.history(key) for turn in fact.turns]

    def edited_about(self, text: str) -> list[Fact]:
        """The facts with this in them that the owner wrote, and that no turn tells: `about` cannot find them."""
        read_facts(self.book, self.store, self.index)
        pattern = pattern_of(text)
        if pattern is None:
            return []
        untold = [fact for fact in self.book.every() if not fact.turns]
        return [
            fact for fact in untold
            if any(pattern.search(fold_accents(one)) for one in (fact.claim.subject, fact.claim.attribute, fact.value))
        ]  # fmt: skip

    # -- forgetting ----------------------------------------------------------------------------

    def plan(
        self, ids: Collection[str], facts: Collection[Fact] = (), pattern: re.Pattern[str] | None = None
    ) -> Forgetting:
        """What forgetting these turns, and these facts wherever they were told, would take with it. `pattern` is what
        was searched, for what Aeon's own files have of it beside the turns."""
        self.index.ingest()
        read_facts(self.book, self.store, self.index)
        asked = tuple(sorted(set(ids)))
        if not asked and not facts:
            return Forgetting(host=self.host_files.find(Sought((), pattern)))
        quoting = tuple(sorted(turns_quoting(self.data.log, asked))) if asked else ()
        gone = {*asked, *quoting}
        told = {fact.id: fact for fact in (*facts, *(self.book.told_only_in(gone) if gone else ()))}
        datasets = datasets_with(self.store, gone | {lineage_of(id) for id in told})
        runs = [row.id for row in runs_on(self.store, datasets)]
        versions = self.registry.trained_on(datasets)
        sides = (tuple(sorted(datasets)), tuple(runs), tuple(versions))
        host = self.host_files.find(self._sought(asked, pattern))
        return Forgetting(asked, quoting, *sides, tuple(told.values()), host)

    def _sought(self, ids: Collection[str], pattern: re.Pattern[str] | None) -> Sought:
        turns = filter(None, map(self.index.get, ids))
        return Sought.of([turn for turn in turns if turn.source == "live"], pattern)

    def forget(
        self, ids: Collection[str], facts: Collection[Fact] = (), pattern: re.Pattern[str] | None = None
    ) -> Forgetting:
        """Remove them for good; these facts stay forgotten even where their turns stay. Raises TrainingError while a
        run that uses them is training.

        Safe to repeat: what was interrupted is finished by the same request for as long as the log has the turns,
        and the log comes last. What is returned says what went, and with `host` what Aeon's own files still have.
        """
        forgetting = self.plan(ids, facts, pattern)
        if forgetting.nothing:
            return forgetting
        self._refuse_while_training(forgetting)
        # First: whatever else is cut off, no version that has learnt it comes back into use.
        self.registry.taint(set(forgetting.datasets), english(EndCause.FORGOTTEN))
        for version in forgetting.versions:
            replace_report(self.data.versions / version, {}, None)
        self._clean_reports(forgetting)
        for run in forgetting.runs:
            _remove(self.data.runs / run)
        for dataset in forgetting.datasets:
            _remove(self.data.datasets / dataset)
        # Before the log, from which the words are known.
        left = self.host_files.remove(self._sought(forgetting.turns, pattern)) if forgetting.host else ()
        gone = [*forgetting.turns, *forgetting.quoting]
        for fact in facts:
            self.book.forget(fact)
        self.book.forget_turns(gone)
        self._clean_store(forgetting, gone)
        # The log after everything that is derived from it: as long as it has the turns, the same request finds them
        # again.
        rewrite_without(self.data.log, gone)
        self.index.remove(gone)
        # Again: whoever read the log in between may have read them into the book once more.
        self.book.forget_turns(gone)
        self._scrub()
        return replace(forgetting, host=left)

    def _refuse_while_training(self, forgetting: Forgetting) -> None:
        for row in runs_in(self.store, {RunState.RUNNING}):
            if row.id in forgetting.runs:
                raise TrainingError(*_say.error("forget.in_training", run=row.id))

    def _clean_reports(self, forgetting: Forgetting) -> None:
        """No exam that is kept asks about these facts any more: one is also put to models that never learnt them."""
        for name in self.registry.states() if forgetting.facts else ():
            try:
                version = self.registry.get(name)
                kept = without_facts(self.registry.report(version), forgetting.facts)
                if kept is not None:
                    page = html_page(version.name, version.created, version.verdict, kept)
                    replace_report(version.folder, kept, page)
            except RegistryError:  # what cannot be read cannot be cleaned
                replace_report(self.data.versions / name, {}, None)

    def _clean_store(self, forgetting: Forgetting, gone: Collection[str]) -> None:
        known = [turn for turn in map(self.index.get, gone) if turn is not None]
        with self.store.transaction() as connection:
            ForgottenTurns(self.store).note(connection, gone, known)
            for turn in gone:
                forget_opinions(connection, turn)
                forget_signals(connection, turn)
            forget_datasets(connection, forgetting.datasets, gone)
            for run in runs_on(self.store, forgetting.datasets):
                if run.state is not RunState.FINISHED:  # what it made is marked as tainted instead
                    set_state(self.store, run.id, RunState.CANCELLED, cause=EndCause.FORGOTTEN)

    def _scrub(self) -> None:
        """Nothing stays in the plugin's own log, the database's free pages or its write-ahead log."""
        wipe(self.data.own_log.parent, self.data.own_log.name)
        for damaged in set_aside(self.data.database):
            shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink()
        # secure_delete has wiped the pages; this gives the file back without them, and the checkpoint empties the WAL.
        self.store.execute("VACUUM")
        self.store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def kept_texts(turn: LoggedTurn) -> Iterator[str]:
    """Everything that somebody said or that was recalled in a turn. Of the system prompt only what belongs to this
    turn: its fixed part stands in every one, and forgetting a word of it would forget everything."""
    for message in turn.messages:
        if message.role != "system":
            yield message.content
            continue
        yield from (value for value in prompts.split(message.content).values if not prompts.CLOCK.fullmatch(value))
    yield turn.reply
    if turn.source != "live":
        yield turn.model  # who answered in a chat between people


def _remove(folder: Path) -> None:
    """Delete a folder wholly. Raises StoreError: what is still there is not forgotten."""
    deadline = time.monotonic() + WAIT_SECONDS
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            told = _say.error("forget.not_deleted", folder=folder, reason=refusal(error))
            raise StoreError(*told) from error
