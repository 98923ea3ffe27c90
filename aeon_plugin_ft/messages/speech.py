"""The owner's page in one language, with everything that writes it; also what the command line says of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache

from aeon_plugin_ft.messages.catalogue import Language, Messages
from aeon_plugin_ft.messages.formats import Formats

AREA = "panel"


@dataclass(frozen=True, slots=True)
class Speech:
    """One language of the page: its messages, and how it writes numbers and moments."""

    language: Language
    say: Messages
    formats: Formats

    def reason(self, reason: Enum) -> str:
        """Why something was not done (voice/control.py: Reason)."""
        return self.say(f"reason.{reason.value}")

    def named(self, section: str, value: str) -> str:
        """The message for a value of an enumeration; for one of a later release, or another plugin's, its own name."""
        key = f"{section}.{value}"
        return self.say(key) if self.say.has(key) else value

    def version(self, name: str) -> str:
        """ "versão 3" for "v0003"."""
        return self._of_version(name, "version.named", "version.base")

    def toward(self, name: str) -> str:
        """ "para a versão 3"."""
        return self._of_version(name, "version.to_named", "version.to_base")

    def _of_version(self, name: str, numbered: str, base: str) -> str:
        digits = name.removeprefix("v")
        return self.say(numbered, number=int(digits)) if digits.isdigit() else self.say(base)


def speech(language: Language, clock: Callable[[], float]) -> Speech:
    """A language with everything that writes it."""
    return Speech(language, _messages(language), Formats(language, clock))


@cache
def _messages(language: Language) -> Messages:
    return Messages(AREA, language)
