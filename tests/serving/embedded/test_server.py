"""The child's own side, on a stand-in for llama.cpp."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from aeon_plugin_ft.processes.parent import ParentPipe
from aeon_plugin_ft.serving.embedded.server import _drain


class Server:
    """Answers how many requests it has; late where `late` is not set."""

    def __init__(self, requests: int, answers: bool = True) -> None:
        self.requests = requests
        self.may_answer = threading.Event()
        self.asked_by: threading.Thread | None = None
        if answers:
            self.may_answer.set()

    def handle_metrics(self) -> str:
        self.asked_by = threading.current_thread()
        self.may_answer.wait(60)
        return f"llamacpp:requests_processing {self.requests}\nllamacpp:requests_deferred 0\n"


@pytest.fixture
def pipe() -> Iterator[tuple[ParentPipe, list[int]]]:
    """(the child's side, the parent's end while it is open)"""
    read, write = os.pipe()
    ends = [write]
    yield ParentPipe(read), ends
    for end in (read, *ends):
        os.close(end)


def let_go(server: Server) -> None:
    """Its thread ends with the next answer."""
    server.requests = 0
    server.may_answer.set()
    if server.asked_by is not None:
        server.asked_by.join(30)


def test_an_idle_server_is_let_go_at_once(pipe: tuple[ParentPipe, list[int]]) -> None:
    began = time.monotonic()
    assert _drain(Server(0), 60, pipe[0])
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("answers", [True, False])
def test_a_server_that_is_busy_or_does_not_answer_is_left_when_the_time_is_over(
    answers: bool, pipe: tuple[ParentPipe, list[int]]
) -> None:
    """Under Wine the figures of an idle llama.cpp may come after 9 s."""
    server, began = Server(1, answers), time.monotonic()
    assert not _drain(server, 0.5, pipe[0])
    assert time.monotonic() - began < 15
    let_go(server)


def test_the_end_of_the_parent_ends_the_drain(pipe: tuple[ParentPipe, list[int]]) -> None:
    parent, ends = pipe
    os.close(ends.pop())
    server = Server(1)
    assert not _drain(server, 60, parent)
    let_go(server)
