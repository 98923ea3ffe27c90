"""The language that a plugin.toml asks for, read without all that its settings need."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from aeon_plugin_ft.messages.catalogue import Language

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_CHOSEN = re.compile(r"^\s*language\s*=\s*[\"'](?!auto)", re.MULTILINE)
"""Most files leave it to the system: to parse the whole of one takes longer than all that is done with it."""


def language_in(settings: Path) -> Language | None:
    """Of [plugin] language; None for "auto", and where the file is not there or cannot be read."""
    try:
        text = settings.read_text(encoding="utf-8-sig")
        wanted = tomllib.loads(text)["plugin"]["language"] if _CHOSEN.search(text) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return as_language(wanted)


def as_language(setting: object) -> Language | None:
    """The value of [plugin] language; None for "auto", which is the system's, and for what is no language."""
    return next((one for one in Language if setting == one.value), None)
