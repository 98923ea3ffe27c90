"""The addresses of the page, and the application that answers under them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.panel.desk import Desk
from aeon_plugin_ft.panel.guard import ENTRY, STATIC, Guard, Keys, cookie_name
from aeon_plugin_ft.panel.live import Live, Marked
from aeon_plugin_ft.panel.rendering import HERE, Pages
from aeon_plugin_ft.panel.views import facts, forgetting, home, settings, talks, training, versions

log = logging.getLogger("aeon_ft.panel")

NOW = "/agora"
"""The address of the stream that says what has changed."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The page, ready to be served: `app` is ASGI."""

    app: Guard
    keys: Keys
    live: Live


def make_panel(desk: Desk, port: int, keys: Keys | None = None) -> Panel:
    """The page of one data folder, to be reached under 127.0.0.1:`port`."""
    keys = keys or Keys()
    pages, live = Pages(keys), Live(desk.stamps)
    own = (home, talks, forgetting, facts, training, versions, settings)
    routes = [
        Route(ENTRY, _entry(keys, pages, port)),
        Route(NOW, live.endpoint),
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        *(route for view in own for route in view.routes(desk, pages, keys)),
    ]
    # Each takes its own kind of error, which Starlette's types have no word for.
    handlers: dict[Any, Any] = {HTTPException: _missing(pages), AeonFtError: _failed(pages), Exception: _broken(pages)}
    marked = Middleware(Marked, live=live, other=(NOW, STATIC, ENTRY))
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[marked])
    return Panel(Guard(app, keys, port, lambda scope, status: _refused(pages, scope, status)), keys, live)


def _entry(keys: Keys, pages: Pages, port: int) -> Callable[[Request], Response]:
    def enter(request: Request) -> Response:
        """A token for a cookie. A page of its own and no redirect, whose cookie a strict browser would hold back when
        the link was clicked in another site's page."""
        if not keys.redeem(request.query_params.get("t", "")):
            return pages.show(request, "closed", 401)
        response = pages.show(request, "enter")
        response.set_cookie(cookie_name(port), keys.cookie, httponly=True, samesite="strict", path="/")
        return response

    return enter


def _refused(pages: Pages, scope: Scope, status: int) -> Response:
    return pages.show(Request(scope), "closed", status)


def _missing(pages: Pages) -> Callable[[Request, HTTPException], Response]:
    def handle(request: Request, error: HTTPException) -> Response:
        return pages.show(
            request, "trouble", error.status_code, title="trouble.missing", text="trouble.missing_text", detail=None
        )

    return handle


def _failed(pages: Pages) -> Callable[[Request, AeonFtError], Response]:
    def handle(request: Request, error: AeonFtError) -> Response:
        log.warning("%s", error)
        return pages.show(
            request, "trouble", 500, title="trouble.failed", text="trouble.failed_text", detail=str(error)
        )

    return handle


def _broken(pages: Pages) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        return pages.show(request, "trouble", 500, title="trouble.failed", text="trouble.broken_text", detail=None)

    return handle
