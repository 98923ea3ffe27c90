"""Questions to one served model, as many side by side as it computes at once.

A small model spends most of a token's time on reading its weights; for two conversations it reads them once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from hooks import Message

HEARD_SECONDS = 0.2
"""On Windows a wait without an end does not hear Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A served model's answer. `stopped` is True when it ended by itself, not at the token limit."""

    text: str
    stopped: bool
    seconds: float


Chat = Callable[[Sequence[Message], int], Reply]
"""Asks a served model: messages, the most tokens to generate. Where several are asked at once, on their threads."""


def under(system_prompt: str, question: str) -> list[Message]:
    """One question under a system prompt; "" for none."""
    system = [Message("system", system_prompt)] if system_prompt else []
    return [*system, Message("user", question)]


def ask_all(chat: Chat, conversations: Sequence[Sequence[Message]], max_tokens: int, at_once: int = 1) -> list[Reply]:
    """The replies, in the order of the conversations, of which `at_once` wait at a time. The first thing that `chat`
    raises goes through; what was not asked until then is not asked any more."""
    if at_once == 1:
        return [chat(messages, max_tokens) for messages in conversations]
    pool, failed = ThreadPoolExecutor(at_once, "aeon-ft-ask"), threading.Event()

    def ask(messages: Sequence[Message]) -> Reply:
        # The thread that failed would go on to the next one before anybody hears of it.
        if failed.is_set():
            raise CancelledError
        try:
            return chat(messages, max_tokens)
        except BaseException:
            failed.set()
            raise

    try:
        asked = [pool.submit(ask, messages) for messages in conversations]
        waiting = set(asked)
        while waiting:
            answered, waiting = wait(waiting, HEARD_SECONDS, FIRST_EXCEPTION)
            _raise_first(answered)
        return [one.result() for one in asked]
    finally:
        # Without waiting: who is still being answered after a failure may be so by a server that hangs.
        pool.shutdown(wait=False, cancel_futures=True)


def _raise_first(answered: Iterable[Future[Reply]]) -> None:
    """What was raised by those of them that were asked."""
    for error in (one.exception() for one in answered):
        if error is not None and not isinstance(error, CancelledError):
            raise error
