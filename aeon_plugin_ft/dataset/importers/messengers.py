"""JSON exports of chats between people: Telegram Desktop and DiscordChatExporter.

Both are one object with long lists in it, read as a stream, twice: once for who is in it, once for the turns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.json_chats import Chat, chats, top_lists
from aeon_plugin_ft.dataset.importers.json_stream import items
from aeon_plugin_ft.dataset.importers.pairing import PairUp
from aeon_plugin_ft.dataset.importers.people import COMMAND, Line, People, iso, who_is_who
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.turns.model import LoggedTurn

ToLine = Callable[[int, dict[str, Any], Chat], Line]
PICTURE = "a picture, a recording, an attachment or a sticker"
NOT_THEIRS = "a text that was forwarded or made by a bot for somebody"
Read = Callable[[Reading], Iterator[tuple[Chat, int, dict[str, Any]]]]
"""Every message of a file with its chat and its position."""


def _turns(name: str, source: Source, reading: Reading, read: Read, to_line: ToLine) -> Iterator[LoggedTurn]:
    people = People()
    # The first pass reports nothing: what it skips, the second one skips again.
    for chat, number, row in read(Reading()):
        people.add(to_line(number, row, chat), *_other_names(row))
    roles = who_is_who(people, reading, source.path)
    maker = TurnMaker(name)
    for chat, rows in groupby(read(reading), key=lambda one: one[0]):
        lines = (_reported(to_line(number, row, chat), reading) for _, number, row in rows)
        yield from PairUp(maker, roles, reading, chat.id).turns(lines)


def _reported(line: Line, reading: Reading) -> Line:
    if line.flaw or line.notice:
        reading.skip(line.number, line.flaw or line.text)
    return line


def _other_names(row: dict[str, Any]) -> tuple[str, ...]:
    author = row.get("author")
    name = author.get("name") if isinstance(author, dict) else None
    return (name,) if isinstance(name, str) else ()


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _id(value: Any) -> str:
    return str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""


class Telegram:
    name = "telegram"
    title = "Telegram Desktop's JSON export (result.json), one chat or all"

    def sniff(self, sample: str) -> float:
        """By keys that only Telegram's export has."""
        if not sample.lstrip().startswith("{") or not re.search(r'"(?:messages|chats)"\s*:', sample):
            return 0.0
        return 0.95 if re.search(r'"(?:date_unixtime|from_id|actor_id|personal_information)"\s*:', sample) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each question with its reply, of one chat or of all; no two chats ever meet."""
        lists = top_lists(source)

        def read(into: Reading) -> Iterator[tuple[Chat, int, dict[str, Any]]]:
            return chats(source, lists, into)

        return _turns(self.name, source, reading, read, _telegram_line)


def _telegram_line(number: int, row: dict[str, Any], chat: Chat) -> Line:
    if row.get("type") != "message":
        return Line(number, "", "a notice of Telegram", notice=True)
    text, author = _telegram_text(row.get("text")), _text(row.get("from"))
    if not author:
        return Line(number, "", text, flaw="a message without an author (a deleted account?)")
    flaw = "" if text else PICTURE
    if text and (row.get("forwarded_from") or row.get("forwarded_from_id") or row.get("via_bot")):
        flaw = NOT_THEIRS
    return Line(
        number, author, text, iso(row.get("date_unixtime") or row.get("date")),
        bot=chat.kind == "bot_chat" and (author == chat.name or author.lower().endswith("bot")),
        account=_id(row.get("from_id")), id=_id(row.get("id")), reply_to=_id(row.get("reply_to_message_id")), flaw=flaw,
    )  # fmt: skip


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
        channel = Chat()

        def read(into: Reading) -> Iterator[tuple[Chat, int, dict[str, Any]]]:
            return ((channel, number, row) for number, row in items(source, "messages.item", into))

        return _turns(self.name, source, reading, read, _discord_line)


_SAID = {"default", "reply", "chatinputcommand", "contextmenucommand", "0", "19", "20", "23"}
"""Kinds of messages that somebody said: by name, or by the number of Discord's API, which DiscordChatExporter writes
for kinds that it has no name for (the answers to commands)."""


def _discord_line(number: int, row: dict[str, Any], _: Chat) -> Line:
    kind = row.get("type")
    if not isinstance(kind, (str, int)) or str(kind).lower() not in _SAID:
        return Line(number, "", "a notice of Discord", notice=True)
    author = row["author"] if isinstance(row.get("author"), dict) else {}
    name = _text(author.get("nickname")) or _text(author.get("name"))
    if not name:
        return Line(number, "", "", flaw="a message without an author")
    text = _text(row.get("content")) or _embedded(row.get("embeds"))
    answered = row["reference"] if isinstance(row.get("reference"), dict) else {}
    return Line(
        number, name, text, iso(row.get("timestamp")), bot=bool(author.get("isBot")),
        account=_id(author.get("id")) or _text(author.get("name")), id=_id(row.get("id")),
        reply_to=COMMAND if isinstance(row.get("interaction"), dict) else _id(answered.get("messageId")),
        flaw="" if text else PICTURE,
    )  # fmt: skip


def _embedded(embeds: Any) -> str:
    """What a bot says in boxes: title, text and fields."""
    parts: list[str] = []
    for box in embeds if isinstance(embeds, list) else []:
        if not isinstance(box, dict):
            continue
        parts += [_text(box.get("title")), _text(box.get("description"))]
        for field in box["fields"] if isinstance(box.get("fields"), list) else []:
            if isinstance(field, dict):
                parts.append(": ".join(part for part in (_text(field.get("name")), _text(field.get("value"))) if part))
    return "\n".join(part for part in parts if part)
