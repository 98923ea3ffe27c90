"""One run of the page: a socket on 127.0.0.1, the browser, and the end when the page is closed.

Nothing listens while nobody looks: when the last page was closed for LEFT_SECONDS, or none was ever opened, the server
ends. A training that was begun on the page goes on in this process, which ends with it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from aeon_plugin_ft.errors import InstallError
from aeon_plugin_ft.messages import Speaker
from aeon_plugin_ft.panel.app import Panel, make_panel
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.guard import ENTRY

_say = Speaker("errors/panel")

ADDRESS = "127.0.0.1"
LEFT_SECONDS = 30.0
"""A page that is being loaded anew is gone for a moment, and a machine that slept for a little longer."""
FIRST_SECONDS = 600.0
"""As long as the first link may be used."""
_LOOK_SECONDS = 0.5
BACKLOG = 64


@dataclass
class Waiting:
    """When to end. `stay`: only when asked."""

    panel: Panel
    stay: bool
    left_seconds: float = LEFT_SECONDS
    first_seconds: float = FIRST_SECONDS

    def over(self) -> bool:
        """Whether nobody looks any more."""
        live = self.panel.live
        if self.stay or live.listening:
            return False
        patience = self.left_seconds if live.was_open else self.first_seconds
        return time.monotonic() - live.left_at > patience


class PanelServer:
    """The page of a desk under a free port, or the given one. Raises InstallError where that port is taken."""

    def __init__(self, desk: Desk, *, port: int = 0, stay: bool = False, left_seconds: float = LEFT_SECONDS) -> None:
        self._socket = _listen(port)
        self.port = int(self._socket.getsockname()[1])
        self.panel = make_panel(desk, self.port)
        self._waiting = Waiting(self.panel, stay, left_seconds)
        config = uvicorn.Config(
            self.panel.app, log_config=None, access_log=False, server_header=False, date_header=True, lifespan="off",
            timeout_graceful_shutdown=2, h11_max_incomplete_event_size=32 * 1024, ws="none", proxy_headers=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)

    def new_link(self) -> str:
        """A link that opens the page once."""
        return f"http://{ADDRESS}:{self.port}{ENTRY}?t={self.panel.keys.new_token()}"

    def run(self) -> None:
        """Serve until the page is closed, `end` is called, or Ctrl-C. In the main thread signals end it, too."""
        asyncio.run(self._serve())

    def end(self) -> None:
        """Stop serving, from any thread."""
        self.panel.live.end()
        self._server.should_exit = True

    async def _serve(self) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            watching.cancel()
            self._socket.close()

    async def _watch(self) -> None:
        while not self._waiting.over() and not self._server.should_exit:
            await asyncio.sleep(_LOOK_SECONDS)
        # Also on Ctrl-C: streams that are open would keep the server from ending.
        self.end()


def _listen(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.bind((ADDRESS, port))
        # Now, and not when the server has started: a browser that is quicker waits instead of being refused.
        made.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        made.close()
        raise InstallError(*_say.error("server.port", port=port, reason=error)) from error
    return made


def open_browser(link: str, show: Callable[[str], object] = webbrowser.open) -> None:
    """In a thread: some browsers keep whoever starts them waiting."""
    threading.Thread(target=show, args=(link,), name="aeon-ft-panel-browser", daemon=True).start()
