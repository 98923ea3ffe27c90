"""From a logged turn to the example that it could become: prompt as it is served, reply as it should be."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import replace

from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.system import canonical_system
from aeon_plugin_ft.dataset.tool_calls import tool_call
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Message
from hooks.text import strip_think

OPEN_SESSIONS = 64
"""Conversations whose last turns are remembered while the log is read."""


class Assembler:
    """Makes examples, one turn after another in the order of the log.

    `system_prompt` goes to turns that have none. With `history_turns` > 0 a turn that was asked alone is
    given up to that many earlier turns of its conversation, unless more than `gap_minutes` lie between.
    """

    def __init__(self, system_prompt: str = "", history_turns: int = 0, gap_minutes: int = 30) -> None:
        self._system = canonical_system(system_prompt)
        self._depth = history_turns
        self._gap = gap_minutes * 60
        self._sessions: OrderedDict[str, deque[tuple[str, float, Message, Message]]] = OrderedDict()

    def example(self, turn: LoggedTurn) -> Example:
        """The example of this turn, whether or not it will be kept."""
        reply = strip_think(turn.reply)
        # Without its code fence: what is taught is what Aeon's prompt asks for.
        reply = tool_call(reply) or reply
        talk = tuple(message for message in turn.messages if message.role != "system")
        ids: tuple[str, ...] = (turn.id,)
        if self._depth:
            # A turn that was sent with its history is learnt with that history, exactly as it was sent.
            earlier = self._earlier(turn) if len(talk) == 1 else []
            talk = (*(message for pair in earlier for message in pair[2:]), *talk)
            ids = (*(pair[0] for pair in earlier), turn.id)
            self._remember(turn, reply)
        system = canonical_system(turn.system) if turn.system else self._system
        head = (Message("system", system),) if system else ()
        return Example(turn.id, (*head, *talk, Message("assistant", reply)), ids, turn.session, turn.at, turn.source)

    def _earlier(self, turn: LoggedTurn) -> list[tuple[str, float, Message, Message]]:
        pairs = self._sessions.get(turn.session)
        if not pairs:
            return []
        if turn.at and pairs[-1][1] and turn.at - pairs[-1][1] > self._gap:
            pairs.clear()
        return list(pairs)

    def _remember(self, turn: LoggedTurn, reply: str) -> None:
        if turn.kind is not TurnKind.CHAT or not reply:
            return
        pairs = self._sessions.setdefault(turn.session, deque(maxlen=self._depth))
        pairs.append((turn.id, turn.at, Message("user", turn.user), Message("assistant", reply)))
        self._sessions.move_to_end(turn.session)
        if len(self._sessions) > OPEN_SESSIONS:
            # The conversation that was silent for longest; the log is in the order of time.
            self._sessions.popitem(last=False)


def with_reply(example: Example, reply: str, turns: tuple[str, ...]) -> Example:
    """The same question with another reply, made of these turns."""
    return replace(example, messages=(*example.messages[:-1], Message("assistant", reply)), turns=turns)
