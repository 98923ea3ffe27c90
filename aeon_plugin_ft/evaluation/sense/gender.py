"""Whether the little word before a noun agrees with it: "a cara" for "o cara" is rare, "o gata" is nobody's.

The gender of a noun is read off its ending, where that tells it nearly always; a word whose ending says nothing, a
name, and what may be a verb ("não o leva") count as agreeing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MASCULINE = _words("o um do no ao pelo num dum este esse aquele deste desse daquele neste nesse meu teu nosso pro")
_FEMININE = _words("a uma da na à pela numa duma esta essa aquela desta dessa daquela nesta nessa minha tua sua nossa")
_FEMININE_ENDINGS = ("ção", "são", "dade", "dades", "ções", "tude", "ência", "ância", "ura", "eira", "inha", "ilha")
_MASCULINE_ENDINGS = ("mento", "mentos", "eiro", "inho", "ismo", "ório", "ário", "edo", "aço", "ado", "ivo", "oso")
_NOT_FEMININE = _words("cara dia mapa sofá planeta cometa coração pijama samba guia gorila clima diploma avião anúncio")
_NOT_MASCULINE = _words("foto moto tribo libido")
_EITHER = _words("são cura altura dura madura segura")


def disagreements(words: Sequence[str]) -> int:
    """How many determiners have a noun of the other gender behind them; `words` in lower case, names left out as ""."""
    return sum(_disagrees(one, two) for one, two in pairwise(words))


def _disagrees(determiner: str, noun: str) -> bool:
    if len(noun) < 4 or noun in _EITHER:
        return False
    if determiner in _MASCULINE:
        return noun.endswith(_FEMININE_ENDINGS) and noun not in _NOT_FEMININE
    if determiner in _FEMININE:
        return noun.endswith(_MASCULINE_ENDINGS) and noun not in _NOT_MASCULINE
    return False
