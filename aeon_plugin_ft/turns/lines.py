"""The log's wire format: one JSON object a line, UTF-8, never ASCII-escaped, ended by one newline byte.

    {"log": 1, "file": "<hex>"}                   first line of each file: format and the file's own name
    {"system": "<key>", "parts": ["...", ...]}    the fixed parts of a system prompt, once a file
    {"turn": "<id>", "at": ..., "took": ..., "session": ..., "kind": ..., "caller": ..., "mode": ...,
     "messages": [["system", {"is": "<key>", "with": ["..."]}], ["user", "..."]],
     "reply": "..." | null, "by": {"provider", "model", "version"} | null, "n": ..., "cut_off": true}

"n" is the turn's place in what was said (see `places`), "cut_off" says that what was said right before is not in the
log; lines of older releases and imported turns have neither.

A turn may also carry "prompt" (when it is not the last user message) and "attempts" (when there was more
than the one that answered). A key is the hash of its parts, and a prompt's line stands before the first
turn that uses it, in the same file, so each file can be read by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from aeon_plugin_ft.turns import prompts
from aeon_plugin_ft.turns.model import LoggedTurn, TurnKind
from hooks import Attempt, Message, Turn

FORMAT = 1
SYSTEM_START = b'{"system":'
TURN_START = b'{"turn":"'
KEY_CHARS = 24
IMPORT_CALLER = "import:"
"""A turn that was brought in from a file carries this and the importer's name as its caller."""
PROMPTS_KEPT = 64
"""System prompts whose line is kept ready; an Aeon has one, a host that makes them up has any number."""

Parts = tuple[str, ...]
Redact = Callable[[str], str]
RedactTurn = Callable[[Sequence[str]], Redact]
"""Is given what was said in one turn, and gives the `Redact` for it."""
T = TypeVar("T")
_ROLES = frozenset({"system", "user", "assistant", "tool"})
_KINDS = frozenset(kind.value for kind in TurnKind)
_NOBODY = {"provider": "none", "model": "", "version": "base"}


@dataclass(frozen=True, slots=True)
class Header:
    """First line of a file; `file` is a new name for every file ever written, rewrites included."""

    file: str


@dataclass(frozen=True, slots=True)
class SystemText:
    """The fixed parts of a system prompt."""

    key: str
    parts: Parts


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn as it stands in the log; `keys` are the system texts that it needs."""

    turn: LoggedTurn
    keys: frozenset[str]
    pieces: tuple[tuple[str, str | tuple[str, Parts]], ...]
    """Role and content, or role and (key, values), of each message."""

    def resolve(self, systems: Mapping[str, Parts]) -> LoggedTurn:
        """The turn with its exact messages; KeyError or ValueError when a system text is not
        in `systems` or does not fit."""
        messages = tuple(_message(role, content, systems) for role, content in self.pieces)
        return replace(self.turn, messages=messages)


class Outline(NamedTuple):
    """A turn without its texts; `keys` are the system texts that it needs."""

    id: str
    at: float
    session: str
    kind: str
    caller: str
    provider: str
    model: str
    version: str
    seconds: float
    reply_chars: int
    spoken: int
    keys: list[str]


@dataclass(frozen=True, slots=True)
class EncodedTurn:
    """A turn's whole line, and the (key, whole line) of each system text that must stand before it."""

    line: bytes
    systems: tuple[tuple[str, bytes], ...]


def header_line(file: str) -> bytes:
    """The first line of a log file: its format, and a name that changes when the file is rewritten."""
    return _line({"log": FORMAT, "file": file})


def parse(line: bytes) -> Header | SystemText | TurnRecord | None:
    """What a whole line says; None when it is nothing that this format knows."""
    return _parse(line, _record)


def outline(line: bytes) -> Header | SystemText | Outline | None:
    """As `parse`, with of a turn only what an index needs: several times as fast, and as strict."""
    return _parse(line, _outline)


def _parse(line: bytes, turn: Callable[[dict[str, Any]], T]) -> Header | SystemText | T | None:
    try:
        read = _decode(line)
        if "turn" in read:
            return turn(read)
        if "system" in read:
            return SystemText(str(read["system"]), tuple(map(str, read["parts"])))
        return Header(str(read["file"])) if read["log"] == FORMAT else None
    # Whatever a damaged line can do to this code; RecursionError for a thousand brackets in a row.
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


_raw_decode = json.JSONDecoder().raw_decode  # json.loads spends as long around this call as in it


def _decode(line: bytes) -> Any:
    text = line.decode()
    read, end = _raw_decode(text)
    if text[end:].strip():
        raise ValueError("more than one value in a line")
    return read


class TurnEncoder:
    """Turns into lines. Every text goes through `redact` first, or with `redact_turn` through what that gives for the
    texts of the turn (system prompts excepted: their fixed parts are shared by all turns). What they raise is raised
    on."""

    def __init__(self, redact: Redact, redact_turn: RedactTurn | None = None) -> None:
        self._redact = redact
        self._redact_turn = redact_turn
        self._prompts: dict[Parts, tuple[str, bytes]] = {}

    def encode(self, turn: Turn, kind: TurnKind, spoken: int | None = None, *, cut_off: bool = False) -> EncodedTurn:
        """One turn as its line, with the lines of the system texts that it needs; `spoken` and `cut_off` as in
        LoggedTurn. Raises what the redactors raise."""
        clean = _Memo(self._redact if self._redact_turn is None else self._redact_turn(_said(turn)))
        systems: dict[str, bytes] = {}
        messages = [[m.role, self._content(m, clean, systems)] for m in turn.messages]
        values: dict[str, Any] = {
            "turn": turn.id,
            "at": turn.started_at,
            "took": turn.seconds,
            "session": turn.session,
            "kind": kind.value,
            "caller": turn.caller,
            "mode": turn.mode,
            "messages": messages,
            "reply": None if turn.reply is None else clean(turn.reply),
            "by": _served(turn.served_by),
        }
        if spoken is not None:
            values["n"] = spoken
        if cut_off:
            values["cut_off"] = True
        # Left out in the usual case, in which the owner's words are the last message.
        if turn.prompt != next((m.content for m in reversed(turn.messages) if m.role == "user"), None):
            values["prompt"] = clean(turn.prompt)
        if turn.attempts and turn.attempts != (turn.served_by,):
            values["attempts"] = [_attempt(attempt, clean) for attempt in turn.attempts]
        return EncodedTurn(_line(values), tuple(systems.items()))

    def _content(self, message: Message, clean: Redact, systems: dict[str, bytes]) -> str | dict[str, Any]:
        if message.role != "system":
            return clean(message.content)
        text = prompts.split(message.content)
        key, line = self._prompt(text.parts)
        systems[key] = line
        # A date and time is nobody's secret, and a redactor may take its digits for a telephone.
        values = [value if prompts.CLOCK.fullmatch(value) else clean(value) for value in text.values]
        return {"is": key, "with": values}

    def _prompt(self, parts: Parts) -> tuple[str, bytes]:
        """Key and line of a prompt's fixed parts, redacted once and not once a turn."""
        ready = self._prompts.get(parts)
        if ready is None:
            kept = [self._redact(part) if part else part for part in parts]
            # Of the redacted text, as it stands in the file: a key must tell nothing of what was taken out.
            key = hashlib.sha256(_line(kept)).hexdigest()[:KEY_CHARS]
            ready = key, _line({"system": key, "parts": kept})
            if len(self._prompts) >= PROMPTS_KEPT:
                # All of them: rare enough that no order needs to be kept for it.
                self._prompts.clear()
            self._prompts[parts] = ready
        return ready


def spoken_at(seconds: float) -> int:
    """The place of a turn that has none of its own: its time, in microseconds since the epoch."""
    return int(seconds * 1_000_000)


def _said(turn: Turn) -> list[str]:
    """What both sides said in a turn, each text once."""
    texts = [message.content for message in turn.messages if message.role != "system"]
    return list(dict.fromkeys([*texts, turn.prompt, turn.reply or ""]))


class _Memo:
    """`redact` once a distinct text: the prompt is usually the last message as well."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._done: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if text not in self._done:
            self._done[text] = self._redact(text)
        return self._done[text]


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps makes one a call
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


def _line(value: Any) -> bytes:
    try:
        return _encode(value).encode() + b"\n"
    except UnicodeEncodeError:
        # A lone surrogate (a console that could not decode a key press) has no UTF-8; JSON can escape it.
        return _encode_ascii(value).encode() + b"\n"


def _served(attempt: Attempt | None) -> dict[str, str] | None:
    if attempt is None:
        return None
    return {"provider": attempt.provider, "model": attempt.model, "version": attempt.version}


def _attempt(attempt: Attempt, clean: Redact) -> dict[str, Any]:
    """A server's error may quote the prompt, so it is redacted as well."""
    error = None if attempt.error is None else clean(attempt.error)
    return {
        "provider": attempt.provider,
        "model": attempt.model,
        "version": attempt.version,
        "ok": attempt.ok,
        "took": attempt.seconds,
        "error": error,
    }


def _outline(read: dict[str, Any]) -> Outline:
    keys = []
    for role, content in read["messages"]:
        if role not in _ROLES:
            raise ValueError(f"no such role: {role}")
        if not isinstance(content, str):
            keys.append(str(content["is"]))
    if read["kind"] not in _KINDS:
        raise ValueError(f"no such kind: {read['kind']}")
    by = read["by"] or _NOBODY
    return Outline(
        str(read["turn"]),
        float(read["at"]),
        str(read["session"]),
        read["kind"],
        str(read["caller"]),
        str(by["provider"]),
        str(by["model"]),
        str(by["version"]),
        float(read["took"]),
        len(read["reply"] or ""),
        _spoken(read),
        keys,
    )


def _record(read: dict[str, Any]) -> TurnRecord:
    pieces = tuple(_piece(role, content) for role, content in read["messages"])
    by = read["by"] or _NOBODY
    caller = str(read["caller"])
    turn = LoggedTurn(
        id=str(read["turn"]),
        session=str(read["session"]),
        at=float(read["at"]),
        kind=TurnKind(read["kind"]),
        caller=caller,
        messages=(),
        reply=str(read["reply"] or ""),
        provider=str(by["provider"]),
        model=str(by["model"]),
        version=str(by["version"]),
        seconds=float(read["took"]),
        source=caller.removeprefix(IMPORT_CALLER) if caller.startswith(IMPORT_CALLER) else "live",
        spoken=_spoken(read),
        cut_off=bool(read.get("cut_off", False)),
    )
    keys = frozenset(content[0] for _, content in pieces if not isinstance(content, str))
    return TurnRecord(turn, keys, pieces)


def _spoken(read: dict[str, Any]) -> int:
    return int(read["n"]) if "n" in read else spoken_at(float(read["at"]))


def _piece(role: Any, content: Any) -> tuple[str, str | tuple[str, Parts]]:
    if role not in _ROLES:
        raise ValueError(f"no such role: {role}")
    if isinstance(content, str):
        return role, content
    return role, (str(content["is"]), tuple(map(str, content["with"])))


def _message(role: Any, content: str | tuple[str, Parts], systems: Mapping[str, Parts]) -> Message:
    if isinstance(content, str):
        return Message(role, content)
    key, values = content
    return Message(role, prompts.join(systems[key], values))
