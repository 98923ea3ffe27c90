"""What is not so because its contrary is: who hates Java does not like it."""

from __future__ import annotations

from dataclasses import replace

from aeon_plugin_ft.facts.wording.topics import Topic

_CONTRARY = {
    "likes_owner": "dislikes_owner",
    "dislikes_owner": "likes_owner",
    "likes_other": "dislikes_other",
    "dislikes_other": "likes_other",
}


def opposite(about: Topic) -> Topic | None:
    """The contrary with the same value, None where there is none; only its yes-no questions make sense."""
    shape = _CONTRARY.get(about.shape)
    return replace(about, shape=shape) if shape else None
