"""What the assistant says that it did, denied: "Liguei o ar." - "não ligou nada", "era pra desligar", "não pedi ar"."""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.folding import fold_in_place

_CALL = r"(?:(?:mas|ue|uai|oxe|poxa|aeon|ai|ei|cara)[\s,]+){0,2}"
_DID = re.compile(r"[^\w]*(?:(?:pronto|ok|feito|certo|ja|ta bom|beleza)[\s,.!:]+){0,2}(?P<verb>[a-z]{2,12}?i)(?![a-z])")
"""The reply begins with a verb in the first person of the past: liguei, abri, marquei."""
_NOT_DONE = re.compile(
    rf"{_CALL}(?:nao|nem)\s+(?P<verb>[a-z]{{3,14}}(?:ou|iu|eu))"
    r"(?:\s+(?:nao|nada|nenhuma?|coisa nenhuma|direito|ainda|certo|ess[ae]|aqui|isso|tudo|[oa] cert[oa])){0,2}[\s.!]*"
)
_MEANT = re.compile(
    rf"{_CALL}(?:(?:(?P<refused>nao)\s+)?era\s+(?:so\s+)?(?:pra|para)|eu\s+(?:falei|disse|pedi|mandei)\s+"
    r"(?:pra|para))\s+(?:voce\s+|tu\s+|eu\s+)?(?P<verb>[a-z]{2,12}[aei]r)\b"
)
_NOT_ASKED = re.compile(
    rf"{_CALL}(?:eu\s+)?(?:nao|nem|nunca)\s+(?:te\s+)?(?:pedi|mandei|falei|disse)\s+"
    r"(?:(?:pra|para)\s+)?(?P<order>[a-z ]{2,40})[\s.!]*"
)
_YET = re.compile(r"\b(?:ainda|hoje|ontem|amanha)\b")
"""Talk about an order of another sort: "não pedi pizza ainda"."""
_OPPOSITES = tuple(
    frozenset(pair.split())
    for pair in (
        "aument abaix",
        "aument baix",
        "aument diminu",
        "acend apag",
        "abr fech",
        "toc par",
        "toc paus",
        "lig apag",
    )
)
_WORD = re.compile(r"[a-z]{4,}")
_STEM = 4
"""Letters by which two forms of a noun are one."""


def denies_deed(text: str, reply: str) -> bool:
    """Whether a sentence says that what the reply tells was not done, not asked for, or should have been another deed
    of the same sort."""
    folded, told = fold_in_place(text).strip(), fold_in_place(reply)
    asked = _NOT_ASKED.fullmatch(folded)
    if asked is not None and not _YET.search(folded) and _shares_word(asked["order"], told):
        return True
    did = _DID.match(told)
    if did is None:
        return False
    done = _root(did["verb"])
    denied = _NOT_DONE.fullmatch(folded)
    if denied is not None and _root(denied["verb"]) == done:
        return True
    meant = _MEANT.match(folded)
    return meant is not None and (bool(meant["refused"]) or _related(_root(meant["verb"]), done))


def _shares_word(order: str, told: str) -> bool:
    stems = {word[:_STEM] for word in _WORD.findall(told)}
    return any(word[:_STEM] in stems for word in _WORD.findall(order))


def _root(verb: str) -> str:
    """Of liguei, ligou and ligar "lig"; of marquei and marcar "marc"."""
    stem = re.sub(r"(?:ei|ou|iu|eu|ar|er|ir|i)$", "", verb)
    if verb.endswith("quei"):
        return stem[:-2] + "c"
    return stem[:-1] if verb.endswith("guei") else stem


def _related(one: str, other: str) -> bool:
    """The same verb, or one made from it or its opposite: ligar and desligar, abrir and reabrir."""
    return one.endswith(other) or other.endswith(one) or frozenset((one, other)) in _OPPOSITES
