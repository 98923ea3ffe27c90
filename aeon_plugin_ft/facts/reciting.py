"""Whether a reply recites its system prompt, as a model does that was never taught to answer.

"Seu nome é AEON. Você mora nesta máquina" is said to the assistant there; recited, it reads as if it were said to the
owner. What follows it was made up in the same breath, so that such a reply tells nothing at all. A memory that the
prompt held, repeated word by word, is no second evidence either.
"""

from __future__ import annotations

import re
from functools import lru_cache

from aeon_plugin_ft.privacy.folding import fold_accents

FEWEST_WORDS = 4
"""Of a line that counts as recited; fewer ("Isso eu não sei.") anybody may say. A heading counts at any length."""
_HEADING = re.compile(r"\[[^\[\]\n]+\]")
_END = re.compile(r"[.!?]+(?=\s|$)|\n+")
_NO_WORD = re.compile(r"[\W_]+")


def recites(reply: str, system_prompt: str) -> bool:
    """Whether a reply repeats a heading, a line or a sentence of the system prompt."""
    if not system_prompt or not reply.strip():
        return False
    headings, words = _parts(system_prompt)
    if any(heading in headings for heading in _HEADING.findall(fold_accents(reply))):
        return True
    said = (_words(part) for part in _END.split(fold_accents(reply)))
    return any(one in words for one in said if len(one.split()) >= FEWEST_WORDS)


@lru_cache(64)
def _parts(system_prompt: str) -> tuple[frozenset[str], str]:
    """The headings in brackets, and all words between spaces."""
    folded = fold_accents(system_prompt)
    return frozenset(_HEADING.findall(folded)), _words(folded)


def _words(folded: str) -> str:
    """With a space before and behind each, so that a part of a word is none."""
    return f" {_NO_WORD.sub(' ', folded).strip()} "
