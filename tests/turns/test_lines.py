from __future__ import annotations

import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.turns import TurnKind, TurnLog, prompts, read_turns
from aeon_plugin_ft.turns.lines import Header, SystemText, TurnEncoder, TurnRecord, header_line, outline, parse
from aeon_plugin_ft.turns.log import Limits
from core.prompt import system_prompt
from hooks import Attempt, Message, Turn

if TYPE_CHECKING:
    from tests.turns.conftest import TurnMaker

PIECES = st.sampled_from(
    [
        "[MEMÓRIAS RELEVANTES]",
        "Data e hora: ",
        "\nMemórias:\n",
        "22/11/2026 10:30",
        "Data/Hora: ",
        "\n",
        "\r\n",
        "\u2028",
        "\x00",
        "\x85",
        '"',
        "\\",
        "😀",
    ]
)
TEXT = st.lists(st.one_of(st.text(max_size=20), PIECES, st.sampled_from(["\ud800", "\udfff "])), max_size=8).map(
    "".join
)
MESSAGES = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), TEXT), max_size=6).map(
    tuple
)


def _is_utf16_pair(text: str) -> bool:
    return any("\ud800" <= a <= "\udbff" and "\udc00" <= b <= "\udfff" for a, b in itertools.pairwise(text))


def _turn(messages: tuple[Message, ...], reply: str | None, number: int = 1) -> Turn:
    return Turn(f"{number:032x}", "s", 1.5, 0.25, "chat", "auto", "p", messages, reply, None)


@settings(deadline=None)
@given(TEXT)
def test_a_prompt_is_its_parts_and_values(text: str) -> None:
    found = prompts.split(text)
    assert found.join() == text
    assert len(found.parts) == len(found.values) + 1


def test_the_parts_do_not_change_with_the_minute_or_the_memories(make_turn: TurnMaker) -> None:
    one, other = (prompts.split(make_turn().messages[0].content) for _ in range(2))
    assert one.parts == other.parts
    assert one.values != other.values
    assert one.values[0] == "22/11/2026 00:01"


def test_the_consoles_prompt_is_split_like_aeons() -> None:
    one = prompts.split(system_prompt(datetime(2026, 2, 5, 23, 17), "Dono: oi\nAeon: fala"))
    other = prompts.split(system_prompt(datetime(2026, 2, 6, 9, 0)))
    assert one.parts == other.parts
    assert one.values == ("05/02/2026 23:17", "Dono: oi\nAeon: fala")


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 parts and 2 values"):
        prompts.join(("a", "b"), ("x", "y"))


@settings(deadline=None)
@given(MESSAGES, st.one_of(st.none(), TEXT))
def test_any_messages_come_back_byte_for_byte(messages: tuple[Message, ...], reply: str | None) -> None:
    texts = [m.content for m in messages] + [reply or ""]
    if any(map(_is_utf16_pair, texts)):
        return  # two half characters that make one come back as that one
    encoded = TurnEncoder(str).encode(_turn(messages, reply), TurnKind.CHAT)
    systems = {}
    for key, line in encoded.systems:
        read = parse(line)
        assert isinstance(read, SystemText) and read.key == key
        systems[key] = read.parts
    record = parse(encoded.line)
    assert isinstance(record, TurnRecord)
    turn = record.resolve(systems)
    assert turn.messages == messages
    assert turn.reply == (reply or "")
    assert (turn.id, turn.at, turn.seconds, turn.kind) == (f"{1:032x}", 1.5, 0.25, TurnKind.CHAT)
    assert all(
        line.count(b"\n") == 1 and line.endswith(b"\n") for line in [encoded.line, *dict(encoded.systems).values()]
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(MESSAGES, min_size=1, max_size=6), st.integers(200, 2000))
def test_any_conversation_comes_back_from_a_log_that_rotates(
    tmp_path_factory: pytest.TempPathFactory, conversation: list[tuple[Message, ...]], rotate_bytes: int
) -> None:
    folder: Path = tmp_path_factory.mktemp("log")
    turns = [_turn(messages, "ok", number) for number, messages in enumerate(conversation)]
    log = TurnLog(folder, redact=str, limits=lambda: Limits(rotate_bytes, 0.01), on_failure=pytest.fail)
    assert all(log.append(turn, TurnKind.CHAT) for turn in turns)
    log.close()
    back = {turn.id: turn.messages for turn in read_turns(folder)}
    for turn in turns:
        if not any(_is_utf16_pair(m.content) for m in turn.messages):
            assert back[turn.id] == turn.messages


def test_every_text_is_redacted_before_it_becomes_a_line() -> None:
    secret = "123.456.789-09"
    turn = Turn(
        id="1" * 32,
        session="s",
        started_at=1.0,
        seconds=1.0,
        caller="chat",
        mode="auto",
        prompt=f"prompt {secret}",
        messages=(
            Message("system", f"sistema {secret} 22/11/2026 10:30 [MEMÓRIAS RELEVANTES] lembra {secret}"),
            Message("user", f"meu CPF é {secret}"),
            Message("assistant", f"anotado: {secret}"),
            Message("tool", secret),
        ),
        reply=f"seu CPF é {secret}",
        served_by=None,
        attempts=(Attempt("groq", "m", "base", False, 0.1, f"400: bad prompt {secret}"),),
    )
    encoded = TurnEncoder(lambda text: text.replace(secret, "[CPF]")).encode(turn, TurnKind.CHAT)
    written = encoded.line + b"".join(line for _, line in encoded.systems)
    assert secret.encode() not in written
    assert written.count(b"[CPF]") == 8


def test_the_clock_is_no_personal_data(make_turn: TurnMaker) -> None:
    """A redactor that takes digits for a telephone would break the prompt at every turn."""
    blank_digits = str.maketrans("0123456789", "##########")
    encoded = TurnEncoder(lambda text: text.translate(blank_digits)).encode(make_turn(), TurnKind.CHAT)
    assert json.loads(encoded.line)["messages"][0][1]["with"][0] == "22/11/2026 00:01"


def test_a_system_prompt_is_redacted_once_and_not_once_a_turn(make_turn: TurnMaker) -> None:
    seen: list[str] = []
    encoder = TurnEncoder(lambda text: seen.append(text) or text)  # type: ignore[func-returns-value]
    for _ in range(5):
        encoder.encode(make_turn(), TurnKind.CHAT)
    assert sum("IDENTIDADE" in text for text in seen) == 1


def test_a_host_that_makes_up_prompts_does_not_fill_the_memory(make_turn: TurnMaker) -> None:
    encoder = TurnEncoder(str)
    for number in range(200):
        encoder.encode(make_turn(messages=(Message("system", f"prompt {number}"),)), TurnKind.CHAT)
    assert len(encoder._prompts) <= 64


def test_what_is_the_usual_case_is_not_written_twice(make_turn: TurnMaker) -> None:
    plain = json.loads(TurnEncoder(str).encode(make_turn(), TurnKind.CHAT).line)
    assert "prompt" not in plain and "attempts" not in plain
    failed = Attempt("groq", "m", "base", False, 0.1, "timeout")
    turn = make_turn(prompt="outra coisa", attempts=(failed, make_turn().served_by))
    full = json.loads(TurnEncoder(str).encode(turn, TurnKind.CHAT).line)
    assert full["prompt"] == "outra coisa"
    assert [attempt["error"] for attempt in full["attempts"]] == ["timeout", None]


def test_accents_are_written_as_they_are(make_turn: TurnMaker) -> None:
    assert "é isso aí 😀".encode() in TurnEncoder(str).encode(make_turn("é isso aí 😀"), TurnKind.CHAT).line


def test_the_header_names_the_file() -> None:
    assert parse(header_line("abc")) == Header("abc")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00\x00\n",
        b"[]\n",
        b'{"log":1,"file":"f"} {}\n',
        b"17\n",
        b"null\n",
        b"{}\n",
        b'{"turn":"x"}\n',
        b'{"log":2,"file":"f"}\n',
        b'{"system":"k"}\n',
        b'{"turn":"x","at":"never","took":1,"session":"","kind":"chat","caller":"","messages":[],"reply":"","by":null}\n',
        b'{"turn":"x","at":1,"took":1,"session":"","kind":"new","caller":"","messages":[],"reply":"","by":null}\n',
        b'{"turn":"x","at":1,"took":1,"session":"","kind":"chat","caller":"","messages":[["no","x"]],"reply":"","by":null}\n',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_none_of_ours_is_nothing(line: bytes) -> None:
    assert parse(line) is None
    assert outline(line) is None, "the index must not list what cannot be read"
