"""What the owner orders on the page: done by the host that runs, or here where none does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from aeon_plugin_ft.causes import PauseCause, PromotionCause
from aeon_plugin_ft.control import refusal_of
from aeon_plugin_ft.control_training import TrainingControl
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.host.orders import carry_out
from aeon_plugin_ft.learning import Learning
from aeon_plugin_ft.registry import BASE
from aeon_plugin_ft.schedule.orders import OrderKind, Orders
from aeon_plugin_ft.voice.control import Reason
from aeon_plugin_ft.voice.reasons import reason_of
from aeon_plugin_ft.wiring import Basis, make_pipeline, make_registry

TAKE_SECONDS = 5.0
"""A host looks for orders four times a second."""
ANSWER_SECONDS = 15.0
"""A training that is cancelled may take ten to leave."""
LEAVE_SECONDS = 15.0


class NoBrain:
    """learning.TrainingHost of a process that answers nobody: nothing to make room with, and nothing to follow."""

    def is_busy(self) -> bool:
        """Never in a turn."""
        return False

    def follow_now(self) -> None:
        """A running host follows the store by itself."""

    def make_room(self) -> bool:
        """No model is in this process's memory."""
        return False

    def give_back(self) -> None:
        """Nothing was taken."""


class Acts:
    """Orders that take their way to the training; everything else is written into the store, as by a command."""

    def __init__(self, basis: Basis) -> None:
        self._basis, self._registry = basis, make_registry(basis)
        self.learning = Learning(basis, NoBrain())
        self.orders = Orders(basis.store)
        self._control = TrainingControl(basis.store, self.learning)
        self._one_at_a_time = threading.Lock()

    def order(self, kind: OrderKind) -> Reason | None:
        """Train, go on, pause or cancel; None for done, else why not."""
        with self._one_at_a_time:
            if self.orders.are_taken() and not self.learning.busy:
                outcome = self.orders.ask(kind, TAKE_SECONDS, ANSWER_SECONDS)
                if outcome is not None:
                    return Reason(outcome) if outcome else None
            return carry_out(self._control, kind).reason

    def use(self, name: str) -> Reason | None:
        """Let a version, or the base, answer from now on; a running host switches within a second."""
        try:
            if name == self._registry.current():
                return Reason.ALREADY_IN_USE
            refusal = None if name == BASE else refusal_of(self._registry.get(name))
            if refusal is None:
                self._registry.promote(name, PromotionCause.OWNER)
        except AeonFtError as error:
            return reason_of(error)
        return refusal

    def undo(self) -> Reason | None:
        """Go back to what answered before."""
        target = self._registry.previous()
        if target == self._registry.current():
            return Reason.NOTHING_TO_UNDO
        return attempt(lambda: self._registry.promote(target, PromotionCause.UNDONE))

    def delete(self, name: str) -> None:
        """Delete a version, also at every backend that was given it. Raises RegistryError for the one in use and the
        one to go back to."""
        self._registry.remove(name)
        # What it takes at backends goes with the next clean-up, too; now is when the owner asked for it.
        make_pipeline(self._basis).prune()

    def free_room(self) -> Reason | None:
        """Delete what the disk cap leaves no room for."""
        return attempt(lambda: make_pipeline(self._basis).prune())

    def close(self) -> None:
        """A training of this process saves and leaves; it goes on when it is asked to."""
        self.learning.background.pause(PauseCause.HOST_CLOSING)
        self.learning.background.join(LEAVE_SECONDS)


def attempt(act: Callable[[], object]) -> Reason | None:
    """Do something; why not, where it could not be done."""
    try:
        act()
    except AeonFtError as error:
        return reason_of(error)
    return None
