"""The one way to a terminal: what is shown there is text, and never an order to the terminal.

A chat, a file's name and a model's reply may hold anything. ESC and the C1 signs begin orders (OSC 52 writes the
clipboard, OSC 8 makes a link that says one thing and opens another), and signs of direction turn a line around so that
it reads as something else. `Screen` takes them out of everything that it draws; its own colours stay. Nothing is read
as markup unless it says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hooks.text import harmless


class Screen(Console):
    """rich's console without markup, emoji codes and highlighting, and with harmless text only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is drawn, in pieces: each text harmless, rich's own control codes as they are."""
        # Everything that rich draws comes through here, tables, panels and live displays included.
        for segment in super().render(renderable, options):
            clean = segment.text if segment.control else harmless(segment.text)
            yield segment if clean == segment.text else Segment(clean, segment.style)
