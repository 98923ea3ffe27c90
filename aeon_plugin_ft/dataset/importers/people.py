"""Chats between people (WhatsApp, Telegram, Discord) as questions and replies.

Who asks and who answers is not in the file. With two people one name is enough; a bot is the one who answers;
otherwise the owner must say. Messages of one person in a row are one message; silence ends a conversation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.errors import InputFileError, WhoIsWhoError
from aeon_plugin_ft.turns.model import LoggedTurn

INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Direction marks that exports put around names and notices."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `at` is seconds since the epoch, 0.0 when unknown; `number` is its line or position."""

    number: int
    author: str
    text: str
    at: float = 0.0
    bot: bool = False


@dataclass(slots=True)
class Roles:
    """Who asks (None: everybody else) and who answers."""

    assistant: str
    owner: str | None = None

    def of(self, author: str) -> str | None:
        """ "user" or "assistant"; None for somebody who is neither."""
        key = normal(author)
        if key == self.assistant:
            return "assistant"
        return "user" if self.owner in (None, key) else None


def who_is_who(authors: Counter[str], bots: set[str], reading: Reading, path: Path) -> Roles:
    """Decide from what was given and from who is in the chat; WhoIsWhoError asks, naming the people."""
    spelt = {normal(name): name for name in authors}
    for given in (reading.owner, reading.assistant):
        if given is not None and normal(given) not in spelt:
            raise InputFileError(path, f"nobody in it is called {given!r}", f"It has {_names(authors)}")
    if reading.assistant is not None:
        return Roles(normal(reading.assistant), normal(reading.owner) if reading.owner else None)
    if reading.owner is not None:
        others = [name for name in spelt if name != normal(reading.owner)]
        if len(others) == 1:
            return Roles(others[0], normal(reading.owner))
    # Everybody else asks: whose assistant it is, nobody has said.
    if len(bots) == 1 and reading.owner is None:
        return Roles(normal(next(iter(bots))))
    raise WhoIsWhoError(path, [name for name, _ in authors.most_common()])


def _names(authors: Counter[str]) -> str:
    names = [name for name, _ in authors.most_common(8)]
    return ", ".join(names) + (f" and {len(authors) - 8} more" if len(authors) > 8 else "")


@dataclass(slots=True)
class _Block:
    """What one side said in a row."""

    role: str
    author: str
    at: float
    last: float
    texts: list[str] = field(default_factory=list)


class PairUp:
    """Lines in, turns out: a question of one side and the reply of the other."""

    def __init__(self, name: str, roles: Roles, reading: Reading) -> None:
        self.maker = TurnMaker(name)
        self.roles = roles
        self.gap = reading.gap_minutes * 60
        self.question: _Block | None = None
        self.block: _Block | None = None

    def turns(self, lines: Iterable[Line]) -> Iterator[LoggedTurn]:
        """The lines of a chat as turns: what the owner wrote, and what was answered."""
        for line in lines:
            role = self.roles.of(line.author)
            if role is None:
                continue
            block = self.block
            silent = block is not None and bool(line.at and block.last) and line.at - block.last > self.gap
            if block is not None and block.role == role and not silent:
                block.texts.append(line.text)
                block.last = line.at or block.last
                continue
            yield from self._close()
            # A question before a silence and an answer after it do not belong together.
            if silent:
                self.question = None
                self.maker.new_session()
            self.block = _Block(role, line.author, line.at, line.at, [line.text])
        yield from self._close()

    def _close(self) -> Iterator[LoggedTurn]:
        block, self.block = self.block, None
        if block is None:
            return
        if block.role == "user":
            self.question = block
        elif self.question is not None:
            question, self.question = self.question, None
            asked, replied = "\n".join(question.texts), "\n".join(block.texts)
            yield self.maker.make(asked, replied, at=question.at, model=block.author)


def seconds(when: datetime) -> float:
    """Seconds since the epoch; a time without a zone is this machine's. 0.0 for a date that no clock shows."""
    try:
        return when.timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def iso(text: object) -> float:
    """Seconds since the epoch of an ISO 8601 time or of a number of seconds; 0.0 when it is neither."""
    if isinstance(text, bool):
        return 0.0
    if isinstance(text, (int, float)):
        return float(text) if 0 <= text < 1e11 else 0.0
    if not isinstance(text, str):
        return 0.0
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return float(text)
    # Python 3.10 knows neither "Z" nor fractions of other than 3 or 6 digits.
    plain = re.sub(r"\.\d+", "", text.strip().replace("Z", "+00:00"))
    try:
        return seconds(datetime.fromisoformat(plain))
    except ValueError:
        return 0.0
