"""One HTTP client for every server that speaks OpenAI's format (Groq, vLLM, SGLang, llama-server)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 5.0
CALL_SECONDS = 60.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class ApiClient:
    """`server` names it in sentences, `down` is the next step when nobody answers. The token never shows."""

    def __init__(self, server: str, url: str, token: str | None, down: str) -> None:
        self.server, self.url, self.down = server, url.rstrip("/"), down
        self.retry_after: float | None = None
        """Seconds that the last refusal asked to wait."""
        self._token = token
        self._client: httpx.Client | None = None

    def __repr__(self) -> str:
        return f"ApiClient({self.server!r}, {self.url!r})"

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *,
        upload: Mapping[str, Any] | None = None, form: Mapping[str, str] | None = None, seconds: float = CALL_SECONDS,
    ) -> Any:  # fmt: skip
        """The answer as JSON, or as text where it is none. Raises BackendDownError, BackendRefusedError."""
        import httpx

        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        try:
            answer = self._http().request(method, self.url + path, json=body, files=upload, data=form, timeout=timeout)
        except httpx.TimeoutException as error:
            raise BackendDownError(
                f"{self.server} at {self.url} took longer than {seconds:.0f} s", self.down
            ) from error
        except httpx.HTTPError as error:
            raise BackendDownError(
                f"{self.server} does not answer at {self.url} ({error or type(error).__name__})", self.down
            ) from error
        if answer.status_code >= 400:
            raise self._refusal(answer)
        return _json_or_text(answer.text)

    def _refusal(self, answer: httpx.Response) -> BackendRefusedError:
        text = reason_of(_json_or_text(answer.text)) or answer.reason_phrase
        wait = answer.headers.get("retry-after", "")
        self.retry_after = float(wait) if wait.replace(".", "", 1).isdecimal() else None
        return BackendRefusedError(
            f"{self.server} said no (HTTP {answer.status_code}): {text}",
            self.next_step(answer.status_code, text),
            answer.status_code,
        )

    def next_step(self, status: int, text: str) -> str:
        """What to do about a refusal."""
        if status == 401:
            return f"Check the key of {self.server}"
        if status == 429:
            return f"Try again in {self.retry_after or 60:.0f} seconds"
        if status >= 500:
            return f"{self.server} has a problem of its own; try again later"
        return f"Look at the log of {self.server}"

    def _http(self) -> httpx.Client:
        import httpx

        if self._client is None:
            local = urlsplit(self.url).hostname in _LOOPBACK
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self._client = httpx.Client(headers=headers, trust_env=not local, verify=not self.url.startswith("http://"))
        return self._client


def reason_of(answer: Any) -> str:
    """The sentence inside an error body, in any of the forms these servers use."""
    if isinstance(answer, str):
        return " ".join(answer.split())[:300]
    if not isinstance(answer, dict):
        return ""
    for key in ("error", "message", "error_message", "detail"):
        if answer.get(key):
            return reason_of(answer[key])
    return ""


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
