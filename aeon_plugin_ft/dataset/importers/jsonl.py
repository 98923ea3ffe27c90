"""Conversations that are already training data: messages JSONL, ShareGPT, question-and-reply pairs.

One object a line, or one JSON list of such objects (`personalidade.json`); read as a stream either way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading, TurnMaker
from aeon_plugin_ft.dataset.importers.json_stream import items
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import Message

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant", "bard": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "function_call": "assistant",
}  # fmt: skip
"""What the various exports call a role."""

PAIR_KEYS = (
    ("user", "assistant"), ("user", "aeon"), ("prompt", "completion"), ("prompt", "response"),
    ("instruction", "output"), ("question", "answer"),
)  # fmt: skip
"""Keys of a question and its reply, Aeon's own shapes first."""

PRAISE_RECEIPT = re.compile(r"Padr.o de comportamento registrado", re.IGNORECASE)
"""What Aeon says when it is praised; a second praise makes it store the receipt as if it were a reply."""


def objects(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line or position, object) of a JSON Lines file or of a JSON list; damage is skipped."""
    if source.sample.lstrip().startswith("["):
        yield from items(source, "item", reading)
        return
    for number, line in source.lines():
        if not line.strip():
            continue
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            reading.skip(number, "not a JSON object (a torn line?)")
            continue
        if isinstance(read, dict):
            yield number, read
        else:
            reading.skip(number, "not a JSON object")


def first_object(sample: str) -> dict[str, Any] | None:
    """The first whole object of a JSON Lines file or a JSON list; None when there is none in the sample."""
    start = sample.find("{")
    if start < 0 or sample[:start].strip() not in {"", "["}:
        return None
    try:
        read, _ = json.JSONDecoder().raw_decode(sample, start)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def text_of(content: Any) -> str:
    """The text of a message: a string, or a list of parts of which only the texts count."""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, list):
        parts = [
            part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, (str, dict))
        ]
        return "\n".join(part.strip() for part in parts if isinstance(part, str) and part.strip())
    return ""


class Talk:
    """Turns out of whole conversations, each with the exact messages before it.

    A longer conversation that repeats an earlier one (as exported multi-turn examples do) gives each pair once.
    """

    def __init__(self, name: str, reading: Reading) -> None:
        self.maker = TurnMaker(name)
        self.reading = reading
        self._seen: set[int] = set()

    def turns(self, number: int, messages: list[Message]) -> Iterator[LoggedTurn]:
        """Each reply of a conversation with everything before it; `number` is its line or position, for what is
        skipped."""
        self.maker.new_session()
        replies = [
            at for at, m in enumerate(messages) if m.role == "assistant" and at and messages[at - 1].role == "user"
        ]
        if not replies:
            self.reading.skip(number, "no question with a reply behind it")
        for at in replies:
            user, reply = messages[at - 1].content, messages[at].content
            if not user or not reply:
                self.reading.skip(number, "an empty question or reply")
                continue
            key = hash((user, reply))
            # The last pair of a conversation is always taken: the example was exported for it.
            if at != replies[-1] and key in self._seen:
                continue
            self._seen.add(key)
            yield self.maker.make(user, reply, before=tuple(messages[: at - 1]))


class MessagesLines:
    name = "messages"
    title = 'JSONL with {"messages": [...]} a line (OpenAI, Groq, this plugin)'

    def sniff(self, sample: str) -> float:
        """By the roles in the first object."""
        first = first_object(sample)
        return 0.9 if first is not None and _is_talk(first.get("messages"), "role") else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each conversation's replies, with the messages before them."""
        talk = Talk(self.name, reading)
        for number, read in objects(source, reading):
            yield from talk.turns(number, _messages(number, read.get("messages"), "role", "content", reading))


class ShareGpt:
    name = "sharegpt"
    title = 'ShareGPT: {"conversations": [{"from": ..., "value": ...}]}'

    def sniff(self, sample: str) -> float:
        """By the "from" in the first object."""
        first = first_object(sample)
        return 0.9 if first is not None and _is_talk(first.get("conversations"), "from") else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each conversation's replies, with the messages before them."""
        talk = Talk(self.name, reading)
        for number, read in objects(source, reading):
            messages = _messages(number, read.get("conversations"), "from", "value", reading)
            system = read.get("system")
            if isinstance(system, str) and system.strip() and (not messages or messages[0].role != "system"):
                messages.insert(0, Message("system", system))
            yield from talk.turns(number, messages)


class Pairs:
    name = "pairs"
    title = "question and reply: Aeon's personalidade.json and training/processed, Alpaca, prompt and completion"

    def sniff(self, sample: str) -> float:
        """By a known pair of keys in the first object; less sure than formats that name their roles."""
        first = first_object(sample)
        return 0.7 if first is not None and _pair_keys(first) is not None else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """One conversation of one turn for each pair."""
        maker = TurnMaker(self.name)
        for number, read in objects(source, reading):
            keys = _pair_keys(read)
            if keys is None:
                reading.skip(number, "no question and reply in it")
                continue
            user, reply = text_of(read[keys[0]]), text_of(read[keys[1]])
            more = read.get("input")
            # Alpaca keeps what the instruction is about apart from it.
            if keys[0] == "instruction" and isinstance(more, str) and more.strip():
                user = f"{user}\n{more.strip()}"
            if not user or not reply:
                reading.skip(number, "an empty question or reply")
            elif PRAISE_RECEIPT.search(reply):
                reading.skip(number, "Aeon's receipt for a praise, stored as if it were a reply")
            else:
                system = read.get("system")
                before = (Message("system", system),) if isinstance(system, str) and system.strip() else ()
                maker.new_session()
                yield maker.make(user, reply, before=before)


def _pair_keys(read: dict[str, Any]) -> tuple[str, str] | None:
    return next((keys for keys in PAIR_KEYS if all(isinstance(read.get(key), str) for key in keys)), None)


def _is_talk(value: Any, role_key: str) -> bool:
    return isinstance(value, list) and any(isinstance(row, dict) and role_key in row for row in value)


def _messages(number: int, rows: Any, role_key: str, text_key: str, reading: Reading) -> list[Message]:
    """Known roles with their texts; one message of an unknown role is skipped, not its conversation."""
    messages: list[Message] = []
    for row in rows if isinstance(rows, list) else []:
        role = ROLES.get(str(row.get(role_key)).lower()) if isinstance(row, dict) else None
        if role is None:
            reading.skip(number, "a message without a known role")
            continue
        text = row.get(text_key)
        messages.append(Message(role, text if isinstance(text, str) else text_of(text)))  # type: ignore[arg-type]
    return messages
