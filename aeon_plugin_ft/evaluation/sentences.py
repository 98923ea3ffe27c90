"""What a check found, as a sentence of the catalogue with its values: kept in manifests as that, and said to everybody
in their own language.

    {"key": "exam.knows", "slots": {"right": "37", "told": "45", "before": "0"}}

Values are texts, numbers as English writes them; or other sentences, which are said one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aeon_plugin_ft.messages import Language, Messages, language

if TYPE_CHECKING:
    from aeon_plugin_ft.evaluation.model import Check

AREA = "evaluation"
Slot = str | tuple["Sentence", ...]
_NUMBER = re.compile(r"([+-]?\d+)(?:\.(\d+))?( ?%)?")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One message of data/evaluation.toml with what fills it."""

    key: str
    slots: Mapping[str, Slot]


def sentence(key: str, /, **slots: object) -> Sentence:
    """A sentence; a slot is a sentence, some of them, or anything that is written as its text."""
    return Sentence(key, {name: _slot(value) for name, value in slots.items()})


def fault(name: str) -> Sentence:
    """A fault of a reply (evaluation.suites), in words."""
    return Sentence(f"fault.{name.replace(' ', '_')}", {})


def read_sentence(raw: Mapping[str, Any] | None) -> Sentence | None:
    """From a manifest; None of one that was written without."""
    if raw is None:
        return None
    slots: dict[str, Slot] = {}
    for name, value in raw["slots"].items():
        parts = () if isinstance(value, str) else tuple(read_sentence(one) for one in value)
        slots[name] = value if isinstance(value, str) else tuple(one for one in parts if one is not None)
    return Sentence(str(raw["key"]), slots)


def said_in(said: Sentence, wanted: Language) -> str:
    """The sentence in one language."""
    slots = {name: _filled(value, wanted) for name, value in said.slots.items()}
    return _messages(wanted)(said.key, **slots)


def english(said: Sentence) -> str:
    """As manifests and the columns of the database have it."""
    return said_in(said, Language.EN)


def check_title(check: Check, wanted: Language | None = None) -> str:
    """What a check looks at, by default in the language of the process."""
    say = _messages(wanted or language())
    title = say(f"check.{check.kind.name.lower()}")
    return say("check.against", check=title, model=check.against) if check.against else title


def check_detail(check: Check, wanted: Language | None = None) -> str:
    """What it found; the English that stands in a manifest where that has no sentence, or one of another release."""
    if check.said is None:
        return check.detail
    try:
        return said_in(check.said, wanted or language())
    except KeyError:
        return check.detail


def check_line(check: Check) -> str:
    """Both, as the command line shows them."""
    return f"{check_title(check)}: {check_detail(check)}"


def number_in(text: str, wanted: Language) -> str:
    """A number as a language writes it: "-62.0 %" is "-62,0 %", "88%" is "88 %" in Portuguese. Other texts stay."""
    found = _NUMBER.fullmatch(text)
    if found is None or wanted is Language.EN:
        return text
    whole, decimals, percent = found.groups()
    return whole + (f",{decimals}" if decimals else "") + (" %" if percent else "")


def _slot(value: object) -> Slot:
    if isinstance(value, Sentence):
        return (value,)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(value)
    return str(value)


def _filled(value: Slot, wanted: Language) -> str:
    if isinstance(value, str):
        return number_in(value, wanted)
    return "; ".join(said_in(one, wanted) for one in value)


@lru_cache(maxsize=2)
def _messages(wanted: Language) -> Messages:
    return Messages(AREA, wanted)
