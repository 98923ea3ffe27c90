"""What the tests of the embedded server share."""

from __future__ import annotations

import time

import httpx

from hooks import Route


def get(route: Route, path: str, token: str | None = None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{route.base_url}{path}", headers=headers, timeout=30, trust_env=False)


def wait_for(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
