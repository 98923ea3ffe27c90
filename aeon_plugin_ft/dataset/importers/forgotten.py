"""Table `forgotten_turns`: what was forgotten, so that an import asks before it brings it back.

Nothing of what was said is kept: a keyed hash of a turn's id, and one of its words, since Aeon's own log may hold the
same exchange under another id. The key is a number that only this database has.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable

from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns.model import LoggedTurn

_KEY = "forgotten_turns_key"
SHORTEST = 24
"""Characters of question and reply together: what is shorter ("sim" / "certo") is said by everybody."""


class ForgottenTurns:
    """What was forgotten in one data folder."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._key = str(store.fact(_KEY, ""))
        # Nothing was forgotten yet: an import then computes nothing for each turn.
        self.any = store.row("SELECT 1 FROM forgotten_turns LIMIT 1") is not None

    def note(self, connection: sqlite3.Connection, ids: Iterable[str], turns: Iterable[LoggedTurn]) -> None:
        """These are forgotten from now on, in a transaction of the caller's; `turns` are those whose words are still
        there."""
        if not self._key:
            self._key = secrets.token_hex(16)
            self.store.set_fact(_KEY, self._key)
        marks = {self._hash(id) for id in ids} | {self._words(turn.user, turn.reply) for turn in turns}
        connection.executemany("INSERT OR IGNORE INTO forgotten_turns VALUES (?)", [(mark,) for mark in marks if mark])
        self.any = True

    def has(self, id: str, user: str, reply: str) -> bool:
        """Whether this turn, or one with its words, was forgotten."""
        if not self.any:
            return False
        marks = (self._hash(id), self._words(user, reply))
        return self.store.row("SELECT 1 FROM forgotten_turns WHERE hash IN (?, ?)", *marks) is not None

    def bring_back(self, id: str, user: str, reply: str) -> None:
        """The owner wants it again."""
        marks = (self._hash(id), self._words(user, reply))
        self.store.execute("DELETE FROM forgotten_turns WHERE hash IN (?, ?)", *marks)

    def _words(self, user: str, reply: str) -> str:
        said = f"{normal(user)}\n{normal(reply)}"
        return self._hash(said) if len(said) > SHORTEST else ""

    def _hash(self, text: str) -> str:
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=16, key=bytes.fromhex(self._key)
        ).hexdigest()
