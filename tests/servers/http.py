"""The part that every fake server shares: a threaded HTTP/1.1 server, its history and its faults.

with FakeOllama() as ollama:
    ollama.enqueue(Fault("/api/create", status=500, body={"error": "no space left on device"}))
    ...
    assert [call.path for call in ollama.history] == ["/api/version", ...]
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, cast

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived. `body` is the parsed JSON, else the first 4 KiB of the raw bytes; `size` its
    length in bytes; `at` is time.monotonic() when it was read."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    size: int
    at: float

    @property
    def json(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.body)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with the next call to `path` ("" is any path; a trailing * is a prefix).

    `status`/`body`/`headers` answer in place of the server. `delay` waits that many seconds first, then goes on
    as usual unless there is a status. `drop` closes the connection: "before" reading the body, "reading" after
    half of it, "answer" in place of an answer, "stream" after the first line or event of a streamed answer.
    `line` is sent as one ndjson line or SSE event after the first one of a streamed answer, which then ends.
    `times`: how many calls it strikes.
    """

    path: str = ""
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: Literal["", "before", "reading", "answer", "stream"] = ""
    line: Any = None
    times: int = 1
    method: str = ""


class Dropped(Exception):
    """The server hangs up on the client."""


class Request:
    """One exchange, as the fakes see it."""

    def __init__(self, handler: BaseHTTPRequestHandler, fault: Fault | None) -> None:
        self._handler = handler
        self.fault = fault
        self.method = handler.command
        self.path = handler.path.split("?", 1)[0]
        self.headers = {key.lower(): value for key, value in handler.headers.items()}
        self.raw = b""
        self.answered = False
        self.consumed = False

    # -- reading ---------------------------------------------------------------------------------

    def chunks(self) -> Iterable[bytes]:
        """The body as it comes in, Content-Length or chunked."""
        self.consumed = True
        if self.fault is not None and self.fault.drop == "before":
            raise Dropped
        half = self.fault is not None and self.fault.drop == "reading"
        if "chunked" in self.headers.get("transfer-encoding", ""):
            yield from self._chunked(half)
            return
        left = length = int(self.headers.get("content-length") or 0)
        while left:
            if half and left <= length // 2:
                raise Dropped
            block = self._handler.rfile.read(min(CHUNK, left, max(1, length // 2) if half else left))
            if not block:
                raise Dropped
            left -= len(block)
            yield block

    def _chunked(self, half: bool) -> Iterable[bytes]:
        count = 0
        while True:
            size = int(self._handler.rfile.readline().split(b";")[0] or b"0", 16)
            if not size:
                self._handler.rfile.readline()
                return
            block = self._handler.rfile.read(size)
            self._handler.rfile.readline()
            count += 1
            yield block
            if half:
                raise Dropped

    def drain(self) -> None:
        """Read what is left of the body, so that the connection can be used again."""
        if not self.consumed:
            for _ in self.chunks():
                continue

    def read(self) -> bytes:
        self.raw = b"".join(self.chunks())
        return self.raw

    def json(self) -> dict[str, Any]:
        """The body as JSON; {} when there is none."""
        return cast("dict[str, Any]", json.loads(self.raw or b"{}"))

    # -- answering -------------------------------------------------------------------------------

    def send(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        """Answer once: dict or list as JSON, str as text, None as nothing."""
        self.answered = True
        if body is None:
            payload, kind = b"", "text/plain; charset=utf-8"
        elif isinstance(body, str):
            payload, kind = body.encode(), "text/plain; charset=utf-8"
        else:
            payload, kind = json.dumps(body, ensure_ascii=False).encode(), "application/json; charset=utf-8"
        self._handler.send_response(status)
        for key, value in {"Content-Type": kind, **(headers or {})}.items():
            self._handler.send_header(key, value)
        self._handler.send_header("Content-Length", str(len(payload)))
        self._handler.end_headers()
        if self.method != "HEAD":
            self._handler.wfile.write(payload)

    def stream(self, parts: Iterable[bytes], kind: str, headers: dict[str, str] | None = None) -> None:
        """Answer 200 in chunks, each sent as soon as it is there."""
        self.answered = True
        self._handler.send_response(200)
        for key, value in {"Content-Type": kind, "Transfer-Encoding": "chunked", **(headers or {})}.items():
            self._handler.send_header(key, value)
        self._handler.end_headers()
        for number, part in enumerate(parts):
            self._chunk(part)
            if number == 0 and self.fault is not None:
                if self.fault.drop == "stream":
                    raise Dropped
                if self.fault.line is not None:
                    text = json.dumps(self.fault.line, ensure_ascii=False)
                    self._chunk(f"data: {text}\n\n".encode() if "event-stream" in kind else f"{text}\n".encode())
                    break
        self._handler.wfile.write(b"0\r\n\r\n")

    def _chunk(self, part: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n")
        self._handler.wfile.flush()

    def ndjson(self, lines: Iterable[dict[str, Any]]) -> None:
        self.stream((json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines), "application/x-ndjson")

    def events(self, events: Iterable[dict[str, Any]]) -> None:
        """Server-sent events, ended by [DONE]."""

        def parts() -> Iterable[bytes]:
            for event in events:
                yield b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
            yield b"data: [DONE]\n\n"

        self.stream(parts(), "text/event-stream")


class LocalServer:
    """A fake server: subclasses fill `route`. Use as a context manager; `url` is "http://127.0.0.1:<port>"."""

    def __init__(self) -> None:
        self.history: list[Call] = []
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Any:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> Any:
        """Listen; after `stop`, on the same port again."""
        self._http = _Http(("127.0.0.1", self._port), _handler(self._serve))
        self._port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="fake server", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Nobody listens any more: connections are refused."""
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()
            self._http = self._thread = None

    def close(self) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # -- faults and history ----------------------------------------------------------------------

    def enqueue(self, *faults: Fault) -> None:
        """Faults strike in this order, each the next call to its path."""
        with self._lock:
            self._faults += [fault for fault in faults for _ in range(fault.times)]

    def calls(self, path: str, method: str = "") -> list[Call]:
        """The history of one path."""
        with self._lock:
            return [c for c in self.history if _matches(path, c.path) and method in ("", c.method)]

    def _take_fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.method in ("", method) and _matches(fault.path, path):
                    self._faults.remove(fault)
                    return fault
        return None

    # -- one request -----------------------------------------------------------------------------

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        request = Request(handler, self._take_fault(handler.command, handler.path.split("?", 1)[0]))
        try:
            self._answer(request)
        except (Dropped, BrokenPipeError, ConnectionResetError):
            _hang_up(handler)

    def _answer(self, request: Request) -> None:
        """A call is in the history before its answer leaves, so that a client that got it finds it there."""
        fault = request.fault
        try:
            if not self.reads_itself(request):
                request.read()
        finally:
            self._remember(request)
        if fault is not None and fault.delay:
            time.sleep(fault.delay)
        if fault is not None and fault.drop == "answer":
            raise Dropped
        if fault is not None and fault.status is not None:
            request.drain()
            request.send(fault.status, fault.body, fault.headers)
            return
        self.route(request)
        if not request.answered:
            request.drain()
            request.send(404, "404 page not found")

    def _remember(self, request: Request) -> None:
        try:
            body: Any = json.loads(request.raw) if request.raw else None
        except ValueError:
            body = request.raw[:4096]
        size = int(request.headers.get("content-length") or len(request.raw))
        call = Call(request.method, request.path, request.headers, body, size, time.monotonic())
        with self._lock:
            self.history.append(call)

    def reads_itself(self, request: Request) -> bool:
        """Whether `route` streams the body (a large upload) in place of having it read first."""
        return False

    def route(self, request: Request) -> None:
        """Answer one request."""
        raise NotImplementedError


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    # The default of 5 refuses connections when a hundred clients come at once.
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a defect of the fake and must be seen."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _handler(serve: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            serve(self)

        do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = do_PATCH = _any

        def log_message(self, format: str, *args: Any) -> None:
            return

    return Handler


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    try:
        handler.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return pattern in ("", path)
