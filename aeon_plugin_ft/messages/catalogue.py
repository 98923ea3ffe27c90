"""Messages by "section.entry", each with its languages side by side, so that none can be written in one only.

    saved = { pt = "Salvo.", en = "Saved." }
    turns = { pt = ["uma conversa", "{n} conversas"], en = ["one conversation", "{n} conversations"] }

Of two forms the first is for one, the second for any other number `n`. Of an error (areas errors/...) the first says
what happened, the second what to do.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
Forms = tuple[str, ...]
"""One text, or that for one thing and that for several."""


class Language(str, Enum):
    """A language of the catalogue, by the name under which its texts stand there."""

    PT = "pt"
    EN = "en"

    @property
    def tag(self) -> str:
        """Its name for a browser (BCP 47)."""
        return "pt-BR" if self is Language.PT else "en"

    @classmethod
    def wanted(cls, accepted: str) -> Language:
        """The one that an Accept-Language header likes best (RFC 9110, 12.5.4); Portuguese where it names neither."""
        liked = [(_weight(part), -place, part.strip().lower()) for place, part in enumerate(accepted.split(","))]
        for weight, _, name in sorted(liked, reverse=True):
            found = next((one for one in cls if name.split(";")[0].split("-")[0] == one.value), None)
            if weight > 0 and found is not None:
                return found
        return cls.PT


class Messages:
    """The messages of one area in one language. Safe from any thread."""

    def __init__(self, area: str, language: Language) -> None:
        self.area, self.language = area, language
        self._texts = {key: texts[language] for key, texts in entries(area).items()}

    def __call__(self, key: str, /, **slots: object) -> str:
        """A message with its slots filled; `n` also chooses between its forms. Raises KeyError for a key that is not
        there, and for a slot that is missing."""
        forms = self._texts[key]
        text = forms[0] if len(forms) == 1 or slots.get("n") in (1, "1") else forms[1]
        return text.format(**slots)

    def pair(self, key: str, /, **slots: object) -> tuple[str, str]:
        """Both halves of a message of two, the second "" for one of one: what happened, and what to do about it."""
        what, *rest = (form.format(**slots) for form in self._texts[key])
        return what, rest[0] if rest else ""

    def has(self, key: str) -> bool:
        """Whether there is such a message."""
        return key in self._texts


@lru_cache(maxsize=16)
def entries(area: str) -> Mapping[str, Mapping[Language, Forms]]:
    """Every message of an area with the forms of each language. Raises ValueError for one that lacks a language, or
    has one that is not known."""
    # Late: the installer asks for the language before a reader of TOML is there on Python 3.10.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    raw = tomllib.loads(_read(area))
    made: dict[str, Mapping[Language, Forms]] = {}
    for section, messages in raw.items():
        for name, texts in messages.items():
            if set(texts) != {one.value for one in Language}:
                raise ValueError(f"{area}.toml: {section}.{name} is there in {', '.join(texts)} only")
            made[f"{section}.{name}"] = {one: _forms(texts[one.value]) for one in Language}
    return made


def _read(area: str) -> str:
    try:
        return (DATA / f"{area}.toml").read_text(encoding="utf-8")
    except NotADirectoryError:
        # In a wheel, which is a zip file: the installer runs out of one.
        raw = pkgutil.get_data("aeon_plugin_ft.messages", f"data/{area}.toml")
        assert raw is not None
        return raw.decode("utf-8")


def _forms(texts: str | list[str]) -> Forms:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _weight(part: str) -> float:
    _, _, quality = part.replace(" ", "").partition(";q=")
    try:
        return float(quality) if quality else 1.0
    except ValueError:
        return 0.0
