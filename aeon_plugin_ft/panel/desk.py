"""One data folder as the page needs it: the parts of wiring.py, opened once for all requests.

A request reads what is there at that moment and keeps nothing; only what takes long to make (what would be learnt) is
kept until something that it rests on has changed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aeon_plugin_ft.dataset.feedback.opinions import Review, ReviewItem, newest_feedback
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.host.redaction import Redaction
from aeon_plugin_ft.panel.acts import Acts
from aeon_plugin_ft.remembering import read_facts
from aeon_plugin_ft.settings import Settings
from aeon_plugin_ft.training.lease import learner
from aeon_plugin_ft.training.runs import reap_runs
from aeon_plugin_ft.training.table import RunRow, newest_run
from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.wiring import Basis, make_registry

log = logging.getLogger("aeon_ft.panel")

PATIENCE = 1.5
"""Seconds that a page waits for what would be learnt; it is shown without it then, and again when it is there."""
REAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Learnable:
    """What a training would make of each turn now, by its id; `train` and `heldout` count the examples."""

    items: Mapping[str, ReviewItem]
    train: int
    heldout: int


class Desk:
    """Safe from any thread. Whoever opened the `basis` closes it, after `close` here."""

    def __init__(self, basis: Basis) -> None:
        # Each is opened here: a command opens its parts on first use, and requests come in several threads.
        self.data, self.store, self.settings_file = basis.data, basis.store, basis.settings_file
        self.book, self.basis, self.registry = basis.book, basis, make_registry(basis)
        self.index = TurnIndex(self.store, self.data.log)
        self.redaction = Redaction(self.settings_file)
        self.acts = Acts(basis)
        self.observer = self.acts.learning.observer
        self._pipeline = self.acts.learning.pipeline
        self._making = threading.Lock()
        self._worker: threading.Thread | None = None
        self._learnable: tuple[tuple[int, int, str], Learnable | None] | None = None
        self._reaped = float("-inf")
        self.closing: list[Callable[[], object]] = []
        """Called first when this closes: what a page has begun ends."""
        self.watched: list[Callable[[], object]] = []
        """What pages do in threads of their own, as values that change."""

    @property
    def settings(self) -> Settings:
        """plugin.toml as it is now."""
        self.settings_file.reload_if_changed()
        return self.settings_file.current

    @property
    def private(self) -> bool:
        """Whether the owner's private mode is on: nothing of what is said is kept."""
        from aeon_plugin_ft.host.private_mode import MARKER

        return (self.data.root / MARKER).exists()

    def catch_up(self) -> None:
        """What was logged a moment ago is there, and a run whose process died is settled."""
        self.index.ingest()
        if time.monotonic() - self._reaped > REAP_SECONDS:
            self._reaped = time.monotonic()
            reap_runs(self.store, self.data)

    def read_facts(self) -> None:
        """What was said a moment ago is known."""
        self.index.ingest()
        read_facts(self.book, self.store, self.index)

    def stamps(self) -> dict[str, str]:
        """A text for each topic of the page, which is another one when there is something new to show."""
        self.catch_up()
        self.settings_file.reload_if_changed()
        run, busy = newest_run(self.store), self.acts.learning.background
        progress = "" if run is None else _size(run)
        newest = self.store.newest_events(1)
        learnable = self._learnable
        return {
            "turns": f"{self.index.count(None)} {newest_feedback(self.store)}",
            "learnable": "" if learnable is None else str(hash(learnable[0])),
            "facts": f"{self.book.version} {len(self.book.due(1))}",
            "runs": f"{run and (run.id, run.state, run.step, run.updated)} {progress} {busy.busy} {busy.doing}"
            f" {learner(self.store)}",
            "versions": f"{self.registry.states()} {self.registry.current()}",
            "compare": " ".join(str(one()) for one in self.watched),
            "events": f"{newest and newest[-1]['id']} {self.acts.orders.newest()} {self.private}",
            "settings": f"{hash(self.settings_file.current)} {self.settings_file.error}",
        }

    # -- what would be learnt ------------------------------------------------------------------

    def learnable(self, patience: float = PATIENCE) -> Learnable | None:
        """What would be learnt of each turn; None while it is being worked out, which may take minutes on a long log,
        and where it cannot be."""
        kept = self._learnable
        if kept is not None and kept[0] == self._mark():
            return kept[1]
        with self._making:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._make, name="aeon-ft-panel-draft", daemon=True)
                self._worker.start()
            worker = self._worker
        worker.join(patience)
        kept = self._learnable
        return kept[1] if kept is not None and kept[0] == self._mark() else None

    def _mark(self) -> tuple[int, int, str]:
        now = self.settings_file.current
        parts = (now.dataset, now.memory, now.train.max_length, now.log.session_gap_minutes)
        return self.index.count(None), newest_feedback(self.store), repr(parts)

    def _make(self) -> None:
        turns, _, settings = self._mark()
        try:
            made: Learnable | None = self._work_out()
        except AeonFtError as error:
            log.warning("what would be learnt cannot be worked out: %s", error)
            made = None
        # The opinions as they are afterwards, for some were recognised in the talk; turns that came meanwhile are not
        # in it.
        self._learnable = ((turns, newest_feedback(self.store), settings), made)

    def _work_out(self) -> Learnable:
        draft = self._pipeline.draft()
        items = {item.turn: item for item in Review(self.store).items(draft, self.index.turns())}
        return Learnable(items, len(draft.train), len(draft.heldout))

    def close(self) -> None:
        """Let a training of this process leave (it goes on later), and wait for what is being worked out."""
        for end in self.closing:
            end()
        self.acts.close()
        if self._worker is not None:
            self._worker.join()


def _size(run: RunRow) -> str:
    try:
        return str(run.run.progress_file.stat().st_size)
    except OSError:
        return ""
