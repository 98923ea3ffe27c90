"""The machine as the schedule sees it: one seam, so that a test can put another machine there."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.schedule import probes

_say = Speaker("schedule")


class Machine(Protocol):
    """`idle()` is seconds since the last key or mouse input, None where the system does not tell; `busy_share()`
    what other programs took of the processor since the last call, 0 to 1; `free_memory()` bytes. `idle_source` tells
    people who tells the idle time."""

    @property
    def idle_source(self) -> str:
        """Who tells the idle time, for people."""

    def idle(self) -> float | None:
        """Seconds since the last key or mouse input; None where the system does not tell."""

    def on_mains(self) -> bool:
        """Whether it is on mains power, or nobody can tell."""

    def busy_share(self) -> float:
        """What other programs took of the processor since the last call, 0 to 1."""

    def free_memory(self) -> int:
        """Bytes that can be had without swapping."""


class ThisMachine:
    """The real one."""

    # Found once, on first use: looking for the source starts programs, and it does not change while Aeon runs.
    @cached_property
    def _touched(self) -> probes.IdleSource | None:
        return probes.input_idle()

    @cached_property
    def _load(self) -> probes.OthersLoad:
        return probes.OthersLoad()

    @property
    def idle_source(self) -> str:
        """Who tells whether the owner is there, for people."""
        return _say("idle.silence") if self._touched is None else self._touched.name

    def idle(self) -> float | None:
        """None also when the one who told has gone: the session ended, the display was closed."""
        if self._touched is None:
            return None
        try:
            return self._touched.seconds()
        except probes.CANNOT_TELL:
            return None

    def on_mains(self) -> bool:
        """Whether it is on mains power, or nobody can tell."""
        return probes.on_mains()

    def busy_share(self) -> float:
        """What other programs took of the processor since the last call, 0 to 1."""
        return self._load.share()

    def free_memory(self) -> int:
        """Bytes that can be had without swapping."""
        return probes.free_memory()
