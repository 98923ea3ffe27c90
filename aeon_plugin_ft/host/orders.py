"""What the owner asks of the training on the page, carried out by the host that runs."""

from __future__ import annotations

import logging
import os
import threading
import time

from aeon_plugin_ft.control_training import TrainingControl
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.schedule.orders import LEASE_SECONDS, OrderKind, Orders
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.voice.control import CommandResult

log = logging.getLogger("aeon_ft.host")

LOOK_SECONDS = 0.25
BEAT_SECONDS = LEASE_SECONDS / 4


class OrderTaker:
    """A thread of its own: whoever asks waits for the answer, and the follower may be loading a model for minutes."""

    def __init__(self, store: Store, learning: Learning) -> None:
        self._orders, self._control = Orders(store), TrainingControl(store, learning)
        self._holder = f"host-{os.getpid()}-{id(self)}"
        self._stopping = threading.Event()
        self._beat_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="aeon-ft-orders", daemon=True)

    def start(self) -> None:
        """Begin to take orders."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Take no more; waits at most so many seconds for one that is being carried out."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self._look()
            except Exception:  # a full disk, a locked store, a mistake of ours: the next look tries again
                log.exception("an order could not be carried out")
        self._orders.leave(self._holder)

    def _look(self) -> None:
        if time.monotonic() - self._beat_at > BEAT_SECONDS:
            if not self._orders.stand_ready(self._holder):
                return
            self._beat_at = time.monotonic()
        order = self._orders.take()
        if order is not None:
            id, kind = order
            outcome = carry_out(self._control, kind)
            self._orders.answer(id, "" if outcome.reason is None else outcome.reason.value)


def carry_out(control: TrainingControl, kind: OrderKind) -> CommandResult:
    """What an order means, wherever it is carried out."""
    act = {
        OrderKind.TRAIN: control.train_now,
        OrderKind.RESUME: control.resume,
        OrderKind.PAUSE: control.pause,
        OrderKind.CANCEL: control.cancel,
    }[kind]
    return act()
