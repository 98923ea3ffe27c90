"""What has happened, in words: as the owner's page says it, and what it leaves out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from aeon_plugin_ft.cli.context import out, when
from aeon_plugin_ft.messages import Speaker, language

_say = Speaker("cli/happened")


def say_events(events: Iterable[Mapping[str, Any]]) -> None:
    """A line for each event of the store."""
    for event in events:
        out.print(f"  {when(event['at'])}  {in_words(event['name'], event['data'])}", markup=False)


def in_words(name: str, data: Mapping[str, Any]) -> str:
    """One event as a sentence; one of another release or plugin, which has no words here, as it is stored."""
    from aeon_plugin_ft.messages.speech import speech
    from aeon_plugin_ft.panel.happened import event_words

    stored = "  ".join([name, ", ".join(f"{key}={value}" for key, value in data.items())])
    try:
        if _say.has(f"event.{name}"):
            return _say(f"event.{name}", n=data.get("count"), **data)
        return event_words(speech(language(), time.time), name, data) or stored
    except KeyError:  # a field that this release knows is not there
        return stored
