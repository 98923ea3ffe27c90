"""A system prompt as fixed parts and the values that change from turn to turn.

Aeon's prompt carries the date and time to the minute and a block of memories, so its text is new at
every turn while all but some bytes of it never change. Split, the fixed parts are stored once and each
turn keeps only its values; joined, they are the text that was sent, byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hooks.memories import fixed_length

CLOCK = re.compile(r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}")
"""How Aeon writes the date and time: dd/mm/YYYY HH:MM."""


@dataclass(frozen=True, slots=True)
class PromptText:
    """`parts` has one more element than `values`; the text is part, value, part, ..., part."""

    parts: tuple[str, ...]
    values: tuple[str, ...]

    def join(self) -> str:
        """The text again, byte for byte."""
        return join(self.parts, self.values)


def split(text: str) -> PromptText:
    """Tell the fixed parts from the values; `split(text).join() == text` for every text."""
    fixed = fixed_length(text)
    spans = _clocks(text, fixed)
    if fixed < len(text):
        spans.append((fixed, len(text)))
    parts, values, end = [], [], 0
    for start, stop in spans:
        parts.append(text[end:start])
        values.append(text[start:stop])
        end = stop
    return PromptText((*parts, text[end:]), tuple(values))


def join(parts: tuple[str, ...], values: tuple[str, ...]) -> str:
    """The text that was sent; ValueError when the values do not fit the parts."""
    if len(parts) != len(values) + 1:
        raise ValueError(f"{len(parts)} parts and {len(values)} values do not make a text")
    joined = [piece for pair in zip(parts, values, strict=False) for piece in pair]
    return "".join([*joined, parts[-1]])


def _clocks(text: str, end: int) -> list[tuple[int, int]]:
    """Where each date and time stands before `end`. Looks at slashes only: a search at every character
    would take longer than all the rest of logging a turn."""
    spans: list[tuple[int, int]] = []
    slash = text.find("/", 0, end)
    while slash >= 0:
        # Two digits stand before the first slash of a date.
        clock = CLOCK.match(text, slash - 2, end) if slash >= 2 else None
        if clock is not None:
            spans.append(clock.span())
        slash = text.find("/", clock.end() if clock else slash + 1, end)
    return spans
