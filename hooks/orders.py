"""The typed commands (/modelo, /undo, ...): whose names they are, and which spoken sentence each of them is.

What changes something is said to the plugins as the sentence that the owner would speak, in Portuguese as the voice is,
so that there is one way for both.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hooks.sayings import say

Hear = Callable[[str], "str | None"]
"""Says a sentence to the plugins; None: no command of theirs."""


class Order(str, Enum):
    """A typed command, by its name in English."""

    HELP = "help"
    MODEL = "model"
    UNDO = "undo"
    CORRECT = "correct"
    FORGET = "forget"
    GOOD = "good"
    BAD = "bad"
    WHO = "who"
    HISTORY = "history"
    PRIVATE = "private"
    BYE = "bye"


NAMES = {
    "ajuda": Order.HELP, "modelo": Order.MODEL, "desfazer": Order.UNDO, "corrige": Order.CORRECT,
    "esquece": Order.FORGET, "bom": Order.GOOD, "ruim": Order.BAD, "quem": Order.WHO, "historico": Order.HISTORY,
    "privado": Order.PRIVATE, "sair": Order.BYE, **{order.value: order for order in Order},
}  # fmt: skip
"""Those that the help names."""
_ALSO = {"histórico": Order.HISTORY, "exit": Order.BYE, "quit": Order.BYE, "?": Order.HELP}
_NEAR = 0.5
_VERSION = re.compile(r"v?0*([1-9]\d{0,5})", re.IGNORECASE)
_MODELS = {"base": "base", "treinado": "treinado", "trained": "treinado"}
_WORDS = {
    Order.UNDO: "volta o modelo anterior",
    Order.GOOD: "aprende isso",
    Order.BAD: "isso está errado",
}
_CONSENT = {"yes": "sim", "y": "sim", "s": "sim", "no": "não", "n": "não"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that begins with a slash. `order` is None for a name that is not known."""

    name: str
    order: Order | None
    rest: str = ""


def read(line: str) -> Typed:
    """What a line that begins with a slash says."""
    name, *rest = line[1:].split(maxsplit=1) or [""]
    name = name.lower()
    return Typed(name, {**NAMES, **_ALSO}.get(name), rest[0].strip() if rest else "")


def unknown(name: str) -> str:
    """The answer to a command that there is not, with the one that was probably meant."""
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=_NEAR)
    return say("nearest", name=name, near=near[0]) if near else say("unknown", name=name)


def obey(typed: Typed, hear: Hear) -> str | None:
    """The answer to a command of the plugins'; None for one that is the host's own."""
    order, rest = typed.order, typed.rest
    if order is Order.CORRECT:
        if not rest:
            return say("say_correction")
        return _said(hear, f"a resposta certa é: {rest}", otherwise="not_noted")
    if order is Order.MODEL and rest:
        wanted = _wanted(rest)
        return say("which_model", name=rest) if wanted is None else _said(hear, wanted)
    sentence = _sentence(order, rest)
    return None if sentence is None else _said(hear, sentence)


def consent(text: str) -> str:
    """The owner's word after a command that asks back, as the plugins know it: "yes" is said as "sim"."""
    return _CONSENT.get(text.strip().rstrip(".!").lower(), text)


def _said(hear: Hear, sentence: str, *, otherwise: str = "nobody_learns") -> str:
    answer = hear(sentence)
    return say(otherwise) if answer is None else answer


def _sentence(order: Order | None, rest: str) -> str | None:
    if order is Order.MODEL:
        return "qual modelo"
    if order is Order.FORGET:
        return f"esquece tudo sobre {rest}" if rest else "esquece isso"
    return None if order is None else _WORDS.get(order)


def _wanted(name: str) -> str | None:
    """The sentence that asks for a model by its name; None for a name that there cannot be."""
    if name.lower() in _MODELS:
        return f"usa o modelo {_MODELS[name.lower()]}"
    version = _VERSION.fullmatch(name)
    return f"usa a versão {version[1]}" if version else None
