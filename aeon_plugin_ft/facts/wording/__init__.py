"""Facts in Brazilian Portuguese."""

from __future__ import annotations

from aeon_plugin_ft.facts.model import OWNER, Fact


def spoken(fact: Fact) -> str:
    """A fact to the owner, without capital and stop: "gata: Fork"."""
    claim = fact.claim
    about = " ".join(part for part in (claim.subject if claim.subject != OWNER else "você", claim.attribute) if part)
    return f"{about}: {claim.value}"
