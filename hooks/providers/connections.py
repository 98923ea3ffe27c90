"""The connections under the official clients: one deadline for a whole call, and none used that its server may close.

`ollama` 0.6 has no limit of a call's time at all, and those of `groq` 1.7 and `openai` 3.57 are limits of silence: an
answer that drips in lasts for ever. So the deadline is put where the bytes are read, below httpx. `openai` 3.57 sends
through httpx2, a copy of httpx under another name; the others through httpx.
"""

from __future__ import annotations

import importlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

from hooks.stop import current

CONNECT_SECONDS = 5.0
KEEP_SECONDS = 2.0
"""A connection that was unused for so long is not written to any more.

llama.cpp's server (cpp-httplib, in xllamacpp 2026.10.11549) and vLLM 0.32's (uvicorn 0.54) close theirs 5 s after the
last answer, the former also one that was opened and not written to. httpx 0.28 keeps them for 5 s as well: whoever
wrote at that moment got a closed connection for an answer.
"""
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LEAST = 0.001
"""Seconds: a read whose time is up must end as a read that timed out, and 0 would be one that never waits."""
_ONLY_COMPUTED = (b"/chat/completions", b"/completions", b"/completion", b"/api/chat", b"/api/show", b"/tokenize",
                  b"/apply-template")  # fmt: skip
"""Ends of paths to which the same may be posted twice: at worst a reply is computed that nobody reads. A version that
is loaded or removed twice would be refused."""

_call = threading.local()
"""`until`: when this thread's call is over (monotonic). `anew`: it left a connection, and its next one must be new."""


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
        "limits": unlimited(library),
    }


def unlimited(library: Any) -> Any:
    """The limits of a pool that closes no connection by itself; what was unused for too long is left by `bound`.

    httpcore 1.0 closes what is beyond a limit, or too old, in whichever thread makes the next call, also what another
    thread has just been given and is about to write to, whose call then fails with "Bad file descriptor".
    """
    return library.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)


def bound(client: Any) -> Any:
    """Put the deadline and the care for old connections under an httpx client, through proxies too.

    httpx 0.28 takes no network backend of ours, so that of its pools is replaced (httpcore 1.0: `_network_backend`).
    """
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            core = importlib.import_module(type(pool).__module__.partition(".")[0])
            pool._network_backend = _Network(pool._network_backend, core)
    return client


class _Network:
    """A network backend of httpcore (`core`, or its copy) whose waiting ends with the call."""

    def __init__(self, network: Any, core: Any) -> None:
        self._network, self._core = network, core

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> _Stream:
        if _is_stopped():
            raise self._core.ConnectError("stopped")
        since = time.monotonic()  # what is opened may be handed to this thread late
        return _Stream(self._network.connect_tcp(host, port, timeout=_left(timeout), **more), self._core, since)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class _Stream:
    """One connection; used by one thread at a time, for one request after another (HTTP/1.1).

    A server closes what it was not asked on for a while, perhaps in the moment in which it is asked. So nothing is
    written to a connection that was unused for KEEP_SECONDS, and what was written to a used one that then closed before
    any byte of an answer is sent once more on a new one, where that does no harm (RFC 9112, 9.3.1). Either is said by
    `ConnectionNotAvailable`, at which httpcore's pools close the connection and go on with another.
    """

    def __init__(self, stream: Any, core: Any, since: float) -> None:
        self._stream, self._core = stream, core
        self._unused_since = since
        self._answered = False
        """Whether an earlier request was answered on it."""
        self._asked: bytes | None = None
        """How the request began that no byte of an answer was read to yet."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            data = self._read(max_bytes, timeout)
        except self._core.ReadError:
            if self._may_be_asked_anew():
                self._leave_for_a_new_one()
            raise
        if not data and self._may_be_asked_anew():
            self._leave_for_a_new_one()
        self._asked, self._answered, self._unused_since = None, True, time.monotonic()
        return data

    def _read(self, max_bytes: int, timeout: float | None) -> bytes:
        stop = current()
        if stop is None:
            return bytes(self._stream.read(max_bytes, timeout=_left(timeout)))
        with stop.cutting(self._hang_up):
            if stop.wanted:
                raise self._core.ReadError("stopped")
            return bytes(self._stream.read(max_bytes, timeout=_left(timeout)))

    def _hang_up(self) -> None:
        """From another thread, while this one reads: the read ends, and the server stops computing."""
        connection = self._stream.get_extra_info("socket")
        # Not TLS's own, which would say goodbye to the server first, in the middle of the read.
        with suppress(OSError, TypeError):  # it has just been closed, or is none that can be
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._asked is None:
            self._begin(buffer)
        self._stream.write(buffer, timeout=_left(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        since = time.monotonic()
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout=_left(timeout)), self._core, since)

    def _begin(self, buffer: bytes) -> None:
        """The first bytes of a request. Looked at here, in the thread that writes them now: one that was given a
        connection, or has opened it, may have waited for a processor since."""
        old, anew = time.monotonic() - self._unused_since > KEEP_SECONDS, getattr(_call, "anew", False)
        if self._answered and (old or anew):
            raise self._core.ConnectionNotAvailable
        if old and not anew:  # one new try: it may also be that connecting takes as long as this
            self._leave_for_a_new_one()
        _call.anew = False
        self._asked = bytes(buffer[:4096])

    def _may_be_asked_anew(self) -> bool:
        if self._asked is None or not self._answered or _is_stopped():
            return False
        method, _, rest = self._asked.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        return method in (b"GET", b"HEAD") or (method == b"POST" and path.endswith(_ONLY_COMPUTED))

    def _leave_for_a_new_one(self) -> NoReturn:
        _call.anew = True
        raise self._core.ConnectionNotAvailable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_stopped() -> bool:
    stop = current()
    return stop is not None and stop.wanted


def _left(timeout: float | None) -> float | None:
    until: float | None = getattr(_call, "until", None)
    if until is None:
        return timeout
    left = max(_LEAST, until - time.monotonic())
    return left if timeout is None else min(timeout, left)
