"""[train] where, as a value; settings/sections.py says what it may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from aeon_plugin_ft.errors import TrainingError
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/training")

HERE = "here"
QUIET = "quiet"
"""[train] otherwise: here, in quiet hours only."""
PYTHON = "python3"
_PARTS = re.compile(
    r"(?P<kind>ssh|ray)://(?:(?P<user>\w[\w.-]*)@)?(?P<host>\w[\w.-]*)(?::(?P<port>\d+))?(?P<path>/.*)?"
)


class Way(str, Enum):
    SSH = "ssh"
    RAY = "ray"


class PlaceState(str, Enum):
    """Where the next training would be, for the schedule."""

    HERE = "here"
    FREE = "free"
    """At a place that nobody uses: what this machine does, and who is at it, does not matter."""
    WAITED = "waited"
    """At a place that is in use or off, or has not been asked yet, and is waited for."""
    QUIET = "quiet"
    """The same, and in quiet hours it is here."""


@dataclass(frozen=True, slots=True)
class Where:
    """One place that is not here. `python` is the interpreter over there; `port` is 0 for the way's usual one."""

    way: Way
    host: str
    port: int = 0
    user: str = ""
    python: str = PYTHON

    @property
    def address(self) -> str:
        """What the owner's word is given for: another Python on the same account is the same place."""
        port = f":{self.port}" if self.port else ""
        return f"{self.way.value}://{self.user + '@' if self.user else ''}{self.host}{port}"

    @property
    def setting(self) -> str:
        """As [train] where names it."""
        if self.python == PYTHON:
            return self.address
        return f"{self.address}{'' if self.python.startswith('/') else '/'}{self.python}"


def parse_where(text: str) -> Where | None:
    """None for "here". Raises TrainingError for what is no place."""
    if text == HERE:
        return None
    parts = _PARTS.fullmatch(text)
    if parts is None or (parts["kind"] == Way.SSH.value) != bool(parts["user"]):
        raise TrainingError(*_say.error("places.none", text=text))
    python = parts["path"] or ""
    # "/C:/Python/python.exe" is a path on Windows, as in file:// addresses.
    if re.match(r"/[A-Za-z]:", python):
        python = python[1:]
    return Where(Way(parts["kind"]), parts["host"], int(parts["port"] or 0), parts["user"] or "", python or PYTHON)
