"""The one way in which the plugin speaks HTTP, against a real local server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.causes import PauseCause
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError, PreemptedError, ServingError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.http_reasons import reason_of
from tests.servers.http import Fault, LocalServer, Request

PATIENCE = 30.0


class Echo(LocalServer):
    """Answers as its path says."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.begun = threading.Event(), threading.Event()

    def route(self, request: Request) -> None:
        path = request.path
        if path == "/json":
            return request.send(200, {"sent": request.json(), "token": request.headers.get("authorization")})
        if path.startswith("/refuse/"):
            headers = {"retry-after": "3.5"}
            return request.send(int(path.rpartition("/")[2]), {"error": {"message": "because  of\nthis"}}, headers)
        if path == "/moved":
            return request.send(302, None, {"Location": "/file"})
        if path == "/wait":
            self.begun.set()
            self.go_on.wait(PATIENCE)
            return request.send(200, {})
        if path == "/drip":
            return request.stream(self._drops(), "text/plain")
        if path == "/lines":
            return request.ndjson([{"number": number} for number in range(3)])
        return request.send(200, "plain words")

    def _drops(self) -> Iterator[bytes]:
        while not self.go_on.wait(0.05):
            yield b"."


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server
        server.go_on.set()


@pytest.fixture
def server(echo: Echo) -> Iterator[HttpServer]:
    with HttpServer("The echo", echo.url, token="secret", down="Start it") as made:
        yield made


def test_an_answer_comes_as_json_or_as_the_text_that_it_is(server: HttpServer) -> None:
    assert server.call("POST", "/json", {"a": 1}) == {"sent": {"a": 1}, "token": "Bearer secret"}
    assert server.call("GET", "/text") == "plain words"
    assert "secret" not in repr(server)
    with pytest.raises(ServingError, match="The echo sent something that is not JSON: 'plain words'"):
        server.json_object("GET", "/text")


@pytest.mark.parametrize("interrupt", [None, lambda: None])
def test_a_refusal_has_the_servers_own_reason_and_a_next_step(server: HttpServer, interrupt: Any) -> None:
    with pytest.raises(BackendRefusedError) as refusal:
        server.call("GET", "/refuse/429", interrupt=interrupt)
    assert refusal.value.what == "The echo said no to /refuse/429 (HTTP 429): because of this"
    assert (refusal.value.status, refusal.value.retry_after, refusal.value.retryable) == (429, 3.5, True)
    assert refusal.value.todo
    assert server.answer("GET", "/refuse/404", allowed=(404,)).status == 404


def test_the_owner_of_a_server_says_what_to_do_about_a_refusal(echo: Echo) -> None:
    server = HttpServer("Echo", echo.url, next_step=lambda status, reason: f"{status} {reason}")
    with server, pytest.raises(BackendRefusedError) as refusal:
        server.call("GET", "/refuse/500")
    assert refusal.value.todo == "500 because of this"


@pytest.mark.parametrize("interrupt", [None, lambda: None])
def test_nobody_there(interrupt: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    server = HttpServer("The echo", url, down="Start it")
    with server, pytest.raises(BackendDownError, match="does not answer") as error:
        server.call("GET", "/json", interrupt=interrupt)
    assert error.value.todo == "Start it"


@pytest.mark.parametrize("url", ["localhost:1", "http://127.0.0.1:port", ""])
def test_an_address_that_is_none_is_said_in_one_sentence(url: str) -> None:
    with HttpServer("The echo", url, down="Correct it") as server, pytest.raises(BackendDownError) as error:
        server.call("GET", "/json")
    assert "\n" not in str(error.value) and error.value.todo


@pytest.mark.parametrize("path", ["/wait", "/drip"])
@pytest.mark.parametrize("interrupt", [None, lambda: None])
def test_a_call_ends_after_its_seconds_however_the_answer_drips_in(
    server: HttpServer, path: str, interrupt: Any
) -> None:
    started = time.monotonic()
    with pytest.raises(BackendDownError, match="took longer than"):
        server.call("GET", path, seconds=0.5, interrupt=interrupt)
    assert time.monotonic() - started < PATIENCE / 2


def test_a_call_is_left_when_the_machine_is_wanted(server: HttpServer, echo: Echo) -> None:
    started = time.monotonic()
    with pytest.raises(PreemptedError, match="the owner"):
        server.call("GET", "/wait", interrupt=lambda: PauseCause.OWNER_BACK if echo.begun.is_set() else None)
    assert echo.begun.is_set() and time.monotonic() - started < PATIENCE / 2


def test_lines_come_one_by_one_and_a_broken_stream_is_no_end(server: HttpServer, echo: Echo) -> None:
    assert [server.parsed(line)["number"] for line in server.lines("POST", "/lines", {})] == [0, 1, 2]
    echo.enqueue(Fault("/lines", drop="stream"))
    with pytest.raises(BackendDownError, match="broke off"):
        list(server.lines("POST", "/lines", {}))


def test_a_download_is_there_whole_or_not_at_all(server: HttpServer, echo: Echo, tmp_path: Path) -> None:
    server.download("/file", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "plain words"
    with pytest.raises(BackendRefusedError):
        server.download("/refuse/404", tmp_path / "gone")
    echo.enqueue(Fault("/lines", drop="stream"))
    with pytest.raises(BackendDownError):
        server.download("/lines", tmp_path / "half")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]


def test_redirects_are_followed_only_where_that_is_asked_for(server: HttpServer, echo: Echo) -> None:
    with pytest.raises(BackendRefusedError, match="302"):
        server.call("GET", "/moved")
    with HttpServer("An index", echo.url, redirects=True) as index:
        assert index.answer("GET", "/moved").url == f"{echo.url}/file"


def test_no_proxy_stands_before_this_machine(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with HttpServer("The echo", echo.url) as here:
        assert here.call("GET", "/text") == "plain words"
    elsewhere = HttpServer("Elsewhere", "http://elsewhere.invalid")
    with elsewhere, pytest.raises(BackendDownError):
        elsewhere.call("GET", "/")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": {"message": "a"}}, "a"), ({"error": "a"}, "a"), ({"detail": "a"}, "a"),
        ({"error_message": "a"}, "a"), (" a\n b ", "a b"), ({}, ""), ([1], ""),
    ],
)  # fmt: skip
def test_the_reason_of_a_refusal_in_every_form(answer: Any, reason: str) -> None:
    assert reason_of(answer) == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"message": "no such model"}}, "no such model"),
        ({"detail": [{"type": "int", "loc": ["body"], "msg": "too long"}, {"msg": "and more"}]}, "too long; and more"),
        ({"error": '{"message": "wrapped", "code": 400}'}, "wrapped"),
        ("{half of an object", "{half of an object"),
        ({"error": {}, "message": "the other"}, "the other"),
        ({"code": 5}, ""),
        ({"error": "word " * 100}, "word " * 60 + "..."),
    ],
)
def test_the_reason_of_a_refusal_is_a_sentence(body: object, reason: str) -> None:
    assert reason_of(body) == reason
