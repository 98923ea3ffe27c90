"""What the owner thinks of replies: recognised from the talk, said by command, decided in a review; kept in the store.

The newest word on a turn counts. A review ("keep", "drop") stands until it is undone: what is recognised later about
the same turn does not touch it, but a correction keeps its words under a "keep".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aeon_plugin_ft.dataset.model import Draft, Feedback, FeedbackKind
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind

RECOGNISED = "recognised"
REVIEW = "review"

TURNS_TO_LEARN = "SELECT turn FROM feedback WHERE kind IN ('praise', 'correction', 'keep')"
"""SQL: the turns of which the owner wants something learnt. For conditions over other tables."""
_OPINIONS = "'praise', 'complaint', 'correction'"


def newest_opinion(turn: str) -> str:
    """SQL: the kind of the newest opinion on the turn that an expression names, NULL when there is none."""
    return (
        f"(SELECT f.kind FROM feedback f WHERE f.turn = {turn} AND f.kind IN ({_OPINIONS}) ORDER BY f.id DESC LIMIT 1)"
    )


def recognise_feedback(turns: Iterable[LoggedTurn], between_people: bool = False) -> Iterator[Feedback]:
    """What each sentence says about the reply before it in the same conversation; turns oldest first. Of one that
    followed something that is not in the log (a private turn, a module's reply) nobody knows what it was about.
    People who chat with each other judge no assistant: their imported chats say nothing, unless `between_people`."""
    # Late: who only counts opinions recognises none.
    from aeon_plugin_ft.dataset.feedback.recognise import recognise
    from aeon_plugin_ft.facts.reading import BETWEEN_PEOPLE

    last: dict[str, LoggedTurn] = {}
    for turn in turns:
        before = None if turn.cut_off else last.get(turn.session)
        judged = before is not None and (between_people or before.source not in BETWEEN_PEOPLE)
        if judged and before is not None and before.reply and before.kind is TurnKind.CHAT:
            signal = recognise(turn.user, before.reply)
            if signal is not None:
                yield Feedback(before.id, signal.kind, signal.correction, turn.id)
        last[turn.session] = turn
        if len(last) > 256:
            last.pop(next(iter(last)))


def note_feedback(store: Store, opinions: Iterable[Feedback], source: str = RECOGNISED) -> int:
    """Keep opinions; what is there already is not kept twice. The number of new ones."""
    added = 0
    # Read before the database is written to: recognising them all takes longer than another writer may wait.
    opinions = list(opinions)
    with store.transaction() as connection:
        for one in opinions:
            if not _is_kept(connection, one, source):
                connection.execute(
                    "INSERT INTO feedback (turn, kind, at, source, correction, said_in) VALUES (?, ?, ?, ?, ?, ?)",
                    (one.turn, one.kind, store.clock(), source, one.correction, one.said_in),
                )
                added += 1
    return added


def _is_kept(connection: sqlite3.Connection, one: Feedback, source: str) -> bool:
    """Whether this very opinion is there: the one that was said in that turn, which is read again and again, or the
    newest of all. What was said again after something else is a newer word."""
    if one.said_in is not None:
        same = "SELECT 1 FROM feedback WHERE turn = ? AND source = ? AND kind = ? AND correction IS ? AND said_in = ?"
        said = (one.turn, source, one.kind, one.correction, one.said_in)
        return connection.execute(same, said).fetchone() is not None
    newest = "SELECT kind, correction FROM feedback WHERE turn = ? AND (source = ?) = ? ORDER BY id DESC LIMIT 1"
    row = connection.execute(newest, (one.turn, REVIEW, source == REVIEW)).fetchone()
    return row is not None and (row["kind"], row["correction"]) == (one.kind, one.correction)


def load_feedback(store: Store) -> dict[str, Feedback]:
    """The opinion that counts for each turn, for `build_draft`."""
    opinions: dict[str, Feedback] = {}
    reviewed: dict[str, FeedbackKind] = {}
    for row in store.rows("SELECT turn, kind, source, correction, said_in FROM feedback ORDER BY id"):
        if row["source"] == REVIEW:
            reviewed[row["turn"]] = row["kind"]
        else:
            opinions[row["turn"]] = Feedback(row["turn"], row["kind"], row["correction"], row["said_in"])
    for turn, kind in reviewed.items():
        opinion = opinions.get(turn)
        if kind == "keep" and opinion is not None and opinion.kind == "correction" and opinion.correction:
            continue
        opinions[turn] = Feedback(turn, kind)
    return opinions


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One turn as the review shows it. `filter` and `reason` are None for one that is kept; `decided` is what the
    owner said in an earlier review ("keep" or "drop"), None when nothing. `was` is the reply as it was given, where a
    correction will be learnt in its place."""

    turn: str
    user: str
    reply: str
    filter: str | None
    reason: str | None
    decided: str | None
    was: str | None = None


class Review:
    """The owner looks at what is kept and what is not, and overrules; remembered in the store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def keep(self, turn: str) -> None:
        """Use this turn whatever the filters say."""
        self._decide(turn, "keep")

    def drop(self, turn: str) -> None:
        """Never use this turn."""
        self._decide(turn, "drop")

    def undo(self, turn: str) -> bool:
        """Let the filters decide again; False when nothing was decided."""
        return self.store.execute("DELETE FROM feedback WHERE turn = ? AND source = ?", turn, REVIEW).rowcount > 0

    def decided(self) -> dict[str, str]:
        """Turn to "keep" or "drop"."""
        rows = self.store.rows("SELECT turn, kind FROM feedback WHERE source = ? ORDER BY id", REVIEW)
        return {row["turn"]: row["kind"] for row in rows}

    def items(self, draft: Draft, turns: Iterable[LoggedTurn]) -> Iterator[ReviewItem]:
        """Every turn of the log with what `draft` made of it, in the log's order."""
        decided, corrected = self.decided(), corrections(self.store)
        why = {dropped.turn: dropped for dropped in draft.dropped}
        kept = {example.id: example for example in (*draft.train, *draft.heldout)}
        for turn in turns:
            dropped, example = why.get(turn.id), kept.get(turn.id)
            if dropped is not None:
                yield ReviewItem(turn.id, turn.user, turn.reply, dropped.filter, dropped.reason, decided.get(turn.id))
            elif example is not None:
                was = turn.reply if turn.id in corrected and turn.reply != example.reply else None
                yield ReviewItem(turn.id, example.user, example.reply, None, None, decided.get(turn.id), was)

    def _decide(self, turn: str, kind: FeedbackKind) -> None:
        with self.store.transaction():
            self.undo(turn)
            note_feedback(self.store, [Feedback(turn, kind)], REVIEW)


def newest_feedback(store: Store) -> int:
    """The number of the newest opinion, 0 when there is none: whether there are new ones since."""
    row = store.row("SELECT max(id) AS newest FROM feedback")
    return (row["newest"] if row is not None else None) or 0


def corrections_since(store: Store, newest: int) -> list[tuple[str, str]]:
    """(turn, the turn in which it was said) of each correction recognised after the opinion with this number."""
    rows = store.rows(
        "SELECT turn, said_in FROM feedback WHERE id > ? AND kind = 'correction' AND source = ? AND said_in IS NOT NULL"
        " ORDER BY id",
        newest,
        RECOGNISED,
    )
    return [(row["turn"], row["said_in"]) for row in rows]


def standing_correction(store: Store, turn: str) -> str | None:
    """The words of a correction that is still the newest opinion on its turn; None once it is forgotten, dropped or
    judged anew."""
    row = store.row("SELECT kind, correction FROM feedback WHERE turn = ? ORDER BY id DESC LIMIT 1", turn)
    return row["correction"] if row is not None and row["kind"] == "correction" else None


def corrections(store: Store) -> dict[str, str]:
    """The words of the newest correction of each turn that has one."""
    rows = store.rows("SELECT turn, correction FROM feedback WHERE correction IS NOT NULL ORDER BY id")
    return {row["turn"]: row["correction"] for row in rows}


def forget_opinions(connection: sqlite3.Connection, turn: str) -> None:
    """Take away the opinions on a turn, and the words of those that were said in it."""
    connection.execute("DELETE FROM feedback WHERE turn = ?", (turn,))
    # That a reply was bad stays, or it would become something to learn.
    connection.execute("DELETE FROM feedback WHERE said_in = ? AND kind = 'praise'", (turn,))
    connection.execute(
        "UPDATE feedback SET kind = 'complaint', correction = NULL, said_in = NULL WHERE said_in = ?", (turn,)
    )


PAGE = "page"
"""The source of what the owner says on the page."""


def say_opinion(store: Store, opinion: Feedback) -> None:
    """What the owner says of a turn on the page, in place of what they said of it there before: it counts over
    everything older."""
    with store.transaction():
        take_back(store, opinion.turn)
        note_feedback(store, [opinion], PAGE)


def take_back(store: Store, turn: str) -> bool:
    """Take back what was said of a turn on the page; False where nothing was."""
    return store.execute("DELETE FROM feedback WHERE turn = ? AND source = ?", turn, PAGE).rowcount > 0
