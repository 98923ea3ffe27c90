"""Imported turns, with ids that are the same in every export of the same chat.

An id is a hash of what tells one exchange from all others: the export's own ids of the conversation and its messages
where it has them, else when it was said, by whom, and the words. Nothing of it is a position in the file, so a later
export that begins elsewhere, is ordered otherwise or lacks a message gives every other turn the id that it had.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message

REPEATS_KNOWN = 1 << 16
"""Identities whose repeats are counted, the latest ones: "sim" / "Certo." may be said again and again in a log without
times. About 100 bytes each."""


class TurnMaker:
    """Builds imported turns. Two exchanges that nothing tells apart are numbered, so that both have an id."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._session = ""
        self._repeats: OrderedDict[bytes, int] = OrderedDict()

    def new_session(self, key: str = "") -> None:
        """The next turn starts another conversation; `key` is the export's own id of it, "" where it has none."""
        self._session = f"{self.source}:{_digest((self.source, 'session', key)).hex()[:12]}" if key else ""

    def make(
        self,
        user: str,
        reply: str,
        *,
        kind: TurnKind = TurnKind.CHAT,
        before: tuple[Message, ...] = (),
        between: tuple[Message, ...] = (),
        at: float = 0.0,
        model: str = "",
        provider: str = "none",
        caller: str = "chat",
        key: tuple[str, ...] = (),
    ) -> LoggedTurn:
        """One turn. `before` are the messages sent before the owner's (system prompt, history), `between` those
        between it and the reply (a tool's call and its result). `key` tells it from all others of this format; without
        one its texts do."""
        identity = self._numbered(_digest((self.source, *(key or (user, reply))))).hex()
        if not self._session:
            self._session = f"{self.source}:{identity[:12]}"
        messages = (*before, Message("user", user), *between)
        return LoggedTurn(
            identity, self._session, at, kind, caller, messages, reply, provider, model, "base", 0.0, self.source
        )

    def _numbered(self, identity: bytes) -> bytes:
        """The identity itself the first time, another one for each repeat, the same in every reading."""
        repeats = self._repeats
        times = repeats.pop(identity, 0)
        repeats[identity] = times + 1
        if len(repeats) > REPEATS_KNOWN:
            repeats.popitem(last=False)
        return identity if not times else _digest((identity.hex(), str(times)))


def _digest(parts: tuple[str, ...]) -> bytes:
    return blake2b("\x00".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
