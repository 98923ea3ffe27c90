"""The owner's word that runs may go to a place: asked once for each, kept with its time, and taken back at any time."""

from __future__ import annotations

import secrets

from aeon_plugin_ft.errors import NoConsentError
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.training.places.where import Where

FACT = "places.allowed"
"""Address to when the word was given, in seconds since the epoch."""

OWNER = "places.owner"
"""Fact: see `owner_of`."""


def allowed(store: Store) -> dict[str, float]:
    """The places that runs may go to, each with the time at which the owner said so."""
    raw = store.fact(FACT, {})
    return {str(address): float(at) for address, at in raw.items()}


def allow(store: Store, where: Where) -> None:
    """Note the owner's word for one place; the first time is kept."""
    with store.transaction():
        store.set_fact(FACT, {where.address: store.clock(), **allowed(store)})


def take_back(store: Store, where: Where) -> bool:
    """No further run goes there; False where none was allowed to."""
    with store.transaction():
        places = allowed(store)
        if places.pop(where.address, None) is None:
            return False
        store.set_fact(FACT, places)
    return True


def require_allowed(store: Store, where: Where | None) -> None:
    """Raise NoConsentError unless the owner has said that runs may go there; nothing is needed for here."""
    if where is not None and where.address not in allowed(store):
        raise NoConsentError(where.address)


def owner_of(store: Store) -> str:
    """Whose runs these are, for the queue of a cluster that several owners share: a name that says nothing."""
    with store.transaction():
        name = str(store.fact(OWNER, "")) or secrets.token_hex(8)
        store.set_fact(OWNER, name)
    return name
