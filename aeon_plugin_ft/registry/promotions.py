"""Table `promotions`: which version came into use when, and why. The newest row is the version in use."""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.causes import PromotionCause
from aeon_plugin_ft.store import Store
from aeon_plugin_ft.wording import english


@dataclass(frozen=True, slots=True)
class Promotion:
    """At `at` (seconds since the epoch) `version` took the place of `previous`; both may be "base". `cause` says why,
    `reason` says it to people, with names and numbers."""

    at: float
    version: str
    previous: str
    cause: PromotionCause
    reason: str


def last_promotion(store: Store, version: str | None = None) -> Promotion | None:
    """The newest change of what answers, or the newest to `version`; None when there was none."""
    where, values = ("1", ()) if version is None else ("version = ?", (version,))
    row = store.row(f"SELECT * FROM promotions WHERE {where} ORDER BY id DESC LIMIT 1", *values)
    if row is None:
        return None
    cause = PromotionCause(row["cause"] or PromotionCause.UNKNOWN)
    return Promotion(row["at"], row["version"], row["previous"], cause, row["reason"])


def promoted(store: Store) -> list[str]:
    """The names that came into use, one after the other, oldest first."""
    return [row["version"] for row in store.rows("SELECT version FROM promotions ORDER BY id")]


def note_promotion(store: Store, version: str, previous: str, cause: PromotionCause, reason: str) -> None:
    """Part of the registry's transaction, in which the states change too."""
    store.execute(
        "INSERT INTO promotions (at, version, previous, cause, reason) VALUES (?, ?, ?, ?, ?)",
        store.clock(), version, previous, cause.value, reason or english(cause),
    )  # fmt: skip
