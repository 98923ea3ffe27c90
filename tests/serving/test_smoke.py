"""What no served model may say, whichever backend it is on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, ServingError
from aeon_plugin_ft.serving import smoke
from hooks import Message, Route

ROUTE = Route("embedded", "v0001", version="v0001")


Said = tuple[str, bool, float]


def speaks(monkeypatch: pytest.MonkeyPatch, reply: Callable[[str, int], Said]) -> list[tuple[int, float]]:
    """The model says `reply(question, tokens)`; returns (tokens, seconds) of what it is asked for."""
    asked: list[tuple[int, float]] = []

    def ask(_route: Route, messages: list[Message], tokens: int, seconds: float) -> Said:
        asked.append((tokens, seconds))
        return reply(messages[-1].content, tokens)

    monkeypatch.setattr(smoke, "ask", ask)
    return asked


@pytest.mark.parametrize("mark", ["<think>", "</think>", "<thinking>", "</Reasoning>", "<|im_start|>", "[INST]"])
def test_marks_that_are_never_read_out_make_a_model_unfit(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reasoning is told by the one rule of hooks.text: what is stripped there is refused here."""
    speaks(monkeypatch, lambda *_: (f"Tudo bem. {mark} O que é isso?", True, 0.1))
    with pytest.raises(ServingError, match="a mark of its chat template"):
        smoke.smoke_test(ROUTE)


def test_a_plain_reply_is_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = speaks(monkeypatch, lambda *_: ("Tudo bem, e com você?", True, 0.1))
    smoke.smoke_test(ROUTE)
    assert [tokens for tokens, _ in asked] == [192] * 3 + [64] * 2


@pytest.mark.parametrize("reply", ["e e e e", "<think>hm", "", "I am here to help you with that and the other things"])
def test_the_base_can_be_gone_back_to_whatever_it_says(reply: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = speaks(monkeypatch, lambda *_: (reply, False, 0.1))
    smoke.smoke_test(ROUTE, trained=False, thinks=True)
    assert len(asked) == 1


def test_a_base_that_does_not_answer_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> Said:
        raise BackendDownError("nobody", "start it")

    speaks(monkeypatch, down)
    with pytest.raises(BackendDownError):
        smoke.smoke_test(ROUTE, trained=False)


def test_a_short_context_gets_shorter_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(_question: str, tokens: int) -> Said:
        if tokens > 1000:
            raise BackendRefusedError("maximum context length is 1024 tokens", "", 400)
        return "Tudo bem, e com você?", True, 0.1

    asked = speaks(monkeypatch, reply)
    smoke.smoke_test(ROUTE, thinks=True)
    assert [tokens for tokens, _ in asked] == [1536] + [768] * 5


def test_what_is_refused_at_any_length_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def reply(*_: object) -> Said:
        raise BackendRefusedError("the model is broken", "", 400)

    assert len(asked := speaks(monkeypatch, reply)) == 0
    with pytest.raises(BackendRefusedError, match="broken"):
        smoke.smoke_test(ROUTE)
    assert [tokens for tokens, _ in asked] == [192, 96, 48]


def test_a_slow_model_that_thinks_has_the_time_it_needs_and_fewer_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = speaks(monkeypatch, lambda *_: ("Tudo bem, e com você?", True, 400.0))
    smoke.smoke_test(ROUTE, thinks=True)
    assert len(asked) == 1
    tokens, seconds = asked[0]
    assert tokens / seconds < 2, "an 8B on a processor"


def test_thoughts_that_were_cut_off_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    speaks(monkeypatch, lambda *_: ("", False, 0.1))
    smoke.smoke_test(ROUTE, thinks=True)
    with pytest.raises(ServingError, match="answers nothing"):
        smoke.smoke_test(ROUTE)
