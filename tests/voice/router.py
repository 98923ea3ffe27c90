"""Aeon's way of giving a sentence to a module, written anew from its observed behaviour.

Substring first: triggers sorted by length, longest first, no word borders; a module that answers None passes
the sentence on. Then words: the trigger with the largest share of its words in the sentence, at least 0.7, gets
one call. None at the end means that the brain answers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TRIGGERS = Path(__file__).parent / "data" / "host_triggers.tsv"
FUZZY = 0.7


def normalise(text: str) -> str:
    letters = "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^a-z0-9\s]", " ", letters.lower()).split())


@dataclass(frozen=True)
class Module:
    """`process` answers a raw sentence, or None to pass it on."""

    name: str
    triggers: tuple[str, ...]
    process: Callable[[str], str | None]


def host_modules() -> list[Module]:
    """Aeon's own modules; each answers everything with its name, but the eyes, which always pass."""
    lines = [line for line in TRIGGERS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [_module(*line.split("\t")) for line in lines]


def _module(name: str, triggers: str) -> Module:
    answer = None if name == "visao" else name
    return Module(name, tuple(triggers.split(", ")), lambda _: answer)


class Router:
    """`calls` counts how often each module was asked."""

    def __init__(self, modules: list[Module]) -> None:
        self.owners = {normalise(trigger): module for module in modules for trigger in module.triggers}
        self.calls: dict[str, int] = {}

    def route(self, command: str) -> tuple[str, str] | None:
        """(module, reply), or None for the brain."""
        said = normalise(command)
        for trigger in sorted(self.owners, key=len, reverse=True):
            if trigger in said and (reply := self._ask(trigger, command)) is not None:
                return self.owners[trigger].name, reply
        words = set(said.split())
        shares = {trigger: len(words & set(trigger.split())) / len(set(trigger.split())) for trigger in self.owners}
        best = max(shares, key=lambda trigger: shares[trigger])
        if shares[best] >= FUZZY and (reply := self._ask(best, command)) is not None:
            return self.owners[best].name, reply
        return None

    def _ask(self, trigger: str, command: str) -> str | None:
        module = self.owners[trigger]
        self.calls[module.name] = self.calls.get(module.name, 0) + 1
        return module.process(command)
