"""The providers against real HTTP: wire formats, errors as one sentence, one deadline for the whole call."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from hooks import Message, Route
from hooks.providers import GroqProvider, OllamaProvider, OpenAIProvider, ProviderError, ProviderPool, ollama_url
from tests.host.servers import ModelServer, Scripted

ASK = (Message("system", "s"), Message("user", "oi"))
Any3 = GroqProvider | OllamaProvider | OpenAIProvider


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("s", models=("a/model", "b-model")) as made:
        yield made


@pytest.fixture(params=["groq", "ollama", "openai"])
def provider(request: pytest.FixtureRequest, server: ModelServer) -> Iterator[Any3]:
    made = {
        "groq": lambda: GroqProvider("key", server.url),
        "ollama": lambda: OllamaProvider(server.url),
        "openai": lambda: OpenAIProvider(server.url, "key"),
    }[request.param]()
    yield made
    made.close()


def test_whole_and_streamed_replies_are_the_same(provider: Any3, server: ModelServer) -> None:
    whole = provider.chat("a/model", ASK, timeout_s=5)
    pieces: list[str] = []
    assert provider.chat("a/model", ASK, timeout_s=5, on_token=pieces.append) == whole == "".join(pieces)
    assert server.chats()[0]["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "oi"}]


def test_the_models_that_are_served(provider: Any3) -> None:
    assert provider.models() == ["a/model", "b-model"]


def test_a_refusal_is_one_sentence_with_its_status(provider: Any3, server: ModelServer) -> None:
    server.enqueue(Scripted("too\nmany", status=429))
    with pytest.raises(ProviderError, match=r"said no \(HTTP 429\): too many") as caught:
        provider.chat("a/model", ASK, timeout_s=5)
    assert caught.value.status == 429 and caught.value.retryable
    server.enqueue(Scripted("gone", status=404))
    with pytest.raises(ProviderError) as caught:
        provider.chat("a/model", ASK, timeout_s=5, on_token=lambda piece: None)
    assert not caught.value.retryable


def test_a_stream_that_ends_early_is_an_error(provider: Any3, server: ModelServer) -> None:
    server.enqueue(Scripted("metade", breaks=True))
    with pytest.raises(ProviderError, match="broke off"):
        provider.chat("a/model", ASK, timeout_s=5, on_token=lambda piece: None)


def test_the_time_limit_holds(provider: Any3, server: ModelServer) -> None:
    server.enqueue(Scripted("tarde", delay=60.0))
    began = time.monotonic()
    with pytest.raises(ProviderError, match=r"within 0\.2 s"):
        provider.chat("a/model", ASK, timeout_s=0.2)
    assert time.monotonic() - began < 30


def test_nobody_there_names_the_address() -> None:
    provider = OllamaProvider("http://127.0.0.1:9")
    with pytest.raises(ProviderError, match=r"nobody answers at http://127\.0\.0\.1:9") as caught:
        provider.chat("m", ASK, timeout_s=2)
    assert caught.value.retryable
    provider.close()


def test_groq_names_the_nearest_models_it_serves_and_asks_for_the_list_once(server: ModelServer) -> None:
    groq = GroqProvider("key", server.url)
    for _ in range(2):
        with pytest.raises(ProviderError, match="Groq does not serve a-model; the nearest it serves: b-model, a/model"):
            groq.chat("a-model", ASK, timeout_s=5)
    assert [r["path"] for r in server.requests] == ["/openai/v1/models"]
    groq.close()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("192.168.0.9:1234", "http://192.168.0.9:1234"),
        ("https://ollama.example/", "https://ollama.example"),
        ("[::1]", "http://[::1]:11434"),
        ("minha-maquina", "http://minha-maquina:11434"),
        (":11434", "http://127.0.0.1:11434"),
        (":8080", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("::", "http://[::1]:11434"),
        ('"127.0.0.1:8080"', "http://127.0.0.1:8080"),
        ("'0.0.0.0:8080'", "http://127.0.0.1:8080"),
        ("127.0.0.1:", "http://127.0.0.1:11434"),
        ("127.0.0.1:99999", "http://127.0.0.1:11434"),
        ("127.0.0.1:http", "http://127.0.0.1:11434"),
        ("100.0.0.0", "http://100.0.0.0:11434"),
        ("10.0.0.0.0", "http://10.0.0.0.0:11434"),
        ("http://10.0.0.9", "http://10.0.0.9"),
        ("http://:11434", "http://127.0.0.1:11434"),
        ("https://ollama.example:8443/lan/", "https://ollama.example:8443/lan"),
        ("http://ana:segredo@10.0.0.9:11434", "http://ana:segredo@10.0.0.9:11434"),
        ("ollama.com", "https://ollama.com"),
        ("  ", "http://127.0.0.1:11434"),
    ],
)
def test_ollama_host_as_people_write_it(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert ollama_url() == url


def test_the_pool_keeps_one_provider_per_place() -> None:
    pool = ProviderPool(lambda: "key")
    one = pool.for_route(Route("embedded", "v1", "http://127.0.0.1:1", token="a"))
    assert pool.for_route(Route("embedded", "v2", "http://127.0.0.1:1", token="a")) is one
    assert pool.for_route(Route("embedded", "v2", "http://127.0.0.1:1", token="b")) is not one
    for n in range(40):
        pool.for_route(Route("openai", "m", f"http://127.0.0.1:{n + 2}"))
    assert pool.for_route(Route("embedded", "v1", "http://127.0.0.1:1", token="a")) is not one
    pool.close()


@pytest.mark.parametrize(
    ("route", "says"),
    [
        (Route("groq", "m"), "GROQ_KEY"),
        (Route("embedded", "m"), "no base_url"),
        (Route("canned", "m"), "no model server"),
    ],
)
def test_a_route_that_cannot_be_called_says_why(route: Route, says: str) -> None:
    with pytest.raises(ProviderError, match=says):
        ProviderPool().for_route(route)


def test_the_doors_cost_no_http_library_at_start() -> None:
    names = ("httpx", "rich", "ollama", "groq", "openai")
    code = f"import sys, hooks, hooks.call, hooks.providers; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
