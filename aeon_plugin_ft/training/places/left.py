"""What still lies at other places: noted before anything goes, and until it was deleted there.

A run that was forgotten, cancelled or given up here may have left its dataset over there, where nothing here reaches
by itself. Whoever talks to that place next deletes it, and `aeon-ft places clean` does at once.
"""

from __future__ import annotations

import logging

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places.door import Door, open_door
from aeon_plugin_ft.training.places.where import Where, parse_where
from aeon_plugin_ft.training.table import ENDED, get_run

_say = Speaker("errors/training")

log = logging.getLogger("aeon_ft.training")

FACT = "places.left"
"""Run to the place that has its data, as [train] where names it."""


def left_at(store: Store) -> dict[str, str]:
    """Every run whose data lies at another place, with that place."""
    return {str(run): str(where) for run, where in store.fact(FACT, {}).items()}


def note_left(store: Store, run: str, where: Where) -> None:
    """This run's data goes there now."""
    with store.transaction():
        store.set_fact(FACT, {**left_at(store), run: where.setting})


def note_gone(store: Store, run: str) -> None:
    """Nothing of this run lies elsewhere any more."""
    with store.transaction():
        store.set_fact(FACT, {other: where for other, where in left_at(store).items() if other != run})


def owed(store: Store) -> dict[str, str]:
    """Those of `left_at` that nobody comes back for: their run has ended, or there is none any more."""
    gone = {}
    for run, where in left_at(store).items():
        row = get_run(store, run)
        if row is None or row.state in ENDED or not row.folder.is_dir():
            gone[run] = where
    return gone


def clean_owed(store: Store, at: Where | None = None, door: Door | None = None) -> list[str]:
    """Delete there what nobody comes back for, at one place or (None) at all of them; the runs that could not be, each
    with the reason."""
    failed = []
    for run, setting in owed(store).items():
        where = parse_where(setting)
        if where is None or (at is not None and where.address != at.address):
            continue
        try:
            way = door or open_door(where)
            way.call("leave", {"run": run, "cause": "owner_cancelled"})
            way.call("clean", {"run": run})
            note_gone(store, run)
        except TrainingError as error:
            failed.append(_say("places.left", run=run, address=where.address, reason=error.what))
            log.info("%s could not be deleted at %s yet (%s)", run, where.address, error)
    return failed
