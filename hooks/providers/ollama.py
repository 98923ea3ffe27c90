"""An Ollama, through its official client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hooks.contract import Message, as_dicts
from hooks.providers.address import ollama_url
from hooks.providers.base import OnToken, ProviderError
from hooks.providers.clients import Server, reason_in
from hooks.providers.connections import bound, options, within

if TYPE_CHECKING:
    import ollama


def ollama_client(url: str, *, proxies: bool | None = None) -> ollama.Client:
    """The official client for one address, whose calls end `within` their time. `proxies`: through those of the
    environment; by default wherever it is not this machine. Imports the client: some tenths of a second at the first
    call."""
    import httpx
    import ollama

    # ollama 0.6 drops a name and password in the address.
    parts = urlsplit(url)
    login = (parts.username, parts.password or "") if parts.username else None
    made = options(httpx, url)
    made |= {} if proxies is None else {"trust_env": proxies}
    client = ollama.Client(host=url, auth=login, **made)
    bound(client._client)
    if parts.hostname != "ollama.com":
        # ollama 0.6 sends the key of ollama.com (OLLAMA_API_KEY) to whichever Ollama it talks to.
        client._client.headers.pop("Authorization", None)
    return client


class OllamaProvider:
    """Reasoning arrives in `message.thinking` and is not part of the reply. `at_once`: for a model that was trained to
    reply without any. Ollama begins thoughts wherever a template knows of them, unless it is told not to; a model that
    knows none takes no notice."""

    def __init__(self, url: str | None = None, *, at_once: bool = False) -> None:
        self._think = False if at_once else None
        self._server = Server("Ollama", ollama_url(url))
        self._client: ollama.Client | None = None
        self._lock = threading.Lock()

    def chat(
        self, model: str, messages: Sequence[Message], *, timeout_s: float, on_token: OnToken | None = None
    ) -> str:
        """As Provider.chat, at /api/chat."""
        with self._calling(timeout_s) as client:
            if on_token is None:
                return (
                    client.chat(
                        model=model, messages=as_dicts(messages), stream=False, think=self._think
                    ).message.content
                    or ""
                )
            pieces: list[str] = []
            # Closed also where the owner wants no more of it: the server would compute on.
            stream: Any = client.chat(model=model, messages=as_dicts(messages), stream=True, think=self._think)
            with closing(stream):
                for part in stream:
                    if piece := part.message.content:
                        pieces.append(piece)
                        on_token(piece)
                    # Only this line says that the reply is whole: a stream may also just end.
                    if part.done:
                        return "".join(pieces)
        raise self._server.broke_off()

    def models(self, *, timeout_s: float = 5.0) -> list[str]:
        """The models that this Ollama has on its disk."""
        with self._calling(timeout_s) as client:
            # /api/tags gives each both as "name" and as "model"; ollama 0.6 keeps only the latter.
            return [entry.model for entry in client.list().models if entry.model]

    def close(self) -> None:
        """Give back the connections; a later call opens new ones."""
        with self._lock:
            # Closed outside the lock: closing waits for the system, and a call may be waiting for the lock.
            client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]  # ollama 0.6.3 has no types for it

    @contextmanager
    def _calling(self, timeout_s: float) -> Iterator[ollama.Client]:
        import httpx
        import ollama

        with within(timeout_s), self._lock:
            client = self._client = self._client or ollama_client(self._server.url)
        try:
            with within(timeout_s):
                yield client
        except ollama.ResponseError as error:
            # An error line in the middle of a stream has no status (-1).
            if error.status_code < 300:
                raise self._server.failed(error.error) from error
            raise self._server.refused(error.status_code, _reason(error.error)) from error
        except httpx.TimeoutException as error:
            raise self._server.too_slow(timeout_s) from error
        except (httpx.HTTPError, httpx.InvalidURL, ConnectionError) as error:
            raise self._server.absent(error) from error
        except ProviderError:
            raise
        except (ValueError, TypeError, AttributeError, KeyError) as error:  # its answer is no JSON, or of another form
            raise self._server.garbled("something that is no reply of Ollama's") from error


def _reason(text: str) -> str:
    """ollama 0.6 leaves an error body as it came unless it is {"error": "a sentence"}."""
    try:
        return reason_in(json.loads(text)) or text
    except (ValueError, TypeError):
        return reason_in(text) or str(text)
