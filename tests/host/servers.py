"""A model server for tests: real HTTP on loopback, in the wire formats of OpenAI, Groq and Ollama.

Every request is kept in `requests`. `enqueue` scripts the next answers; without a script the server
echoes who it is and what the user said.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Scripted:
    """One answer: `text`, or an error `status`; after `delay` seconds; `breaks`: the stream ends early."""

    text: str = ""
    status: int = 200
    delay: float = 0.0
    breaks: bool = False


class ModelServer:
    """Serves /v1 and /openai/v1 (OpenAI, Groq) and /api (Ollama) at once, on its own port."""

    def __init__(self, name: str = "server", models: tuple[str, ...] = ("llama-3.3-70b-versatile",)) -> None:
        self.name = name
        self.models = models
        self.requests: list[dict[str, Any]] = []
        self._script: deque[Scripted] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connections: list[socket.socket] = []
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = False  # closing the server waits for its handlers
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        for connection in self._connections:
            with suppress(OSError):  # most are closed by now; a kept-alive one would be waited for
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join()

    def enqueue(self, *answers: Scripted | str) -> None:
        with self._lock:
            self._script.extend(Scripted(a) if isinstance(a, str) else a for a in answers)

    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests so far."""
        with self._lock:
            return [r["body"] for r in self.requests if r["body"] is not None]

    def answer(self, body: dict[str, Any]) -> Scripted:
        with self._lock:
            if self._script:
                return self._script.popleft()
        said = body["messages"][-1]["content"]
        return Scripted(f"[{self.name}/{body['model']}] {said}")

    def note(self, path: str, headers: Any, body: dict[str, Any] | None) -> None:
        with self._lock:
            self.requests.append({"path": path, "authorization": headers.get("Authorization"), "body": body})


class _Http(ThreadingHTTPServer):
    # The default of 5 resets connections when fifty clients come at once to a busy machine.
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5  # a client that forgot to close is hung up on

        def setup(self) -> None:
            server._connections.append(self.request)
            super().setup()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            server.note(self.path, self.headers, None)
            if self.path.endswith("/models"):
                self._json(200, {"object": "list", "data": [{"id": name} for name in server.models]})
            elif self.path == "/api/tags":
                self._json(200, {"models": [{"name": name, "model": name} for name in server.models]})
            else:
                self._json(404, {"error": "not found"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.note(self.path, self.headers, body)
            answer = server.answer(body)
            server._closing.wait(answer.delay)
            with suppress(ConnectionError):  # the client may have given up
                self._reply(body, answer)

        def _reply(self, body: dict[str, Any], answer: Scripted) -> None:
            if answer.status >= 400:
                return self._json(answer.status, {"error": {"message": answer.text or "scripted failure"}})
            if self.path == "/api/chat":
                return self._ollama(body, answer)
            return self._openai(body, answer)

        def _openai(self, body: dict[str, Any], answer: Scripted) -> None:
            if not body.get("stream"):
                message = {"role": "assistant", "content": answer.text}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                return self._json(
                    200,
                    {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]},
                )
            lines = [
                f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': piece}}]})}\n\n"
                for piece in _pieces(answer.text)
            ]
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            tail = [f"data: {json.dumps(end)}\n\n", 'data: {"choices": [], "usage": {}}\n\n', "data: [DONE]\n\n"]
            tail = [] if answer.breaks else tail
            return self._stream("text/event-stream", lines + tail)

        def _ollama(self, body: dict[str, Any], answer: Scripted) -> None:
            def piece(text: str, done: bool) -> dict[str, Any]:
                message = {"role": "assistant", "content": text}
                return {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done}

            if not body.get("stream", True):
                return self._json(200, piece(answer.text, True))
            lines = [json.dumps(piece(text, False)) + "\n" for text in _pieces(answer.text)]
            tail = [] if answer.breaks else [json.dumps(piece("", True)) + "\n"]
            return self._stream("application/x-ndjson", lines + tail)

        def _json(self, status: int, value: Any) -> None:
            raw = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _stream(self, kind: str, lines: list[str]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in lines:
                raw = line.encode()
                self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    return Handler


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]
