"""Finds what somebody wants forgotten: whole words, in the singular and in the plural.

"A minha ex" is no part of "exemplo" and "o mar" none of "Marina". A word that begins with a capital is a name, and is
looked for as it is: "Marcos" is not "março".
"""

from __future__ import annotations

import re

from aeon_plugin_ft.dataset.words import words
from aeon_plugin_ft.privacy.folding import fold_accents

_LEADING = frozenset(
    ("o", "a", "os", "as", "um", "uma", "uns", "umas", "de", "do", "da", "dos", "das", "no", "na", "nos", "nas", "em",
     "ao", "aos", "meu", "minha", "meus", "minhas", "seu", "sua", "seus", "suas", "nosso", "nossa", "nossos", "nossas",
     "esse", "essa", "este", "esta", "aquele", "aquela", "isso", "isto", "aquilo", "que", "sobre", "com", "para", "pra")
)  # fmt: skip
"""Words before what is meant: "a minha ex" is about the ex. By themselves they name nothing."""
_ENDINGS = (
    ("ao", ("oes", "aes", "aos")), ("al", ("ais",)), ("el", ("eis",)), ("ol", ("ois",)), ("ul", ("uis",)),
    ("il", ("is", "eis")), ("m", ("ns",)), ("r", ("res",)), ("z", ("zes",)), ("s", ("ses",)),
    ("a", ("as",)), ("e", ("es",)), ("o", ("os",)), ("i", ("is",)), ("u", ("us",)),
)  # fmt: skip
"""How nouns end in the singular and in the plural."""
_SHORTEST = 4
"""Letters of a plural whose singular is looked for: "as" and "nos" are none."""
_SINGULARS = ("oes", "aes", "ais", "eis", "ois", "uis", "ns", "res", "zes", "ses", "as", "es", "os")
"""Endings that are a plural's; "deus" and "lápis" are not plurals of "deu" and "lapi"."""


def pattern_of(text: str) -> re.Pattern[str] | None:
    """Finds a text in folded ones, as whole words; None where nothing is meant."""
    said = text.split()
    while said and fold_accents(said[0]).strip(".,;:!?\"'") in _LEADING:
        said = said[1:]
    spelled = [_any_of(token) for token in said if words(token)]
    return re.compile(r"(?<![^\W_])" + r"[\W_]+".join(spelled) + r"(?![^\W_])") if spelled else None


def forms(word: str) -> list[str]:
    """A folded word with its plural, or its singular: "vulcao", "vulcoes"."""
    found = {word}
    for singular, plurals in _ENDINGS:
        if word.endswith(singular) and len(word) > len(singular):
            found |= {word[: -len(singular)] + plural for plural in plurals}
        for plural in plurals:
            if plural in _SINGULARS and word.endswith(plural) and len(word) >= max(_SHORTEST, len(plural) + 1):
                found.add(word[: -len(plural)] + singular)
    return sorted(found, key=lambda form: (-len(form), form))


def _any_of(token: str) -> str:
    """One word as it was written, and as its forms where it is no name."""
    parts = words(token)
    if len(parts) > 1 or token[:1].isupper():
        return r"[\W_]+".join(map(re.escape, parts))
    return "(?:" + "|".join(map(re.escape, forms(parts[0]))) + ")"
