"""Exports of other assistants: ChatGPT's and Claude's conversations.json, read one conversation at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading, TurnMaker
from aeon_plugin_ft.dataset.importers.json_stream import items
from aeon_plugin_ft.dataset.importers.jsonl import first_object, objects, text_of
from aeon_plugin_ft.dataset.importers.people import iso
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.turns.model import LoggedTurn

Said = tuple[str, str, float, str]
"""Role, text, time and model of one message."""


def _conversations(source: Source, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    """A list of conversations, one object a line, or one conversation alone."""
    start = source.sample.lstrip()
    if start.startswith("[") or first_object(start.split("\n", 1)[0]) is not None:
        return objects(source, reading)
    return items(source, "", reading)


class ChatGpt:
    name = "chatgpt"
    title = "ChatGPT's export (conversations.json), the current branch of each conversation"

    def sniff(self, sample: str) -> float:
        """By the "mapping" that each of its conversations has."""
        if not sample.lstrip().startswith(("[", "{")):
            return 0.0
        return 0.95 if re.search(r'"mapping"\s*:\s*\{', sample) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """The current branch of each conversation."""
        maker = TurnMaker(self.name)
        for number, read in _conversations(source, reading):
            yield from _pair_up(number, _branch(read), maker, reading)


def _branch(conversation: dict[str, Any]) -> list[Said]:
    """The messages from the root to the current leaf; the branches that were edited away stay out."""
    mapping = conversation.get("mapping")
    if not isinstance(mapping, dict):
        return []
    messages: list[Said] = []
    node, seen = conversation.get("current_node") or _deepest(mapping), set[str]()
    while isinstance(node, str) and isinstance(mapping.get(node), dict) and node not in seen:
        seen.add(node)  # a damaged tree may have a circle
        message = mapping[node].get("message")
        if isinstance(message, dict):
            messages.append(_chatgpt_message(message))
        node = mapping[node].get("parent")
    return [one for one in reversed(messages) if one[1]]


def _deepest(mapping: dict[str, Any]) -> str | None:
    """Exports without current_node: the last node without children is the newest leaf."""
    leaves = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]
    return leaves[-1] if leaves else None


def _chatgpt_message(message: dict[str, Any]) -> Said:
    author, content, metadata = message.get("author"), message.get("content"), message.get("metadata")
    role = author.get("role") if isinstance(author, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    # Custom instructions, and what goes to a tool instead of to the person.
    hidden = metadata.get("is_visually_hidden_from_conversation") or message.get("recipient") not in (None, "all")
    spoken = isinstance(content, dict) and content.get("content_type") in ("text", "multimodal_text")
    text = text_of(content.get("parts")) if isinstance(content, dict) and spoken and not hidden else ""
    model = metadata.get("model_slug")
    return str(role), text, iso(message.get("create_time")), model if isinstance(model, str) else ""


class Claude:
    name = "claude"
    title = "Claude's export (conversations.json)"

    def sniff(self, sample: str) -> float:
        """By the "chat_messages" that each of its conversations has."""
        if not sample.lstrip().startswith(("[", "{")):
            return 0.0
        return 0.95 if re.search(r'"chat_messages"\s*:\s*\[', sample) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """Each conversation in its order."""
        maker = TurnMaker(self.name)
        for number, read in _conversations(source, reading):
            messages = read.get("chat_messages")
            texts = (
                [_claude_message(row) for row in messages if isinstance(row, dict)]
                if isinstance(messages, list)
                else []
            )
            yield from _pair_up(number, [one for one in texts if one[1]], maker, reading)


def _claude_message(message: dict[str, Any]) -> Said:
    content = message.get("content")
    spoken = (
        [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if isinstance(content, list)
        else []
    )
    text = text_of(spoken) or text_of(message.get("text"))
    role = {"human": "user", "assistant": "assistant"}.get(str(message.get("sender")), "")
    return role, text, iso(message.get("created_at")), ""


def _pair_up(number: int, messages: list[Said], maker: TurnMaker, reading: Reading) -> Iterator[LoggedTurn]:
    """Each question with the reply behind it; a reply in several messages is one."""
    maker.new_session()
    question: list[str] = []
    reply: list[str] = []
    asked, model, made = 0.0, "", 0
    # One more question at the end, which closes the last pair.
    for role, text, at, by in [*messages, ("user", "", 0.0, "")]:
        if role == "assistant" and question:
            reply.append(text)
            model = by or model
        elif role == "user":
            if question and reply:
                yield maker.make("\n".join(question), "\n".join(reply), at=asked, model=model)
                question, reply, made = [], [], made + 1
            asked = asked if question else at
            question.append(text)
    if not made:
        reading.skip(number, "a conversation without a question and a reply")
