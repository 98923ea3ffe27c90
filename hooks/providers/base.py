"""The interface of a provider, and the one error that it raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hooks.contract import Message

OnToken = Callable[[str], None]
"""Gets each piece of the reply as it arrives."""


class ProviderError(Exception):
    """A provider did not answer. One sentence; `status` is the HTTP status, None when there was none.

    `retryable` says whether the same call may work a little later (nobody there, overloaded, slow).
    """

    def __init__(self, sentence: str, *, status: int | None = None) -> None:
        self.status = status
        self.retryable = status is None or status in (408, 429) or status >= 500
        super().__init__(sentence)


class Provider(Protocol):
    """One model server."""

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        """The whole reply, "" when the model said nothing; raises ProviderError.

        `timeout_s` bounds the call in seconds. With `on_token` the reply is streamed to it as well.
        Called from many threads at once.
        """

    def models(self, *, timeout_s: float = 5.0) -> list[str]:
        """The names that may be asked for now; raises ProviderError."""

    def close(self) -> None:
        """Give back the connections."""
