"""The usual ways of saying facts in Brazilian Portuguese."""

from __future__ import annotations

from aeon_plugin_ft.facts.model import Claim


def claims(sentence: str) -> list[Claim]:
    """What the owner says of themselves and their world; sentences are split inside."""
    return []


def claims_of_reply(reply: str, question: str = "") -> list[Claim]:
    """What the assistant says to the owner, of the owner's world; with his question also a short answer to it."""
    return []
