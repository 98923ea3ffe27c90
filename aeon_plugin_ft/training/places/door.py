"""The contract of a way to a place: one request at a time, answered by `there.py` over there."""

from __future__ import annotations

import inspect
import json
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.training.places import there
from aeon_plugin_ft.training.places.where import Way, Where

_say = Speaker("errors/training")

ROOT = "~/.cache/aeon-ft-away"
"""Where runs lie over there; the account's own, readable by nobody else."""
BOOTSTRAP = "import sys;exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"
"""Reads the length of a source, the source, and runs it; the rest of stdin is for that. No quote and no character that
a shell, cmd.exe or PowerShell reads as its own."""

PART_BYTES = 64 << 20
"""A payload is sent in parts of this size: the head of a Ray cluster keeps each in memory, 512 MiB at most."""

Fill = Callable[[BinaryIO], None]
"""Writes a payload."""
T = TypeVar("T")
AskOnce = Callable[[str, Mapping[str, Any], bytes], T]
"""Verb, arguments and a payload in memory, to the answer."""


class Door(Protocol):
    """A way to one place. Raises LostError where it cannot be reached, TrainingError where it says no."""

    def call(
        self, verb: str, arguments: Mapping[str, Any], fill: Fill | None = None, sink: BinaryIO | None = None
    ) -> dict[str, Any]:
        """Ask for one verb of `there.There`; `fill` writes the payload, what comes back goes to `sink`."""
        ...

    def begin(self, run: str, spec: Mapping[str, Any]) -> None:
        """Let the run's keeper start there, in whatever way this place keeps a process alive; nothing where it is."""
        ...


def open_door(where: Where) -> Door:
    """The way to a place."""
    if where.way is Way.SSH:
        from aeon_plugin_ft.training.places.ssh import SshDoor

        return SshDoor(where)
    from aeon_plugin_ft.training.places.ray import RayDoor

    return RayDoor(where)


def request(verb: str, arguments: Mapping[str, Any], root: str = ROOT) -> bytes:
    """What goes to stdin before the payload: the other side's program and what it is asked."""
    source = Path(inspect.getfile(there)).read_bytes()
    line = json.dumps({"verb": verb, "root": root, **arguments}).encode()
    return f"{len(source)}\n".encode() + source + line + b"\n"


def in_parts(verb: str, arguments: Mapping[str, Any], fill: Fill, ask: AskOnce[T]) -> T:
    """Ask with a payload that may be larger than any memory here or there: what is too long for one request goes ahead
    in parts, which are put together over there."""
    with tempfile.TemporaryFile() as payload:
        fill(payload)
        payload.seek(0)
        part = payload.read(PART_BYTES)
        if len(part) < PART_BYTES:
            return ask(verb, arguments, part)
        upload = uuid.uuid4().hex
        while part:
            ask("part", {"upload": upload}, part)
            part = payload.read(PART_BYTES)
    return ask(verb, {**arguments, "upload": upload}, b"")


def read_answer(line: bytes, place: str) -> dict[str, Any]:
    """The answer's one line. Raises TrainingError where it says no."""
    answer: dict[str, Any] = json.loads(line.removeprefix(there.MARK))
    if not answer.get("ok"):
        raise TrainingError(*_say.error("places.says_no", place=place, reason=answer.get("error")))
    return answer
