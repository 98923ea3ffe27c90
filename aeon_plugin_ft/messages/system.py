"""Why the system refused something, in the language of the process: Python has it in English, or as Windows says it."""

from __future__ import annotations

import errno

from aeon_plugin_ft.messages.catalogue import Language
from aeon_plugin_ft.messages.speaker import Speaker, language

_say = Speaker("errors/system")


def refusal(error: OSError) -> str:
    """A clause without an end; what no name is known for in the system's own words."""
    name = errno.errorcode.get(error.errno or 0, "")
    if language() is not Language.EN and _say.has(f"reason.{name}"):
        return _say(f"reason.{name}")
    return error.strerror or str(error)
