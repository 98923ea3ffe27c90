"""Exports of other assistants: ChatGPT's and Claude's conversations.json, read one conversation at a time.

Both keep every edited question and every reply that was asked for again. What is read is the path on which the person
ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from aeon_plugin_ft.dataset.importers.exchanges import Said, exchanges
from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.jsonl import objects
from aeon_plugin_ft.dataset.importers.marks import without_artifacts, without_citations
from aeon_plugin_ft.dataset.importers.people import iso
from aeon_plugin_ft.dataset.importers.rows import is_no, text_of
from aeon_plugin_ft.dataset.importers.source import Source
from aeon_plugin_ft.dataset.importers.turn_maker import TurnMaker
from aeon_plugin_ft.turns.model import LoggedTurn

PICTURE = "a question with a picture, a recording or an attachment and no words"
TOOLS_WORK = "a reply that is a picture, an artifact or a tool's work"
UNWANTED = "a reply that its file marks as not to be learnt"


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
        for number, read in objects(source, reading):
            identity = read.get("conversation_id") or read.get("id")
            yield from _turns(number, identity, _branch(read), maker, reading)


def _branch(conversation: dict[str, Any]) -> list[Said]:
    """The messages from the root to the current leaf; the branches that were edited away stay out."""
    mapping = conversation.get("mapping")
    if not isinstance(mapping, dict):
        return []
    messages: list[Said] = []
    node, seen = conversation.get("current_node"), set[str]()
    if not isinstance(node, str) or node not in mapping:
        node = _deepest(mapping)
    while isinstance(node, str) and isinstance(mapping.get(node), dict) and node not in seen:
        seen.add(node)  # a damaged tree may have a circle
        message = mapping[node].get("message")
        said = _chatgpt_message(node, message) if isinstance(message, dict) else None
        if said is not None:
            messages.append(said)
        node = mapping[node].get("parent")
    return messages[::-1]


def _deepest(mapping: dict[str, Any]) -> str | None:
    """Exports without current_node: the last node without children is the newest leaf."""
    leaves = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]
    return leaves[-1] if leaves else None


def _chatgpt_message(identity: str, message: dict[str, Any]) -> Said | None:
    """What was said to the person or by them; None for what they never saw: thoughts, calls of tools, settings."""
    author, content, metadata = message.get("author"), message.get("content"), message.get("metadata")
    role = author.get("role") if isinstance(author, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    # Custom instructions, and what goes to a tool instead of to the person.
    hidden = metadata.get("is_visually_hidden_from_conversation") or message.get("recipient") not in (None, "all")
    if hidden or role not in ("user", "assistant", "tool"):
        return None
    content = content if isinstance(content, dict) else {}
    kind, parts = content.get("content_type"), content.get("parts")
    at = iso(message.get("create_time"))
    text = text_of(parts) if kind in ("text", "multimodal_text") else ""
    if role == "user":
        return Said("user", text, at, identity, flaw="" if text else PICTURE)
    if role == "tool":
        # A picture that a tool made is all the reply there is; other results are for the model.
        made = kind == "multimodal_text" and isinstance(parts, list) and any(isinstance(part, dict) for part in parts)
        return Said("assistant", "", at, identity, flaw=TOOLS_WORK) if made else None
    text, model = without_citations(text), metadata.get("model_slug")
    if not text:
        return Said("assistant", "", at, identity, flaw=TOOLS_WORK) if kind == "multimodal_text" else None
    flaw = UNWANTED if is_no(message.get("weight")) else ""
    return Said("assistant", text, at, identity, model if isinstance(model, str) else "", flaw)


class Claude:
    name = "claude"
    title = "Claude's export (conversations.json), the last branch of each conversation"

    def sniff(self, sample: str) -> float:
        """By the "chat_messages" that each of its conversations has."""
        if not sample.lstrip().startswith(("[", "{")):
            return 0.0
        return 0.95 if re.search(r'"chat_messages"\s*:\s*\[', sample) else 0.0

    def read(self, source: Source, reading: Reading) -> Iterator[LoggedTurn]:
        """The last branch of each conversation."""
        maker = TurnMaker(self.name)
        for number, read in objects(source, reading):
            rows = read.get("chat_messages")
            messages = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            path = _path(messages, read.get("current_leaf_message_uuid"))
            said = [one for row in path if (one := _claude_message(row)) is not None]
            yield from _turns(number, read.get("uuid"), said, maker, reading)


def _path(messages: list[dict[str, Any]], leaf: Any) -> list[dict[str, Any]]:
    """From the first message to the leaf, by default the last one that was written. Everything in its order where
    the messages make no tree (older exports)."""
    by_id = {row["uuid"]: row for row in messages if isinstance(row.get("uuid"), str)}
    parents = [row.get("parent_message_uuid") for row in messages]
    if len(by_id) < len(messages) or not any(isinstance(one, str) and one in by_id for one in parents):
        return messages
    replies = [row for row in messages if row.get("sender") == "assistant"]
    path = _up(by_id[leaf] if isinstance(leaf, str) and leaf in by_id else messages[-1], by_id)
    # A question that was worded anew at the very end and got no reply has nothing before it.
    answered = any(row.get("sender") == "assistant" for row in path)
    return path if answered or not replies else _up(replies[-1], by_id)


def _up(row: dict[str, Any] | None, by_id: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """From the first message to this one."""
    path, seen = [], set[str]()
    while row is not None and row["uuid"] not in seen:
        seen.add(row["uuid"])
        path.append(row)
        parent = row.get("parent_message_uuid")
        row = by_id.get(parent) if isinstance(parent, str) else None
    return path[::-1]


def _claude_message(message: dict[str, Any]) -> Said | None:
    content, at = message.get("content"), iso(message.get("created_at"))
    identity = message["uuid"] if isinstance(message.get("uuid"), str) else ""
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    text = text_of([part for part in parts if part.get("type") == "text"])
    # "text" repeats the parts, with a placeholder for each that the app cannot show.
    if not text and all(part.get("type") == "text" for part in parts):
        text = text_of(message.get("text"))
    text = without_artifacts(text)
    if message.get("sender") == "human":
        return Said("user", text, at, identity, flaw="" if text else PICTURE)
    if message.get("sender") != "assistant" or not (text or parts):
        return None
    flaw = "" if text or all(part.get("type") == "text" for part in parts) else TOOLS_WORK
    return Said("assistant", text, at, identity, flaw=flaw) if text or flaw else None


def _turns(
    number: int, identity: Any, messages: Sequence[Said], maker: TurnMaker, reading: Reading
) -> Iterator[LoggedTurn]:
    """Each question with its reply. `identity` is the conversation's id in the export, `number` its position."""
    conversation = identity if isinstance(identity, str) else ""
    maker.new_session(conversation)
    ids = [one.id for one in messages]
    # A file that was made by hand may give all messages one id.
    numbered = conversation != "" and "" not in ids and len(set(ids)) == len(ids)
    paired = list(exchanges(messages))
    for one in paired:
        if one.flaw:
            reading.skip(number, one.flaw)
            continue
        asked, told = one.questions[-1], one.replies[0]
        key = (conversation, asked.id, told.id) if numbered else (conversation, str(asked.at), one.question, one.reply)
        at = next((said.at for said in one.questions if said.at), 0.0)
        yield maker.make(one.question, one.reply, at=at, model=one.model, key=key)
    if not paired:
        reading.skip(number, "a conversation without a question and a reply")
