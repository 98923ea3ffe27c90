"""What a fake server says: scripted replies, cut into the pieces that a stream sends."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

Answer = Callable[[str, "list[dict[str, Any]]"], str]
"""(model, messages) to the reply."""


def default_answer(model: str, messages: list[dict[str, Any]]) -> str:
    """A Portuguese sentence that names the model and ends by itself."""
    return f"Claro. Aqui quem responde é o modelo {model}, e eu estou pronto para ajudar você."


class Script:
    """The replies to give: first those that were queued with `say`, then `answer` for ever."""

    def __init__(self) -> None:
        self.answer: Answer = default_answer
        self._queue: deque[str] = deque()
        self._lock = threading.Lock()

    def say(self, *replies: str) -> None:
        self._queue.extend(replies)

    def reply(self, model: str, messages: list[dict[str, Any]]) -> str:
        with self._lock:
            if self._queue:
                return self._queue.popleft()
        return self.answer(model, messages)


def pieces(text: str) -> list[str]:
    """Words with the space before them, as a model streams them; "" streams nothing."""
    return re.findall(r"\s*\S+|\s+$", text)
