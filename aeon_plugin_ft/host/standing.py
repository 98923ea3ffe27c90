"""What is known of the versions that a call may go to, for whoever decides in the owner's turn, where no file may be
read.

A version does not change, so what its manifest says is read once, before the brain uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.causes import Place, PromotionCause
from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.registry import BASE, Registry

KEPT = 16
"""Versions whose standing is kept: more than are ever served, canary and fallbacks included."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`better`: it won the comparison with what answers today. `learnt`: the ids of the facts that it knows."""

    better: bool = False
    learnt: frozenset[str] = frozenset()


UNKNOWN = Standing()
"""Of a version that was not looked at: nothing is taken for granted."""


class Standings:
    """`look` reads files and the store, from the follower's thread (and from that of a host that shows what is being
    loaded); `of` and `chosen` read memory, from any thread."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, Standing] = {}
        self.chosen: str | None = None
        """The version that the owner put into use by their own word; None where the gate or the watch chose."""

    def of(self, version: str) -> Standing:
        """The standing of a version by its name; the base has none."""
        return self._known.get(version, UNKNOWN)

    def place(self, version: str, prefer: str, *, needs_model: bool) -> Place:
        """Where a version stands against the host's own choice. Where the host has none (`needs_model`), ours is all
        there is; elsewhere the untrained model has no part, and a trained one has that of [serve] prefer."""
        if needs_model or (prefer == "always" and version != BASE):
            return Place.FIRST
        if version == BASE or prefer == "never":
            return Place.NONE
        wanted = self.of(version).better or self.chosen == version
        return Place.FIRST if prefer == "better" and wanted else Place.LAST

    def look(self, *versions: str) -> None:
        """Get to know these versions, and who chose the one in use."""
        last = self._registry.last_promotion()
        owners = last is not None and last.cause in {PromotionCause.OWNER, PromotionCause.UNDONE}
        self.chosen = last.version if last is not None and owners else None
        for name in versions:
            if name != BASE and name not in self._known:
                self._note(name)

    def _note(self, name: str) -> None:
        try:
            version = self._registry.get(name)
        except AeonFtError:
            # It may be registered a moment later; until then it is UNKNOWN, and is looked for again.
            return
        known = {**self._known, name: Standing(version.won_today is True, version.learnt)}
        # Replaced as a whole: other threads read it.
        self._known = dict(list(known.items())[-KEPT:])
