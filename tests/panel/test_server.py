"""One run of the page: where it listens, when it ends, and what it tells while it is open."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from aeon_plugin_ft.cli.main import main
from aeon_plugin_ft.dataset.feedback.opinions import say_opinion
from aeon_plugin_ft.dataset.model import Feedback
from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.panel import server as serving
from aeon_plugin_ft.panel.app import make_panel
from aeon_plugin_ft.panel.live import Live
from aeon_plugin_ft.panel.plots import draw
from aeon_plugin_ft.panel.server import PanelServer, Waiting
from tests.panel.site import PORT, Site, add_version, site

__all__ = ["site"]


@contextmanager
def serve(site: Site, **options: object) -> Iterator[PanelServer]:
    server = PanelServer(site.desk, **options)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join(30)
        assert not thread.is_alive()


def heard(lines: Iterator[str]) -> tuple[str, list[str]]:
    """The next event of a stream: its id, and the topics that have changed."""
    mark = next(line for line in lines if line.startswith("id: "))
    data = next(line for line in lines if line.startswith("data: "))
    return mark.removeprefix("id: "), json.loads(data.removeprefix("data: "))


def stream_of(client: httpx.Client) -> str:
    """Open the page, and the address of its stream."""
    return re.search(r'data-live-path="([^"]+)"', client.get("/").text)[1]  # type: ignore[index]


@contextmanager
def browse(server: PanelServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        assert client.get(server.new_link()).status_code == 200
        yield client


def test_it_listens_on_this_machine_only(site: Site) -> None:
    with serve(site, stay=True) as server, browse(server) as client:
        assert client.get("/").status_code == 200
        listening = [one.laddr.ip for one in psutil.Process().net_connections("tcp") if one.laddr.port == server.port]
        assert set(listening) == {"127.0.0.1"}
        assert "server" not in client.get("/").headers


def test_a_browser_that_is_quicker_than_the_server_waits(site: Site) -> None:
    server = PanelServer(site.desk)
    with socket.create_connection(("127.0.0.1", server.port), 5):
        server.end()
        server.run()


def test_a_page_hears_what_has_changed_and_the_server_ends_when_it_is_closed(site: Site) -> None:
    ended = threading.Event()
    server = PanelServer(site.desk, left_seconds=0.2)
    thread = threading.Thread(target=lambda: (server.run(), ended.set()))
    thread.start()
    try:
        with browse(server) as client, client.stream("GET", stream_of(client), timeout=30) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            say_opinion(site.desk.store, Feedback(site.turn("daily"), "praise"))
            assert "turns" in heard(lines)[1]
            assert not ended.is_set()
        assert ended.wait(30)
    finally:
        server.end()
        thread.join(30)
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", server.port), 2):
        pass


def test_what_changes_before_a_page_is_connected_is_told_to_it(site: Site) -> None:
    with serve(site, stay=True) as server, browse(server) as client:
        path = stream_of(client)
        say_opinion(site.desk.store, Feedback(site.turn("daily"), "praise"))
        with client.stream("GET", path, timeout=30) as stream:
            assert heard(stream.iter_lines())[1] == ["turns"]


def test_what_changes_between_two_connections_is_told_once(site: Site) -> None:
    with serve(site, stay=True) as server, browse(server) as client:
        path = stream_of(client)
        say_opinion(site.desk.store, Feedback(site.turn("daily"), "praise"))
        with client.stream("GET", path, timeout=30) as stream:
            mark, _ = heard(stream.iter_lines())
        add_version(site, "r1", 0.2, use=True)
        with client.stream("GET", path, timeout=30, headers={"last-event-id": mark}) as stream:
            _, changed = heard(stream.iter_lines())
        assert "versions" in changed and "turns" not in changed


def test_when_it_ends(site: Site) -> None:
    panel = make_panel(site.desk, PORT)
    waiting = Waiting(panel, stay=False, left_seconds=10, first_seconds=100)
    assert not waiting.over()
    panel.live.left_at -= 50
    assert not waiting.over(), "nobody has opened it yet"
    panel.live.left_at -= 60
    assert waiting.over() and not Waiting(panel, stay=True).over()
    panel.live.listening = 1
    assert not waiting.over()
    panel.live.listening, panel.live.was_open, panel.live.left_at = 0, True, time.monotonic() - 11
    assert waiting.over()


def test_a_port_that_is_taken_is_one_sentence(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InstallError, match="Leave --port out"):
            PanelServer(site.desk, port=taken.getsockname()[1])


def test_what_cannot_be_seen_once_is_looked_at_again() -> None:
    answers = iter([{"a": "1"}, OSError("busy"), {"a": "2"}])

    def stamps() -> dict[str, str]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def look() -> list[object]:
        live = Live(stamps)
        first = await live._look({})
        second = await live._look(first)
        return [first, second, await live._look(second)]

    first, second, third = asyncio.run(look())
    assert first == second and first != third


@pytest.mark.parametrize("command", ["painel", "ui"])
def test_the_command_says_the_link_and_opens_the_browser(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(serving, "open_browser", shown.append)
    monkeypatch.setattr(PanelServer, "run", lambda self: self._socket.close())
    assert main(["--data", str(tmp_path / "data"), command]) == 0
    printed = capsys.readouterr().out
    assert len(shown) == 1 and shown[0] in printed and "/entrar?t=" in shown[0]


def test_a_drawing_has_round_ticks_and_stays_in_its_box() -> None:
    drawing = draw([[(1, 0.93), (40, 2.87)]], dots=[(1, 0.93)])
    assert [tick.value for tick in drawing.ticks] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    for x, y, *_ in drawing.dots:
        assert drawing.left <= x <= drawing.right and drawing.top <= y <= drawing.floor
    flat = draw([[(1, 5.0), (2, 5.0)]])
    assert len(flat.ticks) >= 2 and flat.lines[0].count(",") == 2
