"""What this process says: the command line's sentences and every error, in the one language of the process.

Which it is: $AEON_FT_LANGUAGE ("pt" or "en"), else what `speak` was told ([plugin] language), else that of the system.
The page is asked by browsers and chooses for each of them (catalogue.Language.wanted); the voice is Portuguese.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from aeon_plugin_ft.messages.catalogue import Language, Messages

ENV_LANGUAGE = "AEON_FT_LANGUAGE"
_LOCALES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""As gettext reads them: the first that is set counts."""
_PORTUGUESE = 0x16
"""Windows' primary language identifier, the lower ten bits of a language's."""

_chosen: Language | None = None


def speak(wanted: Language | None) -> None:
    """From now on this process says things in this language; None: in the system's."""
    global _chosen
    _chosen = wanted


def language() -> Language:
    """The language of this process."""
    named = os.environ.get(ENV_LANGUAGE, "")
    if named in (Language.PT.value, Language.EN.value):
        return Language(named)
    return _chosen or _system()


def language_of(environ: Mapping[str, str], windows: int | None = None) -> Language:
    """The language that a system is set to, by its locale variables; without any by `windows`, the identifier of the
    language that Windows shows. English where neither says Portuguese."""
    named = next((environ[name] for name in _LOCALES if environ.get(name)), None)
    if named is not None:
        return Language.PT if named.lower().startswith("pt") else Language.EN
    return Language.PT if windows is not None and windows & 0x3FF == _PORTUGUESE else Language.EN


def decimal(value: float, digits: int = 0) -> str:
    """A number for a slot as the language of the process writes it: "1.5", in Portuguese "1,5"."""
    written = f"{value:.{digits}f}"
    return written.replace(".", ",") if language() is Language.PT else written


class Speaker:
    """The sentences of one area (data/AREA.toml), in the language of the process at the moment they are asked for."""

    def __init__(self, area: str) -> None:
        self.area = area

    def __call__(self, key: str, /, **slots: object) -> str:
        """A sentence; raises KeyError for a key or a slot that is not there."""
        return _messages(self.area, language())(key, **slots)

    def has(self, key: str) -> bool:
        """Whether there is such a sentence; for values that another release or plugin may have named."""
        return _messages(self.area, language()).has(key)

    def error(self, key: str, /, **slots: object) -> tuple[str, str]:
        """What an error says: what happened, and the next step ("" where the catalogue has none)."""
        return _messages(self.area, language()).pair(key, **slots)


@lru_cache(maxsize=64)
def _messages(area: str, language: Language) -> Messages:
    return Messages(area, language)


@lru_cache(maxsize=1)
def _system() -> Language:
    return language_of(os.environ, _shown_by_windows())


def _shown_by_windows() -> int | None:
    if os.name != "nt":
        return None
    import ctypes

    windows = getattr(ctypes, "windll")  # noqa: B009 - only there on Windows
    return int(windows.kernel32.GetUserDefaultUILanguage())
