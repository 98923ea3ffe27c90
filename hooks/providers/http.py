"""HTTP as the providers need it: streamed lines under one deadline, errors as one sentence."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hooks.providers.base import ProviderError
from hooks.providers.secrets import masked, without_login

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class HttpServer:
    """One base URL with its kept-alive connections. The client is made at the first call (httpx takes
    tens of milliseconds to import, and start-up is the host's)."""

    def __init__(self, name: str, url: str, token: str | None = None) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._token = token
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"HttpServer({self.name!r}, {self.shown!r})"

    @property
    def shown(self) -> str:
        """The address as it may be told: without a name and password in it."""
        return without_login(self.url)

    def get_json(self, path: str, timeout_s: float) -> Any:
        """The answer to a GET as JSON, within `timeout_s` seconds; raises ProviderError."""
        with self._request("GET", path, None, timeout_s) as (response, _):
            return _parse(response.read(), self.name)

    def post_json(self, path: str, body: Mapping[str, Any], timeout_s: float) -> Any:
        """The answer to a POST of `body` as JSON, within `timeout_s` seconds; raises ProviderError."""
        with self._request("POST", path, body, timeout_s) as (response, deadline):
            return _parse(b"".join(self._chunks(response, deadline)), self.name)

    def post_lines(self, path: str, body: Mapping[str, Any], timeout_s: float) -> Iterator[str]:
        """The lines of a streamed answer, blank ones left out."""
        with self._request("POST", path, body, timeout_s) as (response, deadline):
            for line in response.iter_lines():
                self._check(deadline)
                if line.strip():
                    yield line

    def close(self) -> None:
        """Give back the connections; a later call opens new ones."""
        with self._lock:
            # Closed outside the lock: closing waits for the system, and a call may be waiting for the lock.
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float
    ) -> Iterator[tuple[httpx.Response, float]]:
        import httpx

        deadline = time.monotonic() + timeout_s
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_SECONDS))
        try:
            with self._connection().stream(method, self.url + path, json=body, timeout=timeout) as response:
                # The read timeout of the body is taken when its reading begins: only what is left.
                response.request.extensions["timeout"]["read"] = max(0.001, deadline - time.monotonic())
                if response.status_code >= 400:
                    raise ProviderError(self._refusal(response), status=response.status_code)
                yield response, deadline
        except httpx.TimeoutException as error:
            raise ProviderError(f"{self.name} at {self.shown} did not answer within {timeout_s:g} s") from error
        except httpx.HTTPError as error:
            why = masked(str(error), self._token) or type(error).__name__
            raise ProviderError(f"nobody answers at {self.shown} ({self.name}): {why}") from error

    def _connection(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                local = urlsplit(self.url).hostname in _LOOPBACK
                headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
                # A proxy is for the outside world, and http:// needs no certificates (30 ms to load).
                self._client = httpx.Client(
                    headers=headers, trust_env=not local, verify=not self.url.startswith("http://"), limits=_limits()
                )
            return self._client

    def _chunks(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            self._check(deadline)
            yield chunk

    def _check(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise ProviderError(f"{self.name} at {self.shown} did not finish in time")

    def _refusal(self, response: httpx.Response) -> str:
        text = response.read().decode("utf-8", "replace")
        try:
            answer = json.loads(text)
            error = answer.get("error", answer) if isinstance(answer, dict) else answer
            text = str(error.get("message", error)) if isinstance(error, dict) else str(error)
        except ValueError:
            text = text.strip()[:200]
        reason = masked(" ".join(text.split()), self._token) or "no reason given"
        return f"{self.name} said no (HTTP {response.status_code}): {reason}"


def _limits() -> httpx.Limits:
    """No limit: beyond one, httpcore 1.0 closes idle connections, also one that another thread has just been given
    and is about to write to, whose call then fails with "Bad file descriptor"."""
    import httpx

    return httpx.Limits(max_connections=None, max_keepalive_connections=None)


def _parse(raw: bytes, name: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ProviderError(f"{name} answered something that is not JSON", status=502) from error


def parse_object(text: str, name: str) -> dict[str, Any]:
    """One JSON object of a stream; raises ProviderError for anything else, and for {"error": ...}."""
    answer = _parse(text.encode(), name)
    if not isinstance(answer, dict):
        raise ProviderError(f"{name} answered something that is not an object", status=502)
    if error := answer.get("error"):
        sentence = error.get("message", error) if isinstance(error, dict) else error
        raise ProviderError(f"{name} failed while answering: {sentence}", status=502)
    return answer
