"""Who is who in chats between people (WhatsApp, Telegram, Discord), and what one message of theirs is.

Who asks and who answers is not in the file. With two people one name is enough; a bot is the one who answers;
otherwise the owner must say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.words import normal
from aeon_plugin_ft.errors import InputFileError, WhoIsWhoError
from aeon_plugin_ft.messages import Speaker

_say = Speaker("errors/dataset")

DIRECTION = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Marks without a width that exports put around names and notices. Not the joiners U+200C and U+200D: emoji and
letters are made with them."""

COMMAND = "/"
"""In the place of a message's id: a line answers a command, which is mostly no message of its own."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `number` is its line or position, `at` seconds since the epoch (0.0 when unknown), `when` the time
    as the export writes it, without a zone.

    `account` tells two people with one name apart: an id, or the name of the account. `id` is the export's own id of
    the message, `reply_to` of the one that it answers, "" for none. `flaw` says why it cannot be learnt ("" where it
    can): it still stands between what was said before and after it. A `notice` is nobody's message.
    """

    number: int
    author: str
    text: str
    at: float = 0.0
    bot: bool = False
    account: str = ""
    id: str = ""
    reply_to: str = ""
    when: str = ""
    flaw: str = ""
    notice: bool = False

    @property
    def person(self) -> Person:
        """Who said it."""
        return Person(self.account, plain(self.author))

    @property
    def identity(self) -> str:
        """What tells it from all other messages of its chat, in every export."""
        return self.id or f"{self.when or self.at}|{self.text}"


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a chat. Both together: an id may be missing, and two people may have one name."""

    account: str
    name: str


@lru_cache(maxsize=1 << 10)
def plain(name: str) -> str:
    """One form of a name for comparison; emoji belong to it, as two people may differ in nothing else."""
    shown = DIRECTION.sub("", unicodedata.normalize("NFC", name)).casefold()
    return " ".join(shown.split()).removeprefix("~").strip()


@dataclass(slots=True)
class _Known:
    """What a first reading tells of a person. `accounts` are other names of theirs, as they are written."""

    shown: str
    messages: int = 0
    bot: bool = False
    accounts: set[str] = field(default_factory=set)


class People:
    """Everybody in a chat, by what a first reading of it tells."""

    def __init__(self) -> None:
        self._known: dict[Person, _Known] = {}

    def add(self, line: Line, *other_names: str, times: int = 1) -> None:
        """One more message of somebody, or several; notices are nobody's."""
        if line.notice or not line.author:
            return
        known = self._known.setdefault(line.person, _Known(line.author))
        known.messages += times
        known.bot = known.bot or line.bot
        known.accounts.update(name for name in (line.account, *other_names) if name)

    def labels(self) -> list[str]:
        """Everybody's name, the most talkative first; two of one name with their accounts."""
        ranked = sorted(self._known, key=lambda person: -self._known[person].messages)
        return [self.label(person) for person in ranked]

    def label(self, person: Person) -> str:
        """A name that only this person has."""
        known = self._known[person]
        names = [other.name for other in self._known]
        if names.count(person.name) < 2:
            return known.shown
        account = min((one for one in known.accounts if one != person.account), default=person.account)
        return f"{known.shown} ({account})" if account else known.shown

    def bots(self) -> list[Person]:
        """Those that are programs."""
        return [person for person, known in self._known.items() if known.bot]

    def besides(self, person: Person) -> list[Person]:
        """Everybody else."""
        return [other for other in self._known if other != person]

    def called(self, given: str) -> list[Person]:
        """Everybody whom this name may mean: as it is written before as it sounds, a label before a name."""
        ways: tuple[Callable[[Person], Iterable[str]], ...] = (
            lambda one: [self.label(one)],
            lambda one: [one.name],
            lambda one: self._known[one].accounts,
        )
        for same in (plain, normal):
            key = same(given)
            for names in ways:
                matching = [one for one in self._known if key and key in {same(name) for name in names(one)}]
                if matching:
                    return matching
        return []


@dataclass(slots=True)
class Roles:
    """Who asks (None: everybody else) and who answers."""

    assistant: Person
    owner: Person | None = None

    def of(self, line: Line) -> str | None:
        """ "user" or "assistant"; None for somebody who is neither."""
        person = line.person
        if person == self.assistant:
            return "assistant"
        return "user" if self.owner in (None, person) else None


def who_is_who(people: People, reading: Reading, path: Path) -> Roles:
    """Decide from what was given and from who is in the chat; WhoIsWhoError asks, naming the people."""
    owner = _one(people, reading.owner, path)
    assistant = _one(people, reading.assistant, path)
    if assistant is not None:
        return Roles(assistant, owner)
    if owner is not None:
        others = people.besides(owner)
        if len(others) == 1:
            return Roles(others[0], owner)
    # Everybody else asks: whose assistant it is, nobody has said.
    bots = people.bots()
    if len(bots) == 1 and owner is None:
        return Roles(bots[0])
    if not people.labels():
        raise InputFileError(path, *_say.error("people.nothing"))
    raise WhoIsWhoError(path, people.labels())


def _one(people: People, given: str | None, path: Path) -> Person | None:
    """The person that a name means. Raises InputFileError for nobody, WhoIsWhoError where it may be several."""
    if given is None:
        return None
    called = people.called(given)
    if not called:
        raise InputFileError(path, *_say.error("people.nobody", name=repr(given), names=_names(people.labels())))
    if len(called) > 1:
        raise WhoIsWhoError(path, [people.label(one) for one in called])
    return called[0]


def _names(labels: list[str]) -> str:
    named = ", ".join(labels[:8]) or _say("people.none")
    return _say("people.more", named=named, count=len(labels) - 8) if len(labels) > 8 else named


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
    exact = re.sub(r"\.\d+", "", text.strip().replace("Z", "+00:00"))
    try:
        return seconds(datetime.fromisoformat(exact))
    except ValueError:
        return 0.0
