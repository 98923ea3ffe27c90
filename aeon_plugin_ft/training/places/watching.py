"""Whether the place of [train] where is free, as the schedule knows it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places.choosing import BUSY
from aeon_plugin_ft.training.places.consent import allowed
from aeon_plugin_ft.training.places.door import Door, open_door
from aeon_plugin_ft.training.places.where import HERE, QUIET, PlaceState, Where, parse_where

log = logging.getLogger("aeon_ft.schedule")

ASK_SECONDS = 300.0
"""So long an answer counts; each is one short request."""


class PlaceWatch:
    """What the schedule knows of the place of [train] where. It is asked in a thread of its own, for a machine that is
    off keeps one waiting; `patient` asks in the caller's, and is for a command that wants to know now."""

    def __init__(
        self, settings: Callable[[], TrainSection], store: Store, *, patient: bool = False,
        open_way: Callable[[Where], Door] = open_door, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.settings, self.store, self.patient, self.open_way, self.clock = settings, store, patient, open_way, clock
        self._known: dict[str, tuple[float, bool]] = {}
        self._asking = threading.Lock()

    def state(self, *, due: bool) -> PlaceState:
        """Where a training would be now. `due`: there is one to come; nobody is asked for nothing."""
        settings = self.settings()
        place = parse_where(settings.place)
        # Without the owner's word nothing is asked either; the training that begins says so.
        if place is None or place.address not in allowed(self.store):
            return PlaceState.HERE
        if due and self._is_old(place):
            self._ask(place)
        if self._known.get(place.setting, (0.0, False))[1]:
            return PlaceState.FREE
        otherwise = {HERE: PlaceState.HERE, QUIET: PlaceState.QUIET}
        return otherwise.get(settings.otherwise, PlaceState.WAITED)

    def _is_old(self, place: Where) -> bool:
        at, _ = self._known.get(place.setting, (float("-inf"), False))
        return self.clock() - at >= ASK_SECONDS

    def _ask(self, place: Where) -> None:
        if self.patient:
            self._look(place)
        elif self._asking.acquire(blocking=False):
            threading.Thread(target=self._look_and_release, args=(place,), name="aeon-ft-place", daemon=True).start()

    def _look_and_release(self, place: Where) -> None:
        try:
            self._look(place)
        finally:
            self._asking.release()

    def _look(self, place: Where) -> None:
        try:
            free = float(self.open_way(place).call("used", {})["share"]) <= BUSY
        except TrainingError as error:
            log.info("%s", error)
            free = False
        self._known[place.setting] = (self.clock(), free)
