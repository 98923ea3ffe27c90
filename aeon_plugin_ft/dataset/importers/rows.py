"""One row of a training file as a conversation, whatever its keys are called, and whether it may be learnt.

Shapes: messages (OpenAI, TRL, Axolotl, LLaMA-Factory), conversations (ShareGPT), a bare list of messages, prompt and
completion as texts or lists (TRL), Alpaca with its history, Dolly, pairs. Ratings (KTO: `label`, `kto_tag`), weights
(OpenAI `weight`, LLaMA-Factory `loss_weight`, Axolotl `train`) and preferences (`chosen`, `rejected`) count.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from hooks import Message

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "bard": "assistant", "bing": "assistant", "ai": "assistant", "instruction": "user", "output": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "ipython": "tool", "tool_response": "tool",
    "tool_result": "tool", "function_response": "tool", "function_call": "call", "tool_call": "call",
    "tool_calls": "call",
}  # fmt: skip
"""What the various exports call a role."""

_SEEN = re.compile(r"<(?:image|video|audio)>")
TALK_KEYS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "chosen_messages")
PAIR_KEYS = (
    ("user", "assistant"), ("user", "aeon"), ("human", "assistant"), ("instruction", "output"),
    ("instruction", "response"), ("prompt", "completion"), ("prompt", "response"), ("question", "answer"),
    ("input", "output"), ("query", "response"),
)  # fmt: skip
"""Keys of a question and its reply, Aeon's own shapes first."""
_WRAPPERS = ("data", "examples", "rows", "items", "dataset", "train", *TALK_KEYS)
"""Under these keys a document may hold whole rows, each a conversation of its own."""
DEEPEST = 4
"""Levels of conversations in conversations; brackets in brackets have no end."""
_WRITTEN_CALL = re.compile(r"<tool_call>|\s*<functioncall>|\s*\[TOOL_CALLS\]")
"""How calls of tools are written into a text (Hermes, glaive, Mistral)."""
_ABOUT = ("input", "context")
"""Where Alpaca and Dolly keep what an instruction is about."""
_ROW_FLAGS = ("label", "kto_tag", "weight", "train", "trainable", "learn", "loss_weight")
_MESSAGE_FLAGS = ("weight", "loss_weight", "train", "training", "trainable", "learn", "train_on_turn", "label")

UNWANTED = "the file says that it is not to be learnt"
REJECTED = "only the rejected side of a preference"
EMPTY = "an empty question or reply"
NO_WORDS = "a message without words (a picture, an attachment)"
UNKNOWN_ROLE = "a message without a known role"
NOTHING = "no question and reply in it"

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a training file. `learn`: a reply that may be a target. `call`: a tool was called, which is no
    reply. `wordless`: something else than text was sent."""

    role: Role
    text: str
    learn: bool = True
    call: bool = False
    wordless: bool = False

    @property
    def message(self) -> Message:
        """What a model was sent."""
        return Message(self.role, self.text)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of one row; `skipped` names messages that could not be read, `refusal` why nothing of it is to be
    learnt, "" where something is."""

    rows: tuple[Row, ...] = ()
    skipped: tuple[str, ...] = ()
    refusal: str = ""


def is_no(value: Any) -> bool:
    """Whether a flag of a row or a message says no: false, 0, "false". What is not there says nothing."""
    if isinstance(value, str):
        return value.strip().lower() in {"false", "0", "0.0", "no", "undesirable", "bad", "rejected", "negative"}
    return value is False or (isinstance(value, (int, float)) and value == 0)


def text_of(content: Any) -> str:
    """The text of a message: a string, or a list of parts of which only the texts count."""
    if isinstance(content, str):
        return content.strip()
    if isinstance(content, dict):
        content = [content]
    if isinstance(content, list):
        texts = (_part_text(part) for part in content)
        return "\n".join(text.strip() for text in texts if text.strip())
    return ""


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    text = part.get("text")
    # LLaMA-Factory's own format calls it a value; of other kinds (a picture, a tool) the value is no text.
    if text is None and part.get("type") == "text":
        text = part.get("value", part.get("content"))
    return text if isinstance(text, str) else ""


def conversations(read: Any, depth: int = 0) -> list[Conversation]:
    """Everything that a row of a file says: one conversation, or those that are nested in it. Empty for a row in no
    shape that is known here."""
    nested = _nested(read) if depth < DEEPEST else None
    if nested is not None:
        return [one for row in nested for one in conversations(row, depth + 1)]
    only = conversation(read)
    return [] if only is None else [only]


def _nested(read: Any) -> list[Any] | None:
    """The rows in a row, None for a conversation."""
    lists = [read] if isinstance(read, list) else []
    if isinstance(read, dict):
        lists = [rows for key in _WRAPPERS if isinstance(rows := read.get(key), list)]
    for rows in lists:
        first = rows[0] if rows else None
        if isinstance(first, list) or (isinstance(first, dict) and not is_message(first) and _holds_talk(first)):
            return rows
    return None


def _holds_talk(row: dict[str, Any]) -> bool:
    return any(isinstance(row.get(key), list) for key in TALK_KEYS)


def conversation(read: Any) -> Conversation | None:
    """What a row of a file says; None for one in no shape that is known here."""
    if isinstance(read, list):
        return _talk(read, None) if any(is_message(one) for one in read) else None
    if not isinstance(read, dict):
        return None
    rows = next((rows for key in TALK_KEYS if (rows := _as_list(read.get(key))) is not None), None)
    if rows is not None:
        return _refused(read, _with_chosen(read, _unseen(read, _talk(rows, read.get("system")))))
    prompt = _prompt(read)
    if prompt is not None:
        return _refused(read, prompt)
    keys = pair_keys(read)
    return None if keys is None else _refused(read, _pair(read, *keys))


def _unseen(read: dict[str, Any], made: Conversation) -> Conversation:
    """LLaMA-Factory names what a row has besides its texts; where it stands, the text has a placeholder."""
    if not any(read.get(key) for key in ("images", "videos", "audios")):
        return made
    rows = (
        replace(row, text="", wordless=True) if row.role == "user" and _SEEN.search(row.text) else row
        for row in made.rows
    )
    return Conversation(tuple(rows), made.skipped)


def pair_keys(read: dict[str, Any]) -> tuple[str, str] | None:
    """The keys under which a question and its reply stand."""
    return next((keys for keys in PAIR_KEYS if all(isinstance(read.get(key), str) for key in keys)), None)


def _as_list(value: Any) -> list[Any] | None:
    """A list, also one that was written as JSON into a string (tables have no lists)."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def is_message(one: Any) -> bool:
    """Whether it is one message: somebody's, with what they said."""
    return isinstance(one, dict) and any(key in one for key in ("role", "from"))


def _refused(read: dict[str, Any], made: Conversation) -> Conversation:
    if read.get("rejected") is True or any(is_no(read[key]) for key in _ROW_FLAGS if key in read):
        return Conversation(refusal=UNWANTED)
    if "rejected" in read and not any(row.role == "assistant" and row.learn for row in made.rows):
        return Conversation(refusal=REJECTED)
    return made


def _talk(rows: list[Any], system: Any) -> Conversation:
    """Known roles with their texts; one message of an unknown role is skipped, not its conversation."""
    made: list[Row] = []
    skipped: list[str] = []
    for one in rows:
        if isinstance(one, dict) and not is_message(one) and (keys := pair_keys(one)) is not None:
            made += (Row("user", text_of(one[keys[0]])), Row("assistant", text_of(one[keys[1]])))
            continue
        row = _message(one)
        if row is None:
            skipped.append(UNKNOWN_ROLE)
        else:
            made.append(row)
    if isinstance(system, str) and system.strip() and not (made and made[0].role == "system"):
        made.insert(0, Row("system", system))
    return Conversation(tuple(made), tuple(skipped))


def _message(one: Any) -> Row | None:
    if not isinstance(one, dict):
        return None
    role = ROLES.get(str(one.get("role", one.get("from"))).lower())
    if role is None:
        return None
    content = one.get("content", one.get("value", one.get("text")))
    # As it was said, blanks included: it is what a model was sent.
    text = content if isinstance(content, str) else text_of(content)
    calls = one.get("tool_calls") or one.get("function_call") or _call_parts(content)
    learn = not any(is_no(one[key]) for key in _MESSAGE_FLAGS if key in one)
    if role == "call" or (role == "assistant" and (calls or _WRITTEN_CALL.match(text) or "<tool_call>" in text)):
        written = text.strip() or json.dumps(calls, ensure_ascii=False)
        return Row("assistant", written, learn=False, call=True)
    return Row(cast(Role, role), text, learn, wordless=not text and bool(content))


def _call_parts(content: Any) -> list[Any]:
    parts = content if isinstance(content, list) else []
    return [part for part in parts if isinstance(part, dict) and part.get("type") in ("tool_call", "tool_use")]


def _with_chosen(read: dict[str, Any], made: Conversation) -> Conversation:
    """LLaMA-Factory's preferences: the messages are the question, the chosen side is the reply."""
    if "chosen" not in read:
        return made
    return Conversation((*made.rows, *_side(read["chosen"], made.rows)), made.skipped)


def _side(value: Any, asked: tuple[Row, ...]) -> tuple[Row, ...]:
    """The reply in one side of a preference: a text, a message, or a list that may repeat the question."""
    if isinstance(value, str):
        return (Row("assistant", value),)
    rows = _talk(value if isinstance(value, list) else [value], None).rows
    repeated = [row.message for row in rows[: len(asked)]] == [row.message for row in asked]
    return rows[len(asked) :] if repeated and asked else rows


def _prompt(read: dict[str, Any]) -> Conversation | None:
    """TRL: a prompt as a text or as messages, with a completion or with two sides. OpenAI's preferences likewise."""
    given = read.get("prompt")
    if isinstance(read.get("input"), dict) and "preferred_output" in read:
        given, read = read["input"].get("messages"), {**read, "chosen": read["preferred_output"]}
    asked = _as_list(given)
    reply = next((read[key] for key in ("completion", "chosen", "response") if key in read), None)
    if asked is None and "chosen" in read and isinstance(given, str):
        asked = [{"role": "user", "content": given}]
    if asked is None:
        # Both sides as whole conversations, without a prompt of their own.
        whole = _as_list(read.get("chosen"))
        return None if whole is None or "completion" in read else _talk(whole, read.get("system"))
    made = _talk(asked, read.get("system"))
    return Conversation((*made.rows, *(_side(reply, made.rows) if reply is not None else ())), made.skipped)


def _pair(read: dict[str, Any], ask: str, reply: str) -> Conversation:
    asked = text_of(read[ask])
    about = [text_of(read.get(key)) for key in _ABOUT if ask == "instruction"]
    question = "\n".join(part for part in (asked, *about) if part)
    system = read.get("system")
    before = [Row("system", system)] if isinstance(system, str) and system.strip() else []
    for pair in _as_list(read.get("history")) or ():
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            # It was said before, and is an example of its own where it is one.
            before += (Row("user", text_of(pair[0])), Row("assistant", text_of(pair[1]), learn=False))
    return Conversation((*before, Row("user", question), Row("assistant", text_of(read[reply]))))
