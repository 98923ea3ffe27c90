"""Server-sent events: which topics of the page have changed, so that it asks for itself anew.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from aeon_plugin_ft.errors import AeonFtError

log = logging.getLogger("aeon_ft.panel")

LOOK_SECONDS = 1.0
BEAT_SECONDS = 10.0
"""Without a word for longer than this the connection may have been cut somewhere."""
MARK = "mark"
"""In the state of a request for a page: what was the newest of each topic before the page was made."""


class Live:
    """`stamps()` gives a text for each topic, another one when it has changed. Counts who listens: while nobody does,
    the page is closed.

    A page carries the mark of what was newest before it was made, and each event carries the mark after it, which the
    browser names when it connects anew. So nothing is missed between the making of a page and its connection, nor
    between two connections."""

    def __init__(self, stamps: Callable[[], Mapping[str, str]], seconds: float = LOOK_SECONDS) -> None:
        self._stamps, self._seconds = stamps, seconds
        self.listening = 0
        self.was_open = False
        self.left_at = time.monotonic()
        self._ending = False

    def end(self) -> None:
        """Let go of everybody: the server ends."""
        self._ending = True

    async def endpoint(self, request: Request) -> Response:
        """The stream of one page."""
        headers = {"x-accel-buffering": "no"}
        return StreamingResponse(self._stream(request), media_type="text/event-stream", headers=headers)

    async def mark(self) -> str:
        """What is the newest of each topic now, short enough for an address; empty where it cannot be seen."""
        return _write(await self._look({}))

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        self.listening += 1
        self.was_open = True
        try:
            yield "retry: 2000\n\n"
            seen, beat = await self._first(request), time.monotonic()
            while not self._ending and not await request.is_disconnected():
                now = await self._look(seen)
                changed = sorted(topic for topic, stamp in now.items() if seen.get(topic) != stamp)
                seen = now
                if changed:
                    yield f"id: {_write(now)}\nevent: changed\ndata: {json.dumps(changed)}\n\n"
                elif time.monotonic() - beat > BEAT_SECONDS:
                    yield ": here\n\n"
                if changed or time.monotonic() - beat > BEAT_SECONDS:
                    beat = time.monotonic()
                await asyncio.sleep(self._seconds)
        finally:
            self.listening -= 1
            self.left_at = time.monotonic()

    async def _first(self, request: Request) -> Mapping[str, str]:
        named = request.headers.get("last-event-id") or request.query_params.get(MARK, "")
        return _read(named) or await self._look({})

    async def _look(self, before: Mapping[str, str]) -> Mapping[str, str]:
        try:
            stamps = await run_in_threadpool(self._stamps)
        except (AeonFtError, sqlite3.Error, OSError) as error:  # a database that is busy passes
            log.warning("what has changed cannot be seen: %s", error)
            return before
        return {topic: hashlib.blake2s(stamp.encode(), digest_size=6).hexdigest() for topic, stamp in stamps.items()}


class Marked:
    """ASGI middleware: before a page is made, `MARK` is put into its request's state. `other` are the beginnings of
    addresses that are no pages."""

    def __init__(self, app: ASGIApp, live: Live, other: tuple[str, ...]) -> None:
        self._app, self._live, self._other = app, live, other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        if scope["type"] == "http" and not scope["path"].startswith(self._other):
            scope.setdefault("state", {})[MARK] = await self._live.mark()
        await self._app(scope, receive, send)


def _write(stamps: Mapping[str, str]) -> str:
    return "_".join(f"{topic}-{stamp}" for topic, stamp in sorted(stamps.items()))


def _read(mark: str) -> dict[str, str]:
    parts = (part.partition("-") for part in mark.split("_"))
    return {topic: stamp for topic, dash, stamp in parts if dash}
