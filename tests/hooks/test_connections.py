"""A connection that its server closes at the moment in which it is used: nobody's call is lost to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from aeon_plugin_ft.errors import BackendDownError
from aeon_plugin_ft.http import HttpServer
from hooks import Message
from hooks.providers import OllamaProvider, OpenAIProvider, Provider, ProviderError, connections

ASK = (Message("user", "oi"),)
PATIENCE = 30.0
COMPLETION = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Oi!"}, "finish_reason": "stop"}]}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "Oi!"}, "finish_reason": "stop"}]}
OLLAMA = {"model": "m", "message": {"role": "assistant", "content": "Oi!"}, "done": True}


class Closing:
    """Keeps each connection until it was asked `keeps` times on it, then reads one request more and closes as a server
    does whose patience with an unused connection ends just then. `unused_s`: how long it waits for the first."""

    def __init__(self, keeps: int, unused_s: float = PATIENCE) -> None:
        self.keeps, self.unused_s = keeps, unused_s
        self.asked: list[tuple[int, str]] = []
        """(number of the connection, path), in their order."""
        self.gone = threading.Event()
        """A connection was closed because nothing came."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._talks: list[tuple[threading.Thread, socket.socket]] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for thread, talk in self._talks:
            with suppress(OSError):
                talk.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                talk, _ = self._socket.accept()
                thread = threading.Thread(target=self._serve, args=(talk, len(self._talks)))
                self._talks.append((thread, talk))
                thread.start()

    def _serve(self, talk: socket.socket, number: int) -> None:
        with talk, talk.makefile("rb") as reader, suppress(ConnectionError):
            talk.settimeout(self.unused_s)
            try:
                for count in range(self.keeps + 1):
                    path, body = _request(reader)
                    if not path:
                        return
                    self.asked.append((number, path))
                    if count < self.keeps:
                        talk.sendall(_answer(path, body))
            except TimeoutError:
                self.gone.set()


def _request(reader: Any) -> tuple[str, dict[str, Any]]:
    line = reader.readline().decode().split()
    length = 0
    while header := reader.readline().strip():
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return (line[1], json.loads(reader.read(length) or b"{}")) if line else ("", {})


def _answer(path: str, body: dict[str, Any]) -> bytes:
    if path == "/api/chat":
        content = json.dumps(OLLAMA) + "\n"
    elif path.endswith("/chat/completions"):
        content = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n" if body.get("stream") else json.dumps(COMPLETION)
    else:
        content = "{}"
    kind = "text/event-stream" if content.startswith("data") else "application/json"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()


@pytest.fixture
def closing() -> Iterator[Callable[..., Closing]]:
    made: list[Closing] = []

    def make(keeps: int, unused_s: float = PATIENCE) -> Closing:
        made.append(Closing(keeps, unused_s))
        return made[-1]

    yield make
    for each in made:
        each.close()


PROVIDERS: dict[str, Callable[[str], Provider]] = {"ollama": OllamaProvider, "openai": OpenAIProvider}


@pytest.fixture(params=list(PROVIDERS))
def provider_of(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Provider]]:
    made: list[Provider] = []

    def make(url: str) -> Provider:
        made.append(PROVIDERS[request.param](url))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("streamed", [True, False])
def test_a_chat_on_a_connection_that_closes_just_then_is_asked_again_on_a_new_one(
    closing: Callable[..., Closing], provider_of: Callable[[str], Provider], streamed: bool
) -> None:
    server = closing(keeps=1)
    provider = provider_of(server.url)
    assert provider.chat("m", ASK, timeout_s=10) == "Oi!"
    pieces: list[str] = []
    assert provider.chat("m", ASK, timeout_s=10, on_token=pieces.append if streamed else None) == "Oi!"
    assert pieces == (["Oi!"] if streamed else []), "shown once"
    assert [number for number, _ in server.asked] == [0, 0, 1]


def test_a_new_connection_that_closes_before_an_answer_is_not_tried_again(
    closing: Callable[..., Closing], provider_of: Callable[[str], Provider]
) -> None:
    server = closing(keeps=0)
    with pytest.raises(ProviderError) as error:
        provider_of(server.url).chat("m", ASK, timeout_s=10)
    assert error.value.retryable and len(server.asked) == 1


def test_ten_chats_whose_connections_all_close_are_each_asked_once_more(
    closing: Callable[..., Closing], provider_of: Callable[[str], Provider]
) -> None:
    """One new try, not one for each connection that is kept."""
    server = closing(keeps=1)
    provider = provider_of(server.url)
    heard: list[str] = []
    for _ in range(2):
        barrier = threading.Barrier(10)

        def one(together: threading.Barrier = barrier) -> None:
            together.wait()
            heard.append(provider.chat("m", ASK, timeout_s=20))

        threads = [threading.Thread(target=one) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == ["Oi!"] * 20 and len(server.asked) <= 40


def test_both_tries_share_the_calls_time(
    closing: Callable[..., Closing], provider_of: Callable[[str], Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = closing(keeps=1)
    provider = provider_of(server.url)
    provider.chat("m", ASK, timeout_s=10)
    monkeypatch.setattr("tests.hooks.test_connections._answer", lambda *_: time.sleep(1.5) or b"")
    began = time.monotonic()
    with pytest.raises(ProviderError, match="did not answer within"):
        provider.chat("m", ASK, timeout_s=0.5)
    assert time.monotonic() - began < 1.4 and [number for number, _ in server.asked] == [0, 0, 1]


def test_a_thread_that_had_to_wait_writes_to_no_connection_that_was_closed_meanwhile(
    closing: Callable[..., Closing], provider_of: Callable[[str], Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp's server closes what was opened and not written to, and a busy machine lets a thread wait."""
    server = closing(keeps=9, unused_s=0.2)
    monkeypatch.setattr(connections, "KEEP_SECONDS", 0.1)
    connected = socket.create_connection

    def starved(*args: Any, **more: Any) -> socket.socket:
        monkeypatch.setattr(socket, "create_connection", connected)
        opened = connected(*args, **more)
        assert server.gone.wait(PATIENCE)
        return opened

    monkeypatch.setattr(socket, "create_connection", starved)
    assert provider_of(server.url).chat("m", ASK, timeout_s=20) == "Oi!"
    assert [number for number, _ in server.asked] == [1]


def test_a_connection_that_was_unused_too_long_is_left_before_its_server_closes_it(
    closing: Callable[..., Closing], provider_of: Callable[[str], Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connections.KEEP_SECONDS <= 2.5, "half of what the servers keep"
    server = closing(keeps=9)
    monkeypatch.setattr(connections, "KEEP_SECONDS", 0.3)
    provider = provider_of(server.url)
    provider.chat("m", ASK, timeout_s=10)
    provider.chat("m", ASK, timeout_s=10)
    time.sleep(0.4)
    provider.chat("m", ASK, timeout_s=10)
    assert [number for number, _ in server.asked] == [0, 0, 1]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/api/show"), ("POST", "/tokenize")],
)
def test_what_only_computes_is_asked_again(closing: Callable[..., Closing], method: str, path: str) -> None:
    server = closing(keeps=1)
    with HttpServer("It", server.url) as http:
        http.call("GET", "/first")
        http.call(method, path, {"model": "m"} if method == "POST" else None)
    assert server.asked == [(0, "/first"), (0, path), (1, path)]


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/load_lora_adapter"), ("DELETE", "/api/delete")])
def test_what_changes_something_is_sent_once(closing: Callable[..., Closing], method: str, path: str) -> None:
    """It may have been done: the second time it would be refused."""
    server = closing(keeps=1)
    with HttpServer("It", server.url) as http:
        http.call("GET", "/first")
        with pytest.raises(BackendDownError, match="broke off"):
            http.call(method, path, {"model": "m"})
    assert server.asked == [(0, "/first"), (0, path)]


def test_an_upload_goes_over_a_connection_that_is_open(
    closing: Callable[..., Closing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts can be read once; an old connection is left before the first of them."""
    server = closing(keeps=9)
    monkeypatch.setattr(connections, "KEEP_SECONDS", 0.1)
    with HttpServer("It", server.url) as http:
        http.call("GET", "/first")
        time.sleep(0.2)
        http.call("POST", "/upload", content=iter([b"{}"]), headers={"Content-Length": "2"})
    assert server.asked == [(0, "/first"), (1, "/upload")]
