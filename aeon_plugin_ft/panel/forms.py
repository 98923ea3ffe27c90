"""The forms of the page: read, checked, and done in a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from aeon_plugin_ft.panel.guard import Keys

MOST_FIELDS = 200
KEY_FIELD = "chave"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent, or of an address."""

    fields: dict[str, list[str]]

    def get(self, name: str, otherwise: str = "") -> str:
        """The first value of a field."""
        return self.fields.get(name, [otherwise])[0]

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return self.fields.get(name, [])

    def has(self, name: str) -> bool:
        """Whether the field was sent, be it empty."""
        return name in self.fields


Act = Callable[[Form], Response]


def action(keys: Keys, act: Act) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for POST: only a form of the page itself, with its word, gets to `act`."""

    async def endpoint(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return PlainTextResponse("415", 415)
        try:
            fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ClientDisconnect:  # too long, see guard.py
            return PlainTextResponse("413", 413)
        except ValueError:
            return PlainTextResponse("400", 400)
        form = Form(fields)
        if not keys.is_form(form.get(KEY_FIELD)):
            return PlainTextResponse("403", 403)
        return await run_in_threadpool(act, form)

    return endpoint
