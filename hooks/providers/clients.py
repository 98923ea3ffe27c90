"""What the official clients lack, put under them: one deadline for a whole call, and errors as one sentence.

`ollama` 0.6 has no limit of a call's time at all, and those of `groq` 1.7 and `openai` 3.57 are limits of silence: an
answer that drips in lasts for ever. So the deadline is put where the bytes are read, below httpx. `openai` 3.57 sends
through httpx2, a copy of httpx under another name; the others through httpx.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from hooks.providers.base import ProviderError
from hooks.providers.secrets import masked, without_login

CONNECT_SECONDS = 5.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LEAST = 0.001
"""Seconds: a read whose time is up must end as a read that timed out, and 0 would be one that never waits."""

_call = threading.local()


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


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything that this thread sends and reads in here ends when the seconds are over."""
    before: float | None = getattr(_call, "until", None)
    _call.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _call.until = before


def http_client(library: Any, url: str) -> Any:
    """A client of httpx or httpx2 for the server at `url`, bound by `within`."""
    return bound(library.Client(**options(library, url)))


def options(library: Any, url: str) -> dict[str, Any]:
    """How a client of httpx (or httpx2) is made for `url`."""
    return {
        # A proxy is for the outside world, and http:// needs no certificates (30 ms to load).
        "trust_env": urlsplit(url).hostname not in _LOOPBACK,
        "verify": not url.startswith("http://"),
        "follow_redirects": False,
        "timeout": library.Timeout(None, connect=CONNECT_SECONDS),
        # Beyond a limit, httpcore 1.0 closes idle connections, also one that another thread has just been given and is
        # about to write to, whose call then fails with "Bad file descriptor".
        "limits": library.Limits(max_connections=None, max_keepalive_connections=None),
    }


def bound(client: Any) -> Any:
    """Put the deadline under every connection of an httpx client, those through proxies too.

    httpx 0.28 takes no network backend of ours, so that of its pools is replaced (httpcore 1.0: `_network_backend`).
    """
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Network(pool._network_backend)
    return client


class _Network:
    """A network backend of httpcore whose waiting ends with the call."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> _Stream:
        return _Stream(self._network.connect_tcp(host, port, timeout=_left(timeout), **more))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class _Stream:
    """One connection; used by one thread at a time."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return bytes(self._stream.read(max_bytes, timeout=_left(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout=_left(timeout)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _left(timeout: float | None) -> float | None:
    until: float | None = getattr(_call, "until", None)
    if until is None:
        return timeout
    left = max(_LEAST, until - time.monotonic())
    return left if timeout is None else min(timeout, left)


# -- errors as one sentence ----------------------------------------------------------------------


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
