"""One small, valid file of every format, with what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aeon_plugin_ft.turns.lines import TurnEncoder, header_line
from aeon_plugin_ft.turns.model import TurnKind
from hooks import Attempt, Message, Turn


@dataclass(frozen=True)
class Shape:
    text: str
    pairs: list[tuple[str, str]]
    who: dict[str, str] = field(default_factory=dict)


PAIRS = [("oi, ação?", "Fala, cara."), ("e aí?", "Tudo em paz, irmão.")]


def chatgpt() -> list[dict[str, Any]]:
    """A tree with an edited question, a hidden message, a tool call and a reply in two messages."""

    def node(
        key: str, parent: str | None, role: str, text: str, at: float | None = None, **more: Any
    ) -> dict[str, Any]:
        kind = more.pop("content_type", "text")
        message = {
            "author": {"role": role},
            "content": {"content_type": kind, "parts": [text]},
            "create_time": at,
            **more,
        }
        return {"id": key, "message": message, "parent": parent, "children": []}

    nodes = [
        {"id": "root", "message": None, "parent": None, "children": ["s"]},
        node("s", "root", "system", "escondido", metadata={"is_visually_hidden_from_conversation": True}),
        node("old", "s", "user", "pergunta velha"),
        node("bad", "old", "assistant", "resposta velha"),
        node("u", "s", "user", "pergunta editada", 1700000002.5),
        node("t", "u", "assistant", "search(x)", recipient="web"),
        node("r", "t", "tool", "resultado"),
        node("a", "r", "assistant", "resposta boa", recipient="all", metadata={"model_slug": "gpt-x"}),
        node("a2", "a", "assistant", "segunda parte"),
        node("c", "a2", "assistant", "x=1", content_type="code"),
        node("u2", "c", "user", "e mais?"),
        node("a3", "u2", "assistant", "Mais isso."),
    ]
    for child in nodes:
        for parent in nodes:
            if parent["id"] == child["parent"] and child["id"] not in parent["children"]:
                parent["children"].append(child["id"])
    return [{"title": "t", "mapping": {one["id"]: one for one in nodes}, "current_node": "a3"}]


def own_log() -> str:
    encoder = TurnEncoder(lambda text: text)
    data = header_line("ab")
    for number, (user, reply) in enumerate(PAIRS):
        served = Attempt("embedded", "m", "base", True, 0.5)
        messages = (Message("system", "Você é AEON."), Message("user", user))
        turn = Turn(
            f"{number:032x}", "s", 1.7e9 + number, 0.5, "chat", "auto", user, messages, reply, served, (served,)
        )
        encoded = encoder.encode(turn, TurnKind.CHAT)
        data += b"".join(line for _, line in encoded.systems) if number == 0 else b""
        data += encoded.line
    return data.decode()


def _lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _talk(role: str, text: str, user: str, assistant: str) -> list[list[dict[str, str]]]:
    return [[{role: user, text: asked}, {role: assistant, text: said}] for asked, said in PAIRS]


def _claude() -> str:
    messages = [
        {"uuid": str(n), "sender": sender, "text": text, "created_at": f"2024-05-0{n}T10:00:00.123456Z"}
        for n, (sender, text) in enumerate(
            (s, t) for pair in PAIRS for s, t in zip(("human", "assistant"), pair, strict=True)
        )
    ]
    return json.dumps([{"uuid": "x", "name": "n", "chat_messages": messages}])


def _whatsapp() -> str:
    return "".join(
        f"1{n}/03/2024 14:05 - Ana: {user}\n1{n}/03/2024 14:06 - Bia: {reply}\n"
        for n, (user, reply) in enumerate(PAIRS)
    )


def _telegram() -> str:
    messages: list[dict[str, Any]] = [{"id": 0, "type": "service", "action": "x", "actor_id": "u1", "text": ""}]
    for n, (author, text) in enumerate((a, t) for pair in PAIRS for a, t in zip(("Ana", "Bia"), pair, strict=True)):
        stamp = str(1700000000 + 60 * n)
        messages.append(
            {"id": n, "type": "message", "date_unixtime": stamp, "from": author, "from_id": "u", "text": text}
        )
    return json.dumps({"name": "Bia", "type": "personal_chat", "id": 1, "messages": messages}, ensure_ascii=False)


def _discord() -> str:
    messages: list[dict[str, Any]] = [
        {
            "id": "0",
            "type": "ChannelPinnedMessage",
            "content": "x",
            "author": {"name": "Ana"},
            "timestamp": "2024-01-01",
        },
        {"id": "1", "type": "Default", "content": "", "author": {"name": "Ana"}, "timestamp": "2024-01-01"},
    ]
    for n, (user, reply) in enumerate(PAIRS):
        for author, text, bot in (("ana", user, False), ("aeon", reply, True)):
            at = f"2024-01-01T10:0{n}:00.5+00:00"
            messages.append(
                {
                    "id": str(n),
                    "type": "Default",
                    "timestamp": at,
                    "content": text,
                    "author": {"name": author, "isBot": bot},
                }
            )
    return json.dumps({"guild": {"id": "1"}, "channel": {"id": "2"}, "messages": messages}, ensure_ascii=False)


FILES = {
    "aeon": Shape(
        "AEON_SPEAK: Estou pronto.\n" + "".join(f"VOCÊ: {u}\nAEON: {r}\nAEON_SPEAK: {r}\n" for u, r in PAIRS), PAIRS
    ),
    "log": Shape(own_log(), PAIRS),
    "messages": Shape(_lines([{"messages": talk} for talk in _talk("role", "content", "user", "assistant")]), PAIRS),
    "sharegpt": Shape(_lines([{"conversations": talk} for talk in _talk("from", "value", "human", "gpt")]), PAIRS),
    "pairs": Shape(json.dumps([{"user": u, "aeon": r} for u, r in PAIRS], indent=4, ensure_ascii=False), PAIRS),
    "chatgpt": Shape(
        json.dumps(chatgpt()), [("pergunta editada", "resposta boa\nsegunda parte"), ("e mais?", "Mais isso.")]
    ),
    "claude": Shape(_claude(), PAIRS),
    "whatsapp": Shape(_whatsapp(), PAIRS, {"owner": "Ana", "assistant": "Bia"}),
    "telegram": Shape(_telegram(), PAIRS, {"owner": "Ana", "assistant": "Bia"}),
    "discord": Shape(_discord(), PAIRS),
}
