"""The place that a host's system prompt keeps for memories: where it is, how it is emptied, how it is filled.

Both known hosts keep it at the end of the prompt, and say so in words when there is nothing to remember:

    an Aeon:      [MEMÓRIAS RELEVANTES]
                  Conversas passadas que podem ser relevantes para o prompt atual:
                  Nenhuma memória relevante encontrada.
    our console:  Data e hora: 05/02/2026 23:17
                  Memórias:
                  Nada relevante por enquanto.

What a plugin wants remembered takes the place of that sentence, or stands behind the memories that the host found by
itself. Everything before it stays byte for byte, so a server's prompt cache covers it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hooks.contract import Message

AEON_HEADING = "[MEMÓRIAS RELEVANTES]"
AEON_NONE = "Nenhuma memória relevante encontrada."
CONSOLE_HEADING = "\nMemórias:\n"
"""Only behind the line with the clock: a persona may have a heading of that name, and rules behind it."""
CONSOLE_CLOCK = "Data e hora: "
CONSOLE_NONE = "Nada relevante por enquanto."

_BLANK = " \t\r\n"
# The heading, what else stands on its line, a line that introduces the memories, their indentation.
_AEON = re.compile(r"\[MEM[ÓO]RIAS RELEVANTES\][^\n]*\n(?:[^\n]*:[ \t]*\r?\n)?[ \t]*")


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """The memories are `prompt[start:end]`, without the blanks around them; `none` is what this host writes when there
    are none."""

    start: int
    end: int
    none: str


def find_place(prompt: str) -> MemoryPlace | None:
    """Where the memories of a system prompt stand, up to its end; None for a prompt that keeps no place for them."""
    aeon = _AEON.search(prompt)
    start, none = (aeon.end(), AEON_NONE) if aeon else (_console_start(prompt), CONSOLE_NONE)
    return None if start < 0 else MemoryPlace(start, max(start, len(prompt.rstrip(_BLANK))), none)


def fixed_length(prompt: str) -> int:
    """How many characters of a prompt do not depend on the memories: up to their heading, with it."""
    heading = prompt.find(AEON_HEADING)
    if heading >= 0:
        return heading + len(AEON_HEADING)
    start = _console_start(prompt)
    return len(prompt) if start < 0 else start


def _console_start(prompt: str) -> int:
    heading = prompt.rfind(CONSOLE_HEADING)
    line = prompt.rfind("\n", 0, max(heading, 0)) + 1
    return heading + len(CONSOLE_HEADING) if heading >= 0 and prompt.startswith(CONSOLE_CLOCK, line) else -1


def without_memories(prompt: str) -> str:
    """The prompt as the host sends it when there is nothing to remember."""
    place = find_place(prompt)
    return prompt if place is None else prompt[: place.start] + place.none + prompt[place.end :]


def with_memories(prompt: str, memories: Sequence[str]) -> str:
    """The prompt with these memories, one a line; a prompt without a place for them gets one at its end. Blank ones
    are left out."""
    memories = [memory for memory in memories if memory.strip()]
    if not memories:
        return prompt
    place = find_place(prompt)
    if place is None:
        return prompt.rstrip(_BLANK) + "\n" + CONSOLE_HEADING + _lines(memories, "")
    # Indented as the place is, so that the block looks as if the host had written it.
    indent = prompt[prompt.rfind("\n", 0, place.start) + 1 : place.start]
    lines = _lines(memories, indent if not indent.strip() else "")
    own = prompt[place.start : place.end]
    kept = "" if own in ("", place.none) else f"{own}\n{indent}"
    return prompt[: place.start] + kept + lines + prompt[place.end :]


def put_memories(messages: Sequence[Message], memories: Sequence[str]) -> tuple[Message, ...]:
    """The messages with these memories in their system prompt; a talk without a system prompt gets one."""
    if not memories:
        return tuple(messages)
    if not messages or messages[0].role != "system":
        return (Message("system", with_memories("", memories).lstrip(_BLANK)), *messages)
    return (replace(messages[0], content=with_memories(messages[0].content, memories)), *messages[1:])


def _lines(memories: Sequence[str], indent: str) -> str:
    # A memory of several lines would look like several memories, and could begin with a heading.
    return f"\n{indent}".join(f"- {' '.join(memory.split())}" for memory in memories)
