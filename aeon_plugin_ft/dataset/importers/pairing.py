"""Messages of people as questions and replies.

Messages of one person in a row are one message. People answer when they find the time: silence ends a conversation,
and between a question and its reply it may last for hours. An answer to a named message belongs to that message.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.people import COMMAND, Line, Roles
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.turns.model import LoggedTurn

REPLY_WITHIN = 12 * 3600.0
"""Seconds in which a message is taken for the reply to the one before it."""
TOGETHER = 60.0
"""Seconds in which a picture belongs to the words that were sent with it."""
ANSWERABLE = 10_000
"""Messages of a chat that a later one may name as what it answers, the latest ones."""
TO_A_FLAW = "a reply to something that cannot be learnt (a picture, a recording, a deleted message)"
TO_NOBODY = "a reply to a message that is not in the export"
LONGEST_GREETING = 5
"""Words."""
# After a silence these words begin a conversation and answer nothing, unless more is said with them.
_GREETS = re.compile(
    r"(?:oi+|ola+|opa|e ai+|eai|fala|salve|alo+|bom dia|boa tarde|boa noite|feliz|parabens|hey|hi|hello|happy|hola|"
    r"good (?:morning|evening|afternoon)|buen[oa]s)\b"
)


@dataclass(slots=True)
class _Block:
    """What one side said in a row. `asked` is the message that it answers by name."""

    role: str
    lines: list[Line] = field(default_factory=list)
    asked: Line | None = None

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines if not line.flaw)

    @property
    def ends_in_flaw(self) -> bool:
        """Whether the last that was said cannot be learnt and was no part of the words before it: it was sent later,
        so that an answer is an answer to it."""
        if not self.lines or not self.lines[-1].flaw:
            return False
        words = next((line.at for line in reversed(self.lines) if not line.flaw), 0.0)
        return bool(words) and self.lines[-1].at - words >= TOGETHER

    @property
    def last(self) -> float:
        return next((line.at for line in reversed(self.lines) if line.at), 0.0)


class PairUp:
    """The lines of one chat in, turns out: a question of one side and the reply of the other."""

    def __init__(self, maker: TurnMaker, roles: Roles, reading: Reading, chat: str = "") -> None:
        self.maker, self.roles, self.reading, self.chat = maker, roles, reading, chat
        self.gap = reading.gap_minutes * 60
        self.question: _Block | None = None
        self.block: _Block | None = None
        self._recent: OrderedDict[str, Line] = OrderedDict()
        maker.new_session()

    def turns(self, lines: Iterable[Line]) -> Iterator[LoggedTurn]:
        """What the owner wrote, and what was answered."""
        for line in lines:
            if line.notice or not line.author:
                yield from self._border(line)
                continue
            role = self.roles.of(line)
            if role is None:
                continue
            if line.id:
                self._remember(line)
            if role == "assistant" and line.reply_to and not line.flaw and not self._is_command(line):
                yield from self._answer(line)
            else:
                yield from self._take(role, line)
        yield from self._close()

    def _remember(self, line: Line) -> None:
        self._recent[line.id] = line
        if len(self._recent) > ANSWERABLE:
            self._recent.popitem(last=False)

    def _border(self, line: Line) -> Iterator[LoggedTurn]:
        """A notice: what is said behind it is no part of the reply before it. What nobody knows who said may have been
        the reply itself: it ends the question, too."""
        if not line.notice or (self.block is not None and self.block.role == "assistant"):
            yield from self._close()
        if not line.notice:
            self.question = None

    def _is_command(self, line: Line) -> bool:
        """Whether it answers a command, and the command stands right before it."""
        block = self.block if self.block is not None and self.block.role == "user" else self.question
        return line.reply_to == COMMAND and block is not None and block.lines[-1].text.startswith("/")

    def _answer(self, line: Line) -> Iterator[LoggedTurn]:
        """A reply that names its question."""
        asked = self._recent.get(line.reply_to)
        if asked is not None and self.roles.of(asked) == "assistant":
            # It goes on with what the same person said.
            yield from self._take("assistant", line)
            return
        block = self.block
        if block is not None and block.asked is not None and block.asked is asked:
            block.lines.append(line)
            return
        yield from self._close()
        self.question = None
        if asked is None:
            self.reading.skip(line.number, TO_NOBODY)
        else:
            self.block = _Block("assistant", [line], asked)

    def _take(self, role: str, line: Line) -> Iterator[LoggedTurn]:
        block = self.block
        pause = self._pause(line)
        # A chat goes forwards: whatever is older by more than a pause is another one's.
        silent = abs(pause) > self.gap
        if block is not None and block.role == role and not silent:
            block.lines.append(line)
            return
        yield from self._close()
        if silent and not (role == "assistant" and self._is_late_reply(line, pause)):
            self.question = None
            self.maker.new_session()
        self.block = _Block(role, [line])

    def _pause(self, line: Line) -> float:
        last = self.block.last if self.block is not None else self.question.last if self.question is not None else 0.0
        return line.at - last if line.at and last else 0.0

    def _is_late_reply(self, line: Line, pause: float) -> bool:
        if self.question is None or not 0 <= pause <= max(REPLY_WITHIN, self.gap):
            return False
        if _GREETS.match(fold_accents(line.text)) is None:
            return True
        return len(line.text.split()) > LONGEST_GREETING and not line.text.rstrip().endswith("?")

    def _close(self) -> Iterator[LoggedTurn]:
        block, self.block = self.block, None
        if block is None:
            return
        if block.role == "user":
            self.question = block
            return
        question, self.question = self.question, None
        if block.asked is not None:
            question = _Block("user", [block.asked])
        reply = block.text
        if question is None or not reply:
            return
        said = question.text
        if said and not question.ends_in_flaw:
            yield self._turn(question, said, block, reply)
        else:
            self.reading.skip(block.lines[0].number, TO_A_FLAW)

    def _turn(self, question: _Block, said: str, reply: _Block, answered: str) -> LoggedTurn:
        asked = next(line for line in reversed(question.lines) if not line.flaw)
        told = next(line for line in reply.lines if not line.flaw)
        # The end of the question and the beginning of the reply: an export that begins or ends in between has them.
        key = (self.chat, asked.identity, told.identity)
        at = next((line.at for line in question.lines if line.at), 0.0)
        return self.maker.make(said, answered, at=at, model=told.author, key=key)
