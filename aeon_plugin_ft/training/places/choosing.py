"""Where a run trains now: at the place of [train] where if nobody uses it, else as [train] otherwise says."""

from __future__ import annotations

import logging

from aeon_plugin_ft.errors import LostError, PlaceBusyError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.settings import TrainSection
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places.consent import require_allowed
from aeon_plugin_ft.training.places.door import Door, open_door
from aeon_plugin_ft.training.places.left import left_at
from aeon_plugin_ft.training.places.where import HERE, QUIET, parse_where

_say = Speaker("errors/training")

log = logging.getLogger("aeon_ft.training")

BUSY = 0.5
"""A place is somebody else's while they use more of its processor, or of a graphics card, than this."""


def choose_place(
    settings: TrainSection, store: Store, run: str = "", door: Door | None = None, *, quiet: bool = False
) -> str:
    """The address of the settings' place, or "here". `run`, where it is there already, goes on there whoever uses it;
    `quiet`: these are quiet hours.

    Raises NoConsentError, and PlaceBusyError where the place is busy or cannot be reached and is to be waited for.
    """
    place = parse_where(settings.place)
    if place is None:
        return HERE
    require_allowed(store, place)
    if left_at(store).get(run) == place.setting:
        return settings.place
    try:
        used = float((door or open_door(place)).call("used", {})["share"])
    except LostError as error:
        why = error.what
    else:
        if used <= BUSY:
            return settings.place
        why = _say("places.in_use", address=place.address, share=f"{used:.0%}")
    if settings.otherwise == HERE or (settings.otherwise == QUIET and quiet):
        log.info("%s; this run trains here", why)
        return HERE
    raise PlaceBusyError(why)
