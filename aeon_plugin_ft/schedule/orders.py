"""Table `orders`: what the owner asks of a training from another process than the one that runs it.

A running host takes orders and says so by a lease; whoever gives one while nobody takes them does it themselves. An
order is taken once, or withdrawn, or it lapses: what the owner asked for a minute ago must not happen in an hour.
"""

from __future__ import annotations

import time

from aeon_plugin_ft.causes import Cause
from aeon_plugin_ft.errors import LeaseHeldError
from aeon_plugin_ft.store import Store

LEASE = "orders"
LEASE_SECONDS = 30.0
LAPSES_SECONDS = 15.0
"""An order that nobody took by then is none any more."""
KEPT = 100
"""Rows; older ones go."""
_LOOK_SECONDS = 0.05


class OrderKind(Cause):
    """What may be ordered; the column's values."""

    TRAIN = "train"
    RESUME = "resume"
    PAUSE = "pause"
    CANCEL = "cancel"


class Orders:
    """Both sides of the table: who gives an order, and who takes it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- who asks ------------------------------------------------------------------------------

    def are_taken(self) -> bool:
        """Whether a process that takes orders runs."""
        return self._store.lease_holder(LEASE) is not None

    def ask(self, kind: OrderKind, take_seconds: float, answer_seconds: float) -> str | None:
        """Give an order and wait for its outcome: "" for done, else why not (a value of voice.control.Reason). None,
        and the order is withdrawn, where nobody took it in `take_seconds`; "" as well where one that was taken has no
        outcome after `answer_seconds`: it is being carried out."""
        id = self._store.execute("INSERT INTO orders (at, kind) VALUES (?, ?)", self._store.clock(), kind.value)
        number = int(id.lastrowid or 0)
        if not self._wait(number, "taken", take_seconds) and self._withdraw(number):
            return None
        return str(self._wait(number, "outcome", answer_seconds) or "")

    def _wait(self, id: int, column: str, seconds: float) -> object:
        deadline = time.monotonic() + seconds
        while True:
            row = self._store.row("SELECT taken, outcome FROM orders WHERE id = ?", id)
            if row is None or row[column] is not None or time.monotonic() > deadline:
                return None if row is None else row[column]
            time.sleep(_LOOK_SECONDS)

    def _withdraw(self, id: int) -> bool:
        return self._store.execute("DELETE FROM orders WHERE id = ? AND taken IS NULL", id).rowcount > 0

    # -- who carries out -----------------------------------------------------------------------

    def stand_ready(self, holder: str) -> bool:
        """Say that this process takes orders, anew every few seconds; False while another one does."""
        try:
            self._store.acquire_lease(LEASE, holder, LEASE_SECONDS)
        except LeaseHeldError:
            return False
        return True

    def leave(self, holder: str) -> None:
        """Take no more orders."""
        self._store.release_lease(LEASE, holder)

    def take(self) -> tuple[int, OrderKind] | None:
        """The oldest order that waits, with its number for `answer`; None where there is none."""
        row = self._store.row("SELECT id, at, kind FROM orders WHERE taken IS NULL ORDER BY id LIMIT 1")
        if row is None:
            return None
        now = self._store.clock()
        # Asked again in the statement: it may have been withdrawn a moment ago.
        taken = self._store.execute("UPDATE orders SET taken = ? WHERE id = ? AND taken IS NULL", now, row["id"])
        self._store.execute("DELETE FROM orders WHERE id <= ?", row["id"] - KEPT)
        lapsed = not 0 <= now - row["at"] <= LAPSES_SECONDS
        return None if lapsed or not taken.rowcount else (row["id"], OrderKind(row["kind"]))

    def answer(self, id: int, outcome: str) -> None:
        """What became of an order: "" for done, else why not."""
        self._store.execute("UPDATE orders SET outcome = ? WHERE id = ?", outcome, id)

    def newest(self) -> int:
        """The number of the newest order, 0 where there is none: whether there was one since."""
        row = self._store.row("SELECT max(id) AS id FROM orders")
        return (row["id"] if row is not None else None) or 0
