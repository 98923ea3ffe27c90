"""What can be told from a reply: valid tool calls, silence, no end, loops, leaks, another language."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from aeon_plugin_ft.evaluation.asking import Reply
from aeon_plugin_ft.evaluation.suites import (
    CHAT_PROMPTS,
    TOOL_PROMPTS,
    faults,
    is_tool_call,
    looks_portuguese,
    loops,
    run_suites,
)
from hooks import Message


@pytest.mark.parametrize(
    "text",
    ['{"tool": "Lembretes.criar_lembrete", "param": "água"}', ' {"tool":"Midia.proxima","param":{}} \n'],
)
def test_a_valid_tool_call(text: str) -> None:
    assert is_tool_call(text)


@pytest.mark.parametrize(
    "text",
    ["", "claro!", '{"tool": "x"}', '{"tool": "A.b"', 'Claro: {"tool": "A.b", "param": 1}', '["A.b"]', '{"param": 1}'],
)
def test_no_valid_tool_call(text: str) -> None:
    assert not is_tool_call(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("<think>hmm</think> tudo bem", "leaks its reasoning"),
        ("Tudo certo por aqui.<|im_end|>", "leaks template tokens"),
        ("The answer is that you should have a look at the file", "is not Portuguese"),
        ("eu não sei o que " * 12, "repeats itself"),
    ],
)
def test_each_fault_is_named(text: str, fault: str) -> None:
    assert fault in faults(Reply(text, True, 0.1))


def test_a_reply_that_hits_the_limit_does_not_stop() -> None:
    assert faults(Reply("Cara, isso roda fácil.", False, 0.1)) == ("does not stop",)


@pytest.mark.parametrize(
    "text",
    [
        "Cara, teu editor é o Neovim. Tipo, ninguém sai dele.",
        "Massa.",
        '{"tool": "Sistema.abrir", "param": "the file"}',
    ],
)
def test_a_good_reply_has_no_fault(text: str) -> None:
    assert faults(Reply(text, True, 0.1)) == ()


def test_short_repetition_is_no_loop() -> None:
    assert not loops("não não não, calma")


def test_a_technical_sentence_with_english_names_is_portuguese() -> None:
    assert looks_portuguese("você pode rodar o git pull e ver o log do docker")


def test_the_suites_ask_everything_and_count() -> None:
    asked: list[str] = []

    def chat(messages: Sequence[Message], limit: int) -> Reply:
        asked.append(messages[-1].content)
        assert messages[0] == Message("system", "você é aeon")
        text = '{"tool": "A.b", "param": ""}' if messages[-1].content in TOOL_PROMPTS[:4] else "não sei, cara"
        return Reply(text, True, 0.5)

    result = run_suites(chat, "você é aeon", ["e aí?"])
    assert asked == [*TOOL_PROMPTS, *CHAT_PROMPTS, "e aí?"]
    assert result.tool_valid == 4 / len(TOOL_PROMPTS)
    assert (result.faulty, result.seconds) == (0, 0.5)
