"""A turn as it stands in the log, and what kind of talk it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hooks import Message

KNOWN_FROM = 365 * 86_400.0
"""Seconds since the epoch: the turns of imports that tell no time are counted from 1970 on. Windows turns no moment of
its first day into a local one."""


OWN_MODEL = "aeon-ft"
"""How the name of every model begins that the plugin makes or serves by itself, the untrained base included. An
imported log keeps the name of who replied, and not which program served it."""


class TurnKind(str, Enum):
    """What a turn is, decided once, at capture. Only CHAT may train."""

    CHAT = "chat"
    """The owner's own words, answered by a model."""
    SYNTHETIC = "synthetic"
    """A prompt that a module wrote (tarot, web summary, ...)."""
    CANNED = "canned"
    """One of Aeon's fixed sentences, because no model answered."""
    ERROR = "error"
    """The reply reports a failure."""
    EMPTY = "empty"
    """Nobody answered, or the reply is blank."""
    COMMAND = "command"
    """A spoken command to this plugin."""


@dataclass(frozen=True, slots=True)
class LoggedTurn:
    """One turn, read back from the log or from an imported file, personal data already handled.

    `at` is seconds since the epoch (UTC), 0.0 when unknown; `seconds` the wall time to the reply.
    `messages` are those sent to the model, system prompt first when there was one, without the reply.
    `source` says where it comes from: "live", or the importer's name. `version` is the plugin's name of
    the model that answered ("base", "v0003").

    `spoken` is its place in the order in which things were said: of two turns the later one has the larger number,
    whatever a clock that was set says. `cut_off`: what the owner heard right before is not in the log.
    """

    id: str
    session: str
    at: float
    kind: TurnKind
    caller: str
    messages: tuple[Message, ...]
    reply: str
    provider: str = "none"
    model: str = ""
    version: str = "base"
    seconds: float = 0.0
    source: str = "live"
    spoken: int = 0
    cut_off: bool = False

    @property
    def user(self) -> str:
        """The owner's sentence: the last user message, "" when there is none."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def is_own(self) -> bool:
        """Whether a model of the plugin's own replied: one that it trained, or the base that it serves by itself. What
        it says it has learnt here or invents. An Ollama tag or a server of the owner's that serves as the base under
        its own name is a model of theirs."""
        return self.version != "base" or self.provider == "embedded" or self.model.startswith(OWN_MODEL)

    @property
    def system(self) -> str:
        """The system prompt as sent, "" when there was none."""
        return next((m.content for m in self.messages if m.role == "system"), "")
