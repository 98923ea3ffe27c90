"""What was said last, in the order in which it was said: also what the log does not have.

"Esquece isso" and "isso tá errado" mean what the owner has just heard. Where that was a private turn, a module's reply
or a command's answer, the newest turn of the log is an innocent conversation. Only in memory, and without a word of
what was said: a private turn leaves nothing but the fact that something came after the turn before it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum

from aeon_plugin_ft.turns.model import TurnKind
from aeon_plugin_ft.voice.intents import ABOUT_THE_LAST, Name

REMEMBERED = 4096
"""Exchanges that are remembered: days of talk."""
MOST_ASKED = 64
"""Prompts of one module for one sentence that are remembered."""


class Said(str, Enum):
    """What came of a sentence."""

    LOGGED = "logged"
    """A conversation turn, in the log."""
    PRIVATE = "private"
    UNKEPT = "unkept"
    """A turn that is not in the log: switched off, refused by a setting or a plugin, or it could not be written."""
    MODULE = "module"
    """One of the host's modules answered; its own prompts may be in the log."""
    COMMAND = "command"
    """A command of this plugin's was answered."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One sentence and its answer. `turns` are the logged ones, `kind` that of a conversation, `at` is in seconds of
    `steady`."""

    said: Said
    at: float
    turns: tuple[str, ...] = ()
    kind: TurnKind | None = None


def steady() -> float:
    """Seconds on a clock that nobody sets and that goes on while the computer sleeps, where the system has one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class Exchanges:
    """The exchanges of this process. Safe from any thread."""

    def __init__(self, clock: Callable[[], float] = steady) -> None:
        self._clock = clock
        self._exchanges: deque[Exchange] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._asked = threading.local()
        """In the thread of a sentence: the turns that a module's prompts became so far."""

    def begin(self) -> None:
        """A sentence was heard, in this thread."""
        self._asked.turns = []

    def note(self, said: Said, turn: str | None = None, kind: TurnKind | None = None) -> None:
        """A sentence was answered; `turn` is the one in the log, where it is there."""
        self._add(Exchange(said, self._clock(), () if turn is None else (turn,), kind))

    def note_asked(self, turn: str) -> None:
        """A module's prompt was answered and logged; it belongs to the sentence that the module is answering."""
        asked: list[str] = getattr(self._asked, "turns", [])
        self._asked.turns = [*asked, turn][-MOST_ASKED:]

    def note_command(self, name: Name) -> None:
        """A command was answered: "isso tá errado" is about that now. One about what was said last changes nothing."""
        if name not in ABOUT_THE_LAST:
            self.note(Said.COMMAND)

    def answered_elsewhere(self) -> None:
        """A module of the host's has answered, with what it asked in this thread."""
        asked: list[str] = getattr(self._asked, "turns", [])
        self._asked.turns = []
        self._add(Exchange(Said.MODULE, self._clock(), tuple(asked)))

    def last(self, *, commands: bool = True) -> Exchange | None:
        """What was said last; with `commands` False the last one that is no command's answer. None before anything
        was said."""
        with self._lock:
            return next((one for one in reversed(self._exchanges) if commands or one.said is not Said.COMMAND), None)

    @property
    def cut_off(self) -> bool:
        """Whether what was said last is not in the log."""
        last = self.last()
        return last is not None and last.said is not Said.LOGGED

    def within(self, seconds: float) -> tuple[list[str], set[str]]:
        """The logged turns of the last so many seconds, and all that are known: what is not among these was said
        before this process began."""
        since = self._clock() - seconds
        with self._lock:
            recent = [turn for one in self._exchanges if one.at >= since for turn in one.turns]
            return recent, {turn for one in self._exchanges for turn in one.turns}

    def forget(self, turns: Collection[str]) -> None:
        """These turns are gone; what was said before them is the last again."""
        gone = set(turns)
        with self._lock:
            left = [tuple(turn for turn in one.turns if turn not in gone) for one in self._exchanges]
            both = zip(self._exchanges, left, strict=True)
            # One that had no turn in the log stays: it was said, and nothing of it was forgotten.
            kept = [replace(one, turns=turns) for one, turns in both if turns or not one.turns]
            self._exchanges = deque(kept, REMEMBERED)

    def _add(self, exchange: Exchange) -> None:
        with self._lock:
            self._exchanges.append(exchange)
