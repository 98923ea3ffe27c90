"""The messages of a Telegram export, chat by chat, from a stream of tokens.

One chat is `{"name": ..., "type": ..., "id": ..., "messages": [...]}`; an account is `{..., "chats": {"list": [...]},
"left_chats": {"list": [...]}}` with such chats, behind contacts and other things of any length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aeon_plugin_ft.dataset.importers.importing import Reading
from aeon_plugin_ft.dataset.importers.json_stream import DAMAGED, TextFile
from aeon_plugin_ft.dataset.importers.source import Source

LISTS = ("chats", "left_chats")


@dataclass(eq=False, slots=True)
class Chat:
    """One chat; compared by identity, as two may have one name."""

    name: str = ""
    kind: str = ""
    id: str = ""


def top_lists(source: Source) -> tuple[str, ...]:
    """What stands at the top of the document: ("chats", ...) of an account, () of one chat."""
    return LISTS if _first_key(source, {"messages", *LISTS}) in LISTS else ()


def _first_key(source: Source, keys: set[str]) -> str:
    import ijson

    try:
        for prefix, event, value in ijson.parse(TextFile(source), use_float=True):
            if event == "map_key" and prefix == "" and value in keys:
                return str(value)
    except (ijson.JSONError, ValueError, RecursionError, OverflowError):
        return ""
    return ""


def chats(source: Source, lists: tuple[str, ...], reading: Reading) -> Iterator[tuple[Chat, int, dict[str, Any]]]:
    """(chat, position from 1 in the file, message) of every message; damage is skipped and named."""
    import ijson

    heads = {"": ""} if not lists else {f"{name}.list.item": f"{name}.list.item." for name in lists}
    reader = _Reader(heads, ijson.ObjectBuilder)
    try:
        for prefix, event, value in ijson.parse(TextFile(source), use_float=True):
            message = reader.take(prefix, event, value)
            if message is None:
                continue
            if isinstance(message, dict):
                yield reader.chat, reader.number, source.mend(message) if source.suspect else message
            else:
                reading.skip(reader.number, "not a JSON object")
    except (ijson.JSONError, ValueError, RecursionError, OverflowError):
        reading.skip(reader.number + 1, DAMAGED)


class _Reader:
    """Tokens in, messages out. `heads` maps where a chat's object stands to what the paths of its keys begin with."""

    def __init__(self, heads: dict[str, str], builder: Any) -> None:
        self.chat, self.number = Chat(), 0
        self._heads = heads
        self._messages = {f"{start}messages.item" for start in heads.values()}
        self._fields = {f"{start}{key}": key for start in heads.values() for key in ("name", "type", "id")}
        self._new_builder = builder
        self._builder: Any = None
        self._within = ""

    def take(self, prefix: str, event: str, value: Any) -> Any:
        """One more token; the message that it completes, None otherwise."""
        if self._builder is not None:
            self._builder.event(event, value)
            if prefix == self._within and event in ("end_map", "end_array"):
                made, self._builder = self._builder.value, None
                self.number += 1
                return made
        elif prefix in self._messages and event != "end_array":
            self._within, self._builder = prefix, self._new_builder()
            self._builder.event(event, value)
            if event not in ("start_map", "start_array"):
                self._builder = None
                self.number += 1
                return value if value is not None else False
        elif event == "start_map" and prefix in self._heads:
            self.chat = Chat()
        elif prefix in self._fields and event in ("string", "number", "integer", "double"):
            field = {"type": "kind"}.get(self._fields[prefix], self._fields[prefix])
            setattr(self.chat, field, str(value))
        return None
