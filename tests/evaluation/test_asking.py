"""Questions side by side: in order, as many as were wanted, and none after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from aeon_plugin_ft.evaluation.asking import Reply, ask_all, under
from hooks import Message

QUESTIONS = [under("Você é o Aeon.", f"{number}?") for number in range(9)]
WAIT_SECONDS = 30


def said(messages: Sequence[Message]) -> str:
    return messages[-1].content


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_the_replies_are_in_the_order_of_the_questions(at_once: int) -> None:
    def chat(messages: Sequence[Message], limit: int) -> Reply:
        # The first of each pair is answered last.
        time.sleep(0.02 if said(messages) in {"0?", "2?"} else 0.0)
        return Reply(f"{said(messages)} {limit}", True, 0.1)

    replies = ask_all(chat, QUESTIONS, 48, at_once)
    assert [reply.text for reply in replies] == [f"{number}? 48" for number in range(9)]


def test_as_many_are_asked_side_by_side_as_the_server_computes_at_once() -> None:
    together, lock, asked, most = threading.Barrier(3, timeout=WAIT_SECONDS), threading.Lock(), 0, 0

    def chat(messages: Sequence[Message], limit: int) -> Reply:
        nonlocal asked, most
        with lock:
            asked += 1
            most = max(most, asked)
        # Nobody gets through it alone.
        together.wait()
        with lock:
            asked -= 1
        return Reply("Cara.", True, 0.1)

    assert len(ask_all(chat, QUESTIONS, 48, 3)) == 9
    assert most == 3


@pytest.mark.parametrize("at_once", [1, 2])
def test_after_a_failure_nothing_is_asked_any_more(at_once: int) -> None:
    over, asked = threading.Event(), []

    def chat(messages: Sequence[Message], limit: int) -> Reply:
        asked.append(said(messages))
        if said(messages) == "3?":
            raise ConnectionError("gone")
        if said(messages) > "3?":
            # One that was begun beside it goes on for a while.
            over.wait(WAIT_SECONDS)
        return Reply("Cara.", True, 0.1)

    with pytest.raises(ConnectionError):
        ask_all(chat, QUESTIONS, 48, at_once)
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("aeon-ft-ask"):
            thread.join(WAIT_SECONDS)
    assert len(asked) <= 3 + at_once
