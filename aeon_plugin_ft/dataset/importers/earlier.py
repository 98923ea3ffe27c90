"""Turns that an earlier release has imported, whose ids were made of positions in a file.

They are known again by when they were said and by their words, so that the same export adds nothing today either. Can
go when no log of a release before 0.2 is in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from aeon_plugin_ft.turns import TurnIndex
from aeon_plugin_ft.turns.index import ids_where
from aeon_plugin_ft.turns.model import KNOWN_FROM, LoggedTurn

_OF_BEFORE = "caller = ? AND substr(id, 13, 1) = '5'"


class EarlierImports:
    """Of one format. Read on first use: most logs have none."""

    def __init__(self, index: TurnIndex, format: str) -> None:
        self._left: Counter[int] = Counter()
        if format == "log":  # these keep the ids that they had
            return
        for id in ids_where(index.store, _OF_BEFORE, f"import:{format}"):
            turn = index.get(id)
            if turn is not None:
                self._left[_mark(turn.at, turn.user, turn.reply)] += 1

    def has(self, turn: LoggedTurn, redacted: Callable[[LoggedTurn], tuple[str, str]]) -> bool:
        """Whether this one is among them; each counts once. `redacted` gives question and reply as the log has them."""
        if not self._left:
            return False
        mark = _mark(turn.at, *redacted(turn))
        if not self._left[mark]:
            return False
        self._left[mark] -= 1
        return True


def _mark(at: float, user: str, reply: str) -> int:
    # Turns of unknown time were numbered from 1970 on.
    return hash((round(at) if at >= KNOWN_FROM else 0, user, reply))
