"""The book of facts kept in step: with the turns that were logged, and with what the owner thinks of their replies.

The book reads no dataset, and the opinions belong there; here they meet. Whoever needs the facts as they are now (a
host whose log has grown, a dataset, a command) calls `read_facts`; it costs what is new.
"""

from __future__ import annotations

from collections.abc import Iterator

from aeon_plugin_ft.dataset.feedback.opinions import load_feedback, note_feedback, recognise_feedback
from aeon_plugin_ft.facts.book import ALL, FactBook
from aeon_plugin_ft.facts.reading import Opinion
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns import LoggedTurn, TurnIndex
from aeon_plugin_ft.turns.index import ids_where

MANY = 200
"""New turns from which on the whole log is gone through once for opinions, instead of looking for each one's
predecessor."""
LONGEST_PAUSE = 86_400.0
"""Seconds; nobody answers a reply of another day."""
_AGAINST = frozenset({"complaint", "correction", "drop"})


def read_facts(book: FactBook, store: Store, index: TurnIndex, most: int = ALL) -> bool:
    """Read what the index has and the book has not, the newest first, at most so many turns; whether any were there."""
    due = book.due(most)
    if due:
        # First: a correction in the newest turn counts at once, not only from the next dataset on.
        note_feedback(store, recognise_feedback(index.turns() if len(due) > MANY else _exchanges(due, store, index)))
    book.sync(index, opinions_of(store), most, set(due))
    return bool(due)


def opinions_of(store: Store) -> dict[str, Opinion]:
    """What the owner holds against replies, by turn."""
    feedback = load_feedback(store)
    return {
        turn: Opinion(one.correction, one.said_in) if one.kind == "correction" else Opinion(said_in=one.said_in)
        for turn, one in feedback.items()
        if one.kind in _AGAINST
    }


def _exchanges(ids: list[str], store: Store, index: TurnIndex) -> Iterator[LoggedTurn]:
    """Each of these turns behind the one before it in the same conversation."""
    for turn in filter(None, map(index.get, ids)):
        where = "session = ? AND at >= ? AND spoken < ? ORDER BY spoken DESC, id DESC LIMIT 1"
        before = ids_where(store, where, turn.session, turn.at - LONGEST_PAUSE, turn.spoken)
        yield from filter(None, map(index.get, before))
        yield turn
