"""Why the system refused something, in the language of the process: Python has it in English, or as Windows says it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from aeon_plugin_ft.messages.catalogue import Language
from aeon_plugin_ft.messages.speaker import Speaker, language

_say = Speaker("errors/system")


def refusal(error: Exception) -> str:
    """A clause without an end; what no name is known for in the system's own words, and what is not the system's in the
    error's."""
    if not isinstance(error, OSError):
        return str(error)
    name = errno.errorcode.get(error.errno or 0, "")
    if language() is not Language.EN and _say.has(f"reason.{name}"):
        return _say(f"reason.{name}")
    return error.strerror or str(error)


def cause(error: Exception) -> str:
    """`refusal` with the file that was refused before it, where it is known: for sentences that name a folder."""
    named = getattr(error, "filename", None)
    return f"{Path(os.fsdecode(named)).name}: {refusal(error)}" if isinstance(named, str | bytes) else refusal(error)
