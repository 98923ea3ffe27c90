"""The official clients: imported ahead, and their errors as one sentence."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any

from hooks.providers.base import ProviderError
from hooks.providers.secrets import masked, without_login


def warm_up(*names: str) -> None:
    """Import clients ahead ("ollama", "groq", "openai"): each takes some tenths of a second, and a turn would wait."""
    for name in names:
        importlib.import_module(name)
        for part in _LATER.get(name, ()):
            # A later release may have it elsewhere; then the first call imports it.
            with suppress(ModuleNotFoundError):
                importlib.import_module(f"{name}.{part}")


_PARTS = (
    "resources.chat.chat", "resources.chat.completions", "resources.chat.completions.completions",
    "resources.chat.completions.messages", "resources.models",
)  # fmt: skip
_LATER = {"groq": ("resources.chat", "resources.models"), "openai": _PARTS}
"""What a client imports when a part of it is first named, which is in the middle of a call."""


class Server:
    """Who is called, for the sentences: without a login in the address, nor a key in what the server says."""

    def __init__(self, name: str, url: str, token: str | None = None) -> None:
        self.name, self.url, self._token = name, url.rstrip("/"), token

    def __repr__(self) -> str:
        return f"Server({self.name!r}, {self.shown!r})"

    @property
    def shown(self) -> str:
        """The address as it may be told."""
        return without_login(self.url)

    def refused(self, status: int, reason: str) -> ProviderError:
        """It answered, and said no."""
        said = self._clean(reason) or "no reason given"
        return ProviderError(f"{self.name} said no (HTTP {status}): {said}", status=status)

    def failed(self, reason: str) -> ProviderError:
        """It began to answer and then sent an error."""
        return ProviderError(f"{self.name} failed while answering: {self._clean(reason)}", status=502)

    def garbled(self, what: str = "something that is not JSON") -> ProviderError:
        """Its answer cannot be read."""
        return ProviderError(f"{self.name} answered {what}", status=502)

    def broke_off(self) -> ProviderError:
        """A stream that ended before the reply did."""
        return ProviderError(f"{self.name} broke off in the middle of its answer")

    def too_slow(self, seconds: float) -> ProviderError:
        """The call's time was over first."""
        return ProviderError(f"{self.name} at {self.shown} did not answer within {seconds:g} s")

    def absent(self, error: BaseException) -> ProviderError:
        """Nobody there, or a connection that broke."""
        why = self._clean(str(error)) or type(error).__name__
        return ProviderError(f"nobody answers at {self.shown} ({self.name}): {why}")

    def _clean(self, text: str) -> str:
        return masked(" ".join(text.split())[:300], self._token)


def reason_in(body: Any) -> str:
    """The sentence inside an error body, in any of the forms that these servers use; "" when there is none."""
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        return ""
    found = (body.get(key) for key in ("error", "message", "detail"))
    return next((reason_in(each) for each in found if each), "")
