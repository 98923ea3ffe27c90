"""Who may see the page and press its buttons: the owner's browser, and no other site, program's page or user.

A page that listens on 127.0.0.1 can be reached by every program and every web page that this machine shows. So each
request must come under the very address that was opened (a name that somebody else's DNS points at 127.0.0.1 is
refused), with the cookie that only the first link gives; what changes something must come from the page itself
(Origin), with a word that only the page knows. https://fetch.spec.whatwg.org (Origin, Sec-Fetch-Site), RFC 6265bis
(SameSite), https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENTRY = "/entrar"
STATIC = "/static/"
TOKEN_SECONDS = 600.0
"""How long the first link may be used."""
MOST_BYTES = 64 * 1024
"""Of a request's body; a form of the page is far smaller."""
_SAFE = frozenset({"GET", "HEAD"})

POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": a browser would then send "Origin: null" with the page's own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


def _word() -> str:
    return secrets.token_urlsafe(32)


@dataclass
class Keys:
    """What opens one run of the page. Nothing of it is written to a disk."""

    clock: Callable[[], float] = time.monotonic
    cookie: str = field(default_factory=_word, repr=False)
    form: str = field(default_factory=_word, repr=False)
    """Stands in each of the page's own forms."""
    _token: str = field(default="", repr=False)
    _made: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def new_token(self) -> str:
        """For one link; the one before counts no more."""
        with self._lock:
            self._token, self._made = _word(), self.clock()
            return self._token

    def redeem(self, token: str) -> bool:
        """Whether this is the token; it opens once. Other users of this machine can read a browser's command line."""
        with self._lock:
            fresh = bool(self._token) and self.clock() - self._made <= TOKEN_SECONDS
            right = hmac.compare_digest(token.encode(), self._token.encode()) and fresh
            if right:
                self._token = ""
            return right

    def is_cookie(self, value: str) -> bool:
        """Whether this is the cookie of this run."""
        return hmac.compare_digest(value.encode(), self.cookie.encode())

    def is_form(self, value: str) -> bool:
        """Whether this is the word of the page's forms."""
        return hmac.compare_digest(value.encode(), self.form.encode())


class Guard:
    """ASGI middleware around the whole application: what is refused never reaches it. `port` is what is listened on;
    `refuse(scope, status)` makes the page of a refusal that an owner may see."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int, refuse: Callable[[Scope, int], Response]) -> None:
        self._app, self._keys, self._refuse = app, keys, refuse
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self.cookie_name = cookie_name(port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a refusal."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks another protocol
            return
        refusal = self._refusal(scope)
        guarded = _with_headers(send)
        if refusal is not None:
            await refusal(scope, receive, guarded)
        else:
            await self._app(scope, _limited(receive), guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("421", 421)
        if method not in _SAFE and method != "POST":
            return PlainTextResponse("405", 405)
        site = headers.get("sec-fetch-site", "none")
        entering = path == ENTRY and method in _SAFE
        # The link may be clicked anywhere, for its token says who may.
        if site not in {"same-origin", "none"} and not entering:
            return PlainTextResponse("403", 403)
        if method == "POST" and headers.get("origin", "").lower() != f"http://{hosts[0].lower()}":
            return PlainTextResponse("403", 403)
        if not _short_enough(headers):
            return PlainTextResponse("413", 413)
        # Nothing of the owner's is in the style sheet, and the page of a refusal needs it.
        if entering or (path.startswith(STATIC) and method in _SAFE):
            return None
        return None if self._has_cookie(headers) else self._refuse(scope, 401)

    def _has_cookie(self, headers: Headers) -> bool:
        for line in headers.getlist("cookie"):
            try:
                sent = SimpleCookie(line).get(self.cookie_name)
            except CookieError:
                continue
            if sent is not None and self._keys.is_cookie(sent.value):
                return True
        return False


def cookie_name(port: int) -> str:
    """Cookies know no ports: two pages at once must not take each other's."""
    return f"aeon-ft-{port}"


def _short_enough(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return length.isdigit() and int(length) <= MOST_BYTES


def _limited(receive: Receive) -> Receive:
    """A body that tells no length is cut off as well."""
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return message if taken <= MOST_BYTES else {"type": "http.disconnect"}

    return take


def _with_headers(send: Send) -> Send:
    made = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    names = {name for name, _ in made}

    async def put(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": [*own, *made]}
        await send(message)

    return put
