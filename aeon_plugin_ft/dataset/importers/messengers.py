"""JSON exports of chats between people: Telegram Desktop and DiscordChatExporter.

Both are one object with a long list in it, read as a stream, twice: once for who is in it, once for the turns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.json_stream import items
from aeon_plugin_ft.dataset.importers.people import Line, PairUp, iso, who_is_who
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.turns.model import LoggedTurn

ToLine = Callable[[int, dict[str, Any], Reading], Line | None]


def _turns(name: str, source: Source, reading: Reading, prefix: str, to_line: ToLine) -> Iterator[LoggedTurn]:
    authors: Counter[str] = Counter()
    bots: set[str] = set()
    # The first pass reports nothing: what it skips, the second one skips again.
    quiet = Reading()
    for number, read in items(source, prefix, quiet):
        line = to_line(number, read, quiet)
        if line is not None:
            authors[line.author] += 1
            if line.bot:
                bots.add(line.author)
    roles = who_is_who(authors, bots, reading, source.path)
    lines = (to_line(number, read, reading) for number, read in items(source, prefix, reading))
    yield from PairUp(name, roles, reading).turns(line for line in lines if line is not None)


class Telegram:
    name = "telegram"
    title = "Telegram Desktop's JSON export (result.json), one chat or all"

    def sniff(self, sample: str) -> float:
        """By keys that only Telegram's export has."""
        if not sample.lstrip().startswith("{") or not re.search(r'"(?:messages|chats)"\s*:', sample):
            return 0.0
        return 0.95 if re.search(r'"(?:date_unixtime|from_id|actor_id|personal_information)"\s*:', sample) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each question with its reply, of one chat or of all."""
        whole = re.search(r'"chats"\s*:\s*\{', source.sample) is not None
        prefix = "chats.list.item.messages.item" if whole else "messages.item"
        return _turns(self.name, source, reading, prefix, _telegram_line)


def _telegram_line(number: int, read: dict[str, Any], reading: Reading) -> Line | None:
    if read.get("type") != "message":
        reading.skip(number, "a notice of Telegram")
        return None
    text, author = _telegram_text(read.get("text")), read.get("from")
    if not text:
        reading.skip(number, "a picture, a recording or a sticker")
        return None
    if not isinstance(author, str) or not author.strip():
        reading.skip(number, "a message without an author (a deleted account?)")
        return None
    return Line(number, author.strip(), text, iso(read.get("date_unixtime") or read.get("date")))


def _telegram_text(text: Any) -> str:
    """A string, or a list of strings and of {"type", "text"} for links, bold and so on: joined without a gap."""
    if isinstance(text, str):
        return text.strip()
    if not isinstance(text, list):
        return ""
    parts = [part.get("text") if isinstance(part, dict) else part for part in text]
    return "".join(part for part in parts if isinstance(part, str)).strip()


class Discord:
    name = "discord"
    title = "DiscordChatExporter's JSON"

    def sniff(self, sample: str) -> float:
        """By the guild and the channel at its beginning."""
        if not sample.lstrip().startswith("{"):
            return 0.0
        return 0.95 if re.search(r'"guild"\s*:', sample) and re.search(r'"channel"\s*:', sample) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each question with its reply."""
        return _turns(self.name, source, reading, "messages.item", _discord_line)


def _discord_line(number: int, read: dict[str, Any], reading: Reading) -> Line | None:
    # By name in DiscordChatExporter's JSON; 0 and 19 are the numbers of Discord's API for the same.
    if read.get("type") not in ("Default", "Reply", 0, 19):
        reading.skip(number, "a notice of Discord")
        return None
    author, text = read.get("author"), read.get("content")
    if not isinstance(text, str) or not text.strip():
        reading.skip(number, "a picture or an attachment")
        return None
    name = (author.get("nickname") or author.get("name")) if isinstance(author, dict) else None
    if not isinstance(author, dict) or not isinstance(name, str) or not name.strip():
        reading.skip(number, "a message without an author")
        return None
    return Line(number, name.strip(), text.strip(), iso(read.get("timestamp")), bool(author.get("isBot")))
