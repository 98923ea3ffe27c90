"""The system prompt as training sees it: what changes from minute to minute replaced by one fixed text.

Aeon's prompt carries the clock and the memories that fit the question, so no two are equal. Training wants
the prompt that is served, and also wants it shared by all examples (its tokens are then computed once), so the
volatile parts get one canonical value of the same shape. Memories, those of the host's as well as the facts that the
plugin puts in (which the log never holds), become what the host says when there are none: what is learnt must be
known without them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from hooks.memories import without_memories

CANONICAL_DATE = "01/01/2026"
CANONICAL_TIME = "12:00"

_DATE = re.compile(r"\b(?:\d{2}/\d{2}/\d{4}|\d{4}-\d{2}-\d{2})(?=\b|T)")
_TIME = re.compile(r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?![\d:])")
_STAMP = re.compile(rf"(?:{_DATE.pattern})(?:[ T]| às )(?:{_TIME.pattern})(?:Z|[+-]\d\d:?\d\d)?")


@lru_cache(maxsize=4096)
def canonical_system(prompt: str) -> str:
    """The prompt with dates, times and recalled memories replaced; "" stays ""."""
    text = _STAMP.sub(f"{CANONICAL_DATE} {CANONICAL_TIME}", prompt)
    text = _DATE.sub(CANONICAL_DATE, text)
    return without_memories(_TIME.sub(CANONICAL_TIME, text))


@lru_cache(maxsize=4096)
def volatile_values(prompt: str) -> frozenset[str]:
    """The dates and times in a prompt. A reply that repeats one was right only in its minute."""
    times = {match.group()[:5] for match in _TIME.finditer(prompt)}
    return frozenset({match.group() for match in _DATE.finditer(prompt)} | times)
