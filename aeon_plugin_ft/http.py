"""HTTP as the plugin speaks it: to model servers, to its own children, to a package index.

One narrow seam for what the official clients (`ollama`, `groq`, `openai`) do not offer, so that what every caller needs
is written once. It may send through the client's own connections (`made`), and gives the client's failures the same
form (`official`):

- every failure is an error of ours with a next step: BackendDownError when nobody answers (or breaks off, or takes
  too long), BackendRefusedError with the server's own reason when it says no;
- a call ends after its seconds, however slowly the answer drips in;
- a call can be left when the machine is wanted (`interrupt`), at which the connection closes and the server stops;
- no proxy for this machine, and no certificates for plain http:// (reading them takes longer than a local call).

The hosts' side is hooks/providers: it must not know this package, and raises the providers' errors.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aeon_plugin_ft.causes import Interrupt
from aeon_plugin_ft.errors import AeonFtError, BackendDownError, BackendRefusedError, PreemptedError, ServingError
from aeon_plugin_ft.http_reasons import json_or_text, reason_of
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.store.files import whole_file
from hooks.providers.connections import bound, unlimited, within
from hooks.providers.secrets import masked, without_login

if TYPE_CHECKING:
    import httpx

_say = Speaker("errors/http")

CONNECT_SECONDS = 5.0
CALL_SECONDS = 60.0
LOOK_SECONDS = 0.2
"""How often `interrupt` is asked while an answer is awaited."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

NextStep = Callable[[int, str], "str | None"]
"""What to do about a refusal with this status and reason; None: what is usual."""
Words = str | Callable[[], str]
"""A text, or what says it when it is needed, in the language of that moment: connections outlive a change of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `url` is where it came from, after redirects."""

    status: int
    url: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8, what is none of it replaced."""
        return self.body.decode("utf-8", "replace")


class HttpServer:
    """One base address with its kept-alive connections; made at the first call, and safe to share between threads.

    `name` is what sentences call the server, `down` the next step when nobody answers, `next_step` what to do about a
    refusal. `token` is sent as a bearer token and never shows. `proxies`: through those of the environment; by default
    wherever the server is not this machine. `redirects` are followed only where that is asked for. `made` gives an
    official client's own httpx client to send through; who made it closes it.
    """

    def __init__(
        self, name: Words, url: str, *, token: str | None = None, down: Words = "`aeon-ft doctor`",
        next_step: NextStep = lambda _status, _reason: None, proxies: bool | None = None, redirects: bool = False,
        made: Callable[[], httpx.Client] | None = None,
    ) -> None:  # fmt: skip
        self._name, self.url, self._down = name, url.rstrip("/"), down
        self._token, self._next_step, self._redirects = token, next_step, redirects
        self._proxies = urlsplit(self.url).hostname not in LOOPBACK if proxies is None else proxies
        self._client: httpx.Client | None = None
        self._made = made
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        return f"HttpServer({self.name!r}, {self.shown!r})"

    @property
    def name(self) -> str:
        """What sentences call it."""
        return _text(self._name)

    @property
    def down(self) -> str:
        """What to do when it does not answer."""
        return _text(self._down)

    @property
    def shown(self) -> str:
        """The address as it may be told: without a name and password in it."""
        return without_login(self.url)

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. A later call opens new ones."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    # -- calls -----------------------------------------------------------------------------------

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = CALL_SECONDS,
        interrupt: Interrupt | None = None, **request: Any,
    ) -> Any:  # fmt: skip
        """The answer as JSON, or as text where it is none; otherwise as `answer`."""
        return json_or_text(self.answer(method, path, body, seconds=seconds, interrupt=interrupt, **request).text)

    def json_object(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = CALL_SECONDS
    ) -> dict[str, Any]:
        """An answer that must be one JSON object ("" counts as an empty one). Raises ServingError, too."""
        text = self.answer(method, path, body, seconds=seconds).text
        return self.parsed(text) if text.strip() else {}

    def answer(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = CALL_SECONDS,
        interrupt: Interrupt | None = None, allowed: tuple[int, ...] = (), **request: Any,
    ) -> Answer:  # fmt: skip
        """The whole answer within `seconds`, which count from the end of an upload. `allowed` are statuses from 300 on
        that are no refusal. `request` goes to httpx as it is (content, files, data, headers).

        Raises BackendDownError, BackendRefusedError, and PreemptedError as soon as `interrupt` gives a reason.
        """
        request = {"json": body, **request} if body is not None else request
        if self._made is not None and self._token:
            # The clients add their key to each request, and not to their connections.
            request["headers"] = {"Authorization": f"Bearer {self._token}", **request.get("headers", {})}
        if interrupt is not None:
            import asyncio

            # In a loop of its own: nothing else of the plugin is asynchronous.
            return asyncio.run(self._interruptible(method, path, seconds, interrupt, allowed, request))
        with self._sent(method, path, seconds, allowed, request) as (response, deadline):
            content = b"".join(self._pieces(response, deadline, seconds, path))
            return Answer(response.status_code, str(response.url), content)

    def lines(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, silence: float = CALL_SECONDS
    ) -> Iterator[str]:
        """The lines of a streamed answer, blank ones left out; at most `silence` seconds apart."""
        with self._sent(method, path, silence, (), {"json": body}) as (response, _):
            for line in response.iter_lines():
                if line.strip():
                    yield line

    def download(self, url: str, file: Path, *, silence: float = CALL_SECONDS) -> None:
        """Save what is at `url` (a whole address, or a path here) as `file`: whole, or not at all. Raises OSError, too,
        when it cannot be written."""
        with whole_file(file) as part, self._sent("GET", url, silence, (), {}) as (response, _), part.open("wb") as out:
            for piece in response.iter_bytes():
                out.write(piece)

    def parsed(self, text: str) -> dict[str, Any]:
        """One JSON object of this server's. Raises ServingError."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ServingError(_say("answer.no_json", name=self.name, text=repr(text[:80])), self.down) from error
        if not isinstance(value, dict):
            raise ServingError(_say("answer.no_object", name=self.name, text=repr(text[:80])), self.down)
        return value

    @contextmanager
    def official(self, path: str, seconds: float) -> Iterator[None]:
        """A call of an official client in here ends `seconds` from now, and fails as calls of this seam do. Sentences
        name it by `path`."""
        with self._errors_of_ours(path, seconds), within(seconds):
            try:
                yield
            except (AeonFtError, OSError):
                raise
            except Exception as error:
                ours = self._translated(path, seconds, error)
                if ours is None:  # a mistake of ours, and nothing that a server did
                    raise
                raise ours from error

    # -- one request -----------------------------------------------------------------------------

    @contextmanager
    def _sent(
        self, method: str, path: str, seconds: float, allowed: tuple[int, ...], request: Mapping[str, Any]
    ) -> Iterator[tuple[httpx.Response, float]]:
        """The answer's beginning, and the moment (monotonic) at which all of it must be there."""
        deadline = time.monotonic() + seconds
        uploads = any(request.get(part) is not None for part in ("content", "files"))
        with self._errors_of_ours(path, seconds), ExitStack() as stack:
            sent = self._connection().stream(method, self._whole(path), timeout=_timeout(seconds), **request)
            # Also where it is asked twice, because a connection turned out to be closed.
            with nullcontext() if uploads else within(seconds):
                response = stack.enter_context(sent)
            # An upload of gigabytes takes as long as it takes; the seconds are for the answer.
            if uploads:
                deadline = time.monotonic() + seconds
            # httpx takes the read timeout of the body when its reading begins: only what is left of the time.
            response.request.extensions["timeout"]["read"] = max(0.001, deadline - time.monotonic())
            if response.status_code >= 300 and response.status_code not in allowed:
                raise self._refusal(path, response.status_code, response.read(), response.headers)
            yield response, deadline

    async def _interruptible(
        self, method: str, path: str, seconds: float, interrupt: Interrupt, allowed: tuple[int, ...],
        request: Mapping[str, Any],
    ) -> Answer:  # fmt: skip
        """The same, on a connection of its own: only a coroutine can be left in the middle of a read."""
        import asyncio

        import httpx

        deadline = time.monotonic() + seconds
        with self._errors_of_ours(path, seconds):
            async with httpx.AsyncClient(**self._options()) as client:
                call = asyncio.create_task(
                    client.request(method, self._whole(path), timeout=_timeout(seconds), **request)
                )
                while not (await asyncio.wait({call}, timeout=LOOK_SECONDS))[0]:
                    if (cause := interrupt()) is not None:
                        # Closes the connection, at which the server stops computing.
                        call.cancel()
                        raise PreemptedError(_say("call.asking"), cause)
                    if time.monotonic() > deadline:
                        call.cancel()
                        raise self._too_slow(path, seconds)
                response = call.result()
                if response.status_code >= 300 and response.status_code not in allowed:
                    raise self._refusal(path, response.status_code, response.content, response.headers)
                return Answer(response.status_code, str(response.url), response.content)

    def _pieces(self, response: httpx.Response, deadline: float, seconds: float, path: str) -> Iterator[bytes]:
        for piece in response.iter_bytes():
            yield piece
            if time.monotonic() > deadline:
                raise self._too_slow(path, seconds)

    def _whole(self, path: str) -> str:
        return path if "://" in path else self.url + path

    def _connection(self) -> httpx.Client:
        import httpx

        if self._made is not None:
            return self._made()
        with self._guard:
            if self._client is None:
                self._client = bound(httpx.Client(**self._options()))
            return self._client

    def _options(self) -> dict[str, Any]:
        import httpx

        return {
            "headers": {"Authorization": f"Bearer {self._token}"} if self._token else {},
            "trust_env": self._proxies,
            "verify": not self.url.startswith("http://"),
            "follow_redirects": self._redirects,
            "limits": unlimited(httpx),
        }

    # -- what went wrong -------------------------------------------------------------------------

    @contextmanager
    def _errors_of_ours(self, path: str, seconds: float) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.ConnectError, ConnectionError) as error:
            raise self._nobody() from error
        except httpx.TimeoutException as error:
            raise self._too_slow(path, seconds) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._broken_off(without_login(path), error) from error

    def _translated(self, path: str, seconds: float, error: Exception) -> ServingError | None:
        """An error of an official client as one of ours. By the names of its class: none of them is imported here."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        status, body = getattr(error, "status_code", None), getattr(error, "body", None)
        if isinstance(status, int) and status >= 300:
            headers = getattr(getattr(error, "response", None), "headers", {})
            told = json.dumps(body) if body is not None else str(getattr(error, "error", error))
            return self._refusal(path, status, told.encode(), headers)
        if any("Timeout" in kind for kind in kinds) or "Timeout" in type(error.__cause__).__name__:
            return self._too_slow(path, seconds)
        if type(error.__cause__).__name__ == "ConnectError" or "ConnectError" in kinds:
            return self._nobody()
        if kinds & {"ResponseError", "APIError", "HTTPError"}:
            return self._broken_off(path, error)
        if isinstance(error, (ValueError, TypeError, AttributeError, KeyError, IndexError)):
            return ServingError(_say("answer.no_answer", name=self.name, path=path), self.down)
        return None

    def _nobody(self) -> BackendDownError:
        return BackendDownError(_say("call.nobody", name=self.name, url=self.shown), self.down)

    def _broken_off(self, path: str, error: Exception) -> BackendDownError:
        reason = masked(str(error), self._token) or type(error).__name__
        what = _say("call.broke_off", name=self.name, url=self.shown, path=path, reason=reason)
        return BackendDownError(what, self.down)

    def _too_slow(self, path: str, seconds: float) -> BackendDownError:
        slots = {"name": self.name, "url": self.shown, "path": path, "seconds": f"{seconds:.0f}"}
        return BackendDownError(*_say.error("call.too_slow", **slots))

    def _refusal(self, path: str, status: int, body: bytes, headers: Mapping[str, str]) -> BackendRefusedError:
        # Before it goes anywhere: a server may repeat the key that it was sent.
        reason = masked(reason_of(json_or_text(body.decode("utf-8", "replace"))), self._token)
        reason = reason or _say("call.no_reason")
        wait = headers.get("retry-after", "")
        # Seconds, also broken ones; the date that RFC 9110 allows in their place is sent by none of these servers.
        retry_after = float(wait) if wait.replace(".", "", 1).isdecimal() else None
        todo = self._next_step(status, reason) or _usual_step(self.name, status, retry_after)
        what = _say("call.refused", name=self.name, path=path, status=status, reason=reason)
        return BackendRefusedError(what, todo, status, retry_after=retry_after)


def _usual_step(name: str, status: int, retry_after: float | None) -> str:
    if status == 401:
        return _say("step.key", name=name)
    if status == 429:
        return _say("step.later", seconds=f"{retry_after or 60:.0f}")
    if status >= 500:
        return _say("step.own_problem", name=name)
    return _say("step.log", name=name)


def _text(words: Words) -> str:
    return words if isinstance(words, str) else words()


def _timeout(seconds: float) -> httpx.Timeout:
    import httpx

    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
