"""Any server that speaks OpenAI's chat completions (ours, llama-server, vLLM), through the official client."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from hooks.contract import Message, adapter_fields, as_dicts
from hooks.providers.base import OnToken, ProviderError
from hooks.providers.clients import Server, reason_in, warm_up
from hooks.providers.connections import http_client, within

TEMPERATURE = 0.7
"""What an unmodified Aeon asks Groq for."""


def openai_client(url: str, token: str | None) -> Any:
    """The `openai` package's client for the server at `url` (without /v1), whose calls end `within` their time and are
    made once: what comes after a failure is the brain's to decide. Imports the package, a second on a slow machine."""
    import httpx2
    import openai

    sends_through = http_client(httpx2, url)
    if token is None:
        # openai 3.57 insists on a key, and would take the environment's for any server.
        sends_through.event_hooks = {"request": [lambda request: request.headers.pop("Authorization", None)]}
    return openai.OpenAI(
        api_key=token or "none",
        organization="",
        project="",
        base_url=f"{url}/v1",
        max_retries=0,
        http_client=sends_through,
    )


class OpenAIProvider:
    """Chat completions with a bearer token. `adapters` are those of a llama-server, put into each request."""

    package: ClassVar[str] = "openai"
    """Whose client it is."""

    def __init__(
        self, url: str, token: str | None = None, *, name: str = "openai", adapters: Sequence[tuple[int, float]] = ()
    ) -> None:  # fmt: skip
        self.name = name
        self._fields = adapter_fields(adapters)
        self._token = token
        self._server = Server(name, url, token)
        self._client: Any = None
        self._lock = threading.Lock()

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        """As Provider.chat, at /chat/completions."""
        asked: dict[str, Any] = {"model": model, "messages": as_dicts(messages), "temperature": TEMPERATURE}
        asked |= {"extra_body": self._fields} if self._fields else {}
        with self._calling(timeout_s) as client:
            if on_token is not None:
                # Closed also where the owner wants no more of it: the server would compute on.
                with client.chat.completions.create(**asked, stream=True) as stream:
                    return self._streamed(stream, on_token)
            return str(client.chat.completions.create(**asked).choices[0].message.content or "")

    def models(self, *, timeout_s: float = 5.0) -> list[str]:
        """The names that the server lists."""
        with self._calling(timeout_s) as client:
            return [str(card.id) for card in client.models.list().data]

    def close(self) -> None:
        """Give back the connections; a later call opens new ones."""
        with self._lock:
            # Closed outside the lock: closing waits for the system, and a call may be waiting for the lock.
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _streamed(self, stream: Any, on_token: OnToken) -> str:
        pieces: list[str] = []
        whole = False
        for chunk in stream:
            # The last one may have no choice at all (it carries usage).
            for choice in chunk.choices[:1]:
                if piece := choice.delta.content:
                    pieces.append(piece)
                    on_token(piece)
                whole = whole or choice.finish_reason is not None
        # These clients (openai 3.57, groq 1.7) end a stream without a word when the connection closes before [DONE].
        if not whole:
            raise self._server.broke_off()
        return "".join(pieces)

    def _made(self) -> Any:
        return openai_client(self._server.url, self._token)

    @contextmanager
    def _calling(self, timeout_s: float) -> Iterator[Any]:
        warm_up(self.package)  # before the call's time begins
        package = __import__(self.package)
        with self._lock:
            client = self._client = self._client or self._made()
        try:
            with within(timeout_s):
                yield client
        except package.APIStatusError as error:
            raise self._server.refused(error.status_code, reason_in(error.body) or error.message) from error
        except package.APITimeoutError as error:
            raise self._server.too_slow(timeout_s) from error
        except package.APIConnectionError as error:
            raise self._unreached(error, timeout_s) from error
        except package.APIError as error:  # an error inside a stream, or an answer that it cannot read
            raise self._server.failed(error.message) from error
        except ProviderError:
            raise
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            raise self._server.garbled("no choice") from error
        except Exception as error:
            # What httpx (httpx2) raises while a stream is read: groq 1.7 lets it through as it is.
            if not type(error).__module__.startswith("httpx"):
                raise
            raise self._unreached(error, timeout_s) from error

    def _unreached(self, error: Exception, timeout_s: float) -> ProviderError:
        causes = (error, error.__cause__)
        if any("Timeout" in type(cause).__name__ for cause in causes):
            return self._server.too_slow(timeout_s)
        if any(type(cause).__name__ == "RemoteProtocolError" for cause in causes):
            return self._server.broke_off()
        return self._server.absent(error.__cause__ or error)
