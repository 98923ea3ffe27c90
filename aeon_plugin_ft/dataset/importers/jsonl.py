"""Conversations that are already training data: messages JSONL, ShareGPT, question-and-reply pairs.

One object a line, or one JSON list of such objects (`personalidade.json`), or one object after another over several
lines; read as a stream in each case. The formats differ in what a file is recognised by: each row is read in its own
shape (rows.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.json_stream import values
from aeon_plugin_ft.dataset.importers.rows import (
    EMPTY,
    NO_WORDS,
    NOTHING,
    UNWANTED,
    Conversation,
    Row,
    conversation,
    conversations,
    is_message,
    pair_keys,
    text_of,
)
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import Message

__all__ = ["MessagesLines", "Pairs", "ShareGpt", "first_object", "objects", "text_of"]

LOOKED_AT = 5
"""Rows in which a format is looked for: the first may be about the file itself."""
MOST_BEFORE = 200
"""Messages that a turn keeps of those before it, besides the system prompt: a conversation of thousands would otherwise
take the square of its length."""
BEFORE = "the same conversation up to here was read before"
PRAISE_RECEIPT = re.compile(r"Padr.o de comportamento registrado", re.IGNORECASE)
"""What Aeon says when it is praised; a second praise makes it store the receipt as if it were a reply."""
RECEIPT = "Aeon's receipt for a praise, stored as if it were a reply"


def objects(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line or position, object) of a JSON Lines file or of a JSON list; damage is skipped."""
    for number, read in values(source, reading):
        if isinstance(read, dict):
            yield number, read
        else:
            reading.skip(number, "not a JSON object")


def first_object(sample: str) -> dict[str, Any] | None:
    """The first whole object of a JSON Lines file or a JSON list; None when there is none in the sample."""
    first = next(iter(first_values(sample, 1)), None)
    return first if isinstance(first, dict) else None


def first_values(sample: str, count: int = LOOKED_AT) -> list[Any]:
    """The first whole values of a JSON Lines file, of a JSON list, or of one value after another."""
    at, found = len(sample) - len(sample.lstrip()), list[Any]()
    if sample[at : at + 1] == "[":
        at += 1
    decoder = json.JSONDecoder()
    while len(found) < count:
        at = _JUNK.match(sample, at).end()  # type: ignore[union-attr]
        try:
            read, at = decoder.raw_decode(sample, at)
        except (ValueError, RecursionError):
            break
        found.append(read)
    return found


_JUNK = re.compile(r"[\s,]*")


class Talk:
    """Turns out of whole conversations, each with the exact messages before it.

    Of a longer one that begins with a whole earlier one (as exported multi-turn examples do) each pair is taken once.
    """

    def __init__(self, name: str, reading: Reading) -> None:
        self.maker = TurnMaker(name)
        self.reading = reading
        self._seen: set[int] = set()

    def turns(self, number: int, read: Any) -> Iterator[LoggedTurn]:
        """Each reply of a row with everything before it; `number` is its line or position, for what is skipped."""
        talks = conversations(read)
        if not talks:
            self.reading.skip(number, NOTHING)
        for talk in talks:
            yield from self._turns_of(number, talk)

    def _turns_of(self, number: int, talk: Conversation) -> Iterator[LoggedTurn]:
        if talk.refusal:
            self.reading.skip(number, talk.refusal)
            return
        for reason in talk.skipped:
            self.reading.skip(number, reason)
        self.maker.new_session()
        messages = [row.message for row in talk.rows]
        targets = list(_targets(talk.rows))
        if not targets:
            self.reading.skip(number, _why_nothing(talk.rows))
        for start, end in targets:
            yield from self._turn(number, talk.rows, messages, (start, end), end == targets[-1][1])

    def _turn(
        self, number: int, rows: Sequence[Row], messages: Sequence[Message], place: tuple[int, int], last: bool
    ) -> Iterator[LoggedTurn]:
        start, end = place
        asked = next(at for at in range(start - 1, -1, -1) if rows[at].role == "user")
        user, reply = rows[asked].text, "\n".join(row.text for row in rows[start:end])
        if not user.strip() or not reply.strip():
            wordless = rows[asked].wordless or all(row.wordless for row in rows[start:end])
            self.reading.skip(number, NO_WORDS if wordless else EMPTY)
            return
        if PRAISE_RECEIPT.search(reply):
            self.reading.skip(number, RECEIPT)
            return
        # With everything that was said before it: the same words in another conversation are another turn.
        key = hash(tuple((row.role, row.text) for row in rows[max(0, start - MOST_BEFORE) : end]))
        # An example was exported for its last pair, which is always taken.
        if last:
            self._seen.add(key)
        elif key in self._seen:
            self.reading.skip(number, BEFORE)
            return
        since = max(0, asked - MOST_BEFORE)
        system = messages[:1] if since and messages[0].role == "system" else ()
        before, between = (*system, *messages[since:asked]), messages[asked + 1 : start]
        yield self.maker.make(
            user,
            reply,
            before=tuple(message for message in before if message.content),
            between=tuple(message for message in between if message.content),
        )


def _targets(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Where the replies stand, as (first, behind the last): what an assistant said in a row, behind somebody's
    question, however many tools and system lines lie between."""
    at, asked = 0, False
    while at < len(rows):
        row = rows[at]
        asked = asked or row.role == "user"
        end = at + 1
        if row.role == "assistant" and not row.call and row.learn and asked:
            while end < len(rows) and _goes_on(rows[end]):
                end += 1
            yield at, end
        at = end


def _goes_on(row: Row) -> bool:
    return row.role == "assistant" and not row.call and row.learn


def _why_nothing(rows: Sequence[Row]) -> str:
    if any(row.role == "assistant" and not row.learn and not row.call for row in rows):
        return UNWANTED
    return "no question with a reply behind it"


class _Rows:
    """What the three formats share: each row in its own shape."""

    name = ""

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each conversation's replies, with the messages before them."""
        talk = Talk(self.name, reading)
        read_rows = values(source, reading)
        if _is_one_talk(source.sample):
            read_rows = iter([(1, [read for _, read in read_rows])])
        for number, read in read_rows:
            if isinstance(read, (dict, list)):
                yield from talk.turns(number, read)
            else:
                reading.skip(number, "not a JSON object")


class MessagesLines(_Rows):
    name = "messages"
    title = 'JSONL with {"messages": [...]} a line (OpenAI, Groq, TRL, this plugin)'

    def sniff(self, sample: str) -> float:
        """By the roles in the first rows."""
        return 0.9 if _names(sample, "role", "content") else 0.0


class ShareGpt(_Rows):
    name = "sharegpt"
    title = 'ShareGPT: {"conversations": [{"from": ..., "value": ...}]}'

    def sniff(self, sample: str) -> float:
        """By the "from" in the first rows."""
        return 0.9 if _names(sample, "from", "value") else 0.0


class Pairs(_Rows):
    name = "pairs"
    title = "question and reply: Aeon's personalidade.json and training/processed, Alpaca, prompt and completion"

    def sniff(self, sample: str) -> float:
        """By a known pair of keys in the first rows; less sure than formats that name their roles."""
        rows = [read for read in first_values(sample) if isinstance(read, dict)]
        if any(pair_keys(read) is not None for read in rows):
            return 0.7
        return 0.6 if any(_is_read(read) for read in rows) else 0.0


def _is_one_talk(sample: str) -> bool:
    """Whether the whole document is one list of messages."""
    first = first_values(sample, 1) if sample.lstrip().startswith("[") else []
    return bool(first) and isinstance(first[0], dict) and is_message(first[0]) and conversation(first[0]) is None


def _names(sample: str, role: str, text: str) -> bool:
    rows = first_values(sample)
    if _is_one_talk(sample):
        return _talks(rows, role, text)
    return any(_talks(read, role, text) for read in rows)


def _talks(read: Any, role: str, text: str) -> bool:
    """Whether a row is a list of messages, under whatever key and however nested, that name roles and texts so."""
    lists = [read] if isinstance(read, list) else list(read.values()) if isinstance(read, dict) else []
    for rows in lists:
        if isinstance(rows, str) and rows.lstrip().startswith("["):
            rows = first_values(rows)
        if isinstance(rows, list) and any(isinstance(one, dict) and role in one and text in one for one in rows):
            return bool(conversations(read))
        if isinstance(rows, list) and rows and isinstance(rows[0], (dict, list)) and _talks(rows[0], role, text):
            return bool(conversations(read))
    return False


def _is_read(read: Any) -> bool:
    return any(made.rows or made.refusal for made in conversations(read))
