"""A sentence that says of itself that it is a secret: "o cofre é do Anacleto, isso é segredo, não grava".

A sentence that says nothing else is a command (`Name.SECRET`). This one is for the brain, and must not be kept.
"""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.folding import fold_accents

_KEEP = r"(?:grav|anot|guard|registr|memoriz|salv)\w*"
_MARK = re.compile(
    rf"\b(?:e|eh) (?:um )?segredo\b[^.?!\n]{{0,30}}\bnao (?:\w+ ){{0,2}}{_KEEP}"
    rf"|\bnao (?:\w+ ){{0,2}}{_KEEP}(?: (?:isso|isto|nada disso))?\W{{1,3}}(?:(?:que|isso|porque|pois) )?"
    r"(?:e|eh) (?:um )?segredo\b"
    rf"|(?:^|[.!?;:,\n] ?)nao (?:\w+ )?{_KEEP} (?:isso|isto|essa conversa)\W*$"
    r"|\b(?:isso|isto) fica (?:so )?entre (?:nos|a gente)\b"
)
_MOST_CHARS = 4_000
"""Of each end of a longer text: what is pasted between them says nothing of itself."""


def is_off_the_record(text: str) -> bool:
    """Whether the owner says in the same breath that it is not to be kept."""
    ends = text if len(text) <= 2 * _MOST_CHARS else f"{text[:_MOST_CHARS]}\n{text[-_MOST_CHARS:]}"
    folded = " ".join(fold_accents(ends).split(" "))
    # Cheap for nearly every sentence: both marks need one of these.
    return ("nao" in folded or "entre" in folded) and _MARK.search(folded) is not None
