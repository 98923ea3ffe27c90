"""The similar good turns that a question is asked with while there is too little to train on.

The index is made in the background and replaced whole; asking it costs the owner's turn well under a millisecond per
thousand examples, and nothing at all before the first index is there.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence

from aeon_plugin_ft.dataset.model import Draft
from aeon_plugin_ft.dataset.similar.retrieve import SimilarTurns, as_messages, similar_examples
from hooks import Message

log = logging.getLogger("aeon_ft.similar")

EVERY_TURNS = 10
"""New turns after which the index is made anew."""


class ShownTurns:
    """`draft` curates the log as a training would; `count` is how many turns the log has; `remembered` says whether
    all of these turns are still in it, so that what was forgotten a moment ago is not shown."""

    def __init__(
        self, draft: Callable[[], Draft], count: Callable[[], int], remembered: Callable[[Sequence[str]], bool]
    ) -> None:
        self._draft, self._count, self._remembered = draft, count, remembered
        self._index: SimilarTurns | None = None
        self._seen = -EVERY_TURNS
        self._failing = False
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Make the index anew when enough was said since; True when it was. Takes seconds on a long log."""
        count = self._count()
        with self._lock:
            if abs(count - self._seen) < EVERY_TURNS:
                return False
            self._seen = count
        draft = self._draft()
        self._index = SimilarTurns((*draft.train, *draft.heldout))
        return True

    def examples(self, messages: Sequence[Message], limit: int) -> tuple[Message, ...]:
        """Up to `limit` similar turns for this question, as messages; none while the store cannot say what was
        forgotten."""
        index = self._index
        similar = () if index is None else similar_examples(messages, index, limit)
        try:
            shown = [example for example in similar if self._remembered(example.turns)]
        except sqlite3.Error as error:
            if not self._failing:
                log.warning("no similar conversations are shown while the store cannot be read (%s)", error)
            self._failing = True
            return ()
        self._failing = False
        return as_messages(shown)
