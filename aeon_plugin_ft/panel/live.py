"""Server-sent events: which topics of the page have changed, so that it asks for itself anew.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from aeon_plugin_ft.errors import AeonFtError

log = logging.getLogger("aeon_ft.panel")

LOOK_SECONDS = 1.0
BEAT_SECONDS = 10.0
"""Without a word for longer than this the connection may have been cut somewhere."""


class Live:
    """`stamps()` gives a text for each topic, another one when it has changed. Counts who listens: while nobody does,
    the page is closed."""

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

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        self.listening += 1
        self.was_open = True
        try:
            yield "retry: 2000\n\n"
            seen, beat = await self._look({}), time.monotonic()
            while not self._ending and not await request.is_disconnected():
                await asyncio.sleep(self._seconds)
                now = await self._look(seen)
                changed = sorted(topic for topic, stamp in now.items() if seen.get(topic) != stamp)
                seen = now
                if changed:
                    yield f"event: changed\ndata: {json.dumps(changed)}\n\n"
                elif time.monotonic() - beat > BEAT_SECONDS:
                    yield ": here\n\n"
                if changed or time.monotonic() - beat > BEAT_SECONDS:
                    beat = time.monotonic()
        finally:
            self.listening -= 1
            self.left_at = time.monotonic()

    async def _look(self, before: Mapping[str, str]) -> Mapping[str, str]:
        try:
            return await run_in_threadpool(self._stamps)
        except (AeonFtError, sqlite3.Error, OSError) as error:  # a database that is busy passes
            log.warning("what has changed cannot be seen: %s", error)
            return before
