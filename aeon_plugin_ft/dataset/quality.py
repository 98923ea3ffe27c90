"""A transparent score of one reply: 1.0 less a named deduction for everything that makes it a poor teacher."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.dataset.words import words
from aeon_plugin_ft.privacy.folding import fold_accents

_CUT = re.compile(r"[\w,;\-–—(]")
"""Last characters with which no sentence ends."""
_HELPLESS = re.compile(
    r"nao (?:entendi|compreendi)|pode repetir|tente novamente|quer tentar novamente|"
    r"parece que voce (?:digitou|comecou|foi)|como (?:um|uma) (?:ia|modelo|assistente)|"
    r"nao (?:posso|consigo) (?:ajudar|acessar|responder)|desculpe?a?\b"
)
_PLACEHOLDER = re.compile(r"\[(?:[A-ZÇÃÕÁÉÍÓÚ_]{3,}\d*)\]|\ufffd|<\|[a-z_]+\|>")


@dataclass(frozen=True, slots=True)
class Quality:
    """`score` in [0, 1]; `faults` are the names of the deductions, the heaviest first."""

    score: float
    faults: tuple[str, ...] = ()


@lru_cache(64)
def judge(user: str, reply: str) -> Quality:
    """Score one question and its reply."""
    if tool_call(reply) is not None:
        return Quality(1.0 if len(user) >= 4 else 0.8)
    faults = sorted(_faults(user, reply), reverse=True)
    return Quality(round(max(0.0, 1.0 - sum(weight for weight, _ in faults)), 3), tuple(name for _, name in faults))


def _faults(user: str, reply: str) -> list[tuple[float, str]]:
    faults: list[tuple[float, str]] = []
    folded = fold_accents(reply)
    told = words(reply)
    if len(told) < 2:
        faults.append((0.3, "a reply of one word"))
    if len(words(user)) < 2 and len(user.strip()) < 4:
        faults.append((0.3, "hardly a question"))
    if sum(map(len, told)) < 0.5 * len(reply.replace(" ", "").replace("\n", "")):
        faults.append((0.4, "more signs than words"))
    # Not for short ones: "ok" and "sim" end with a letter and are whole.
    if len(reply) > 40 and _CUT.match(reply.rstrip()[-1:]):
        faults.append((0.4, "it seems to be cut"))
    # A long reply that apologises somewhere has answered as well.
    if len(reply) < 400 and _HELPLESS.search(folded):
        faults.append((0.5, "it gives no answer"))
    marks = len(_PLACEHOLDER.findall(reply))
    if marks:
        faults.append((min(0.6, 0.2 * marks), "damaged or removed parts"))
    if len(told) > 60 and len(set(told)) < 0.4 * len(told):
        faults.append((0.3, "few different words"))
    if len(told) > 3 and reply.isupper():
        faults.append((0.2, "all in capitals"))
    return faults
