"""What opens a server is neither stored nor shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aeon_plugin_ft.base.model import BaseModel
from aeon_plugin_ft.errors import BackendDownError, BackendRefusedError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.serving.model import Deployment
from aeon_plugin_ft.serving.ollama.tags import Ledger
from aeon_plugin_ft.serving.openai.deployer import OpenAIDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from hooks import Message, Route
from hooks.providers import ProviderError
from hooks.providers.groq import GroqProvider
from hooks.providers.ollama import OllamaProvider
from hooks.providers.openai import OpenAIProvider
from hooks.providers.secrets import Logins, masked, without_login
from tests.servers.models import make_base, make_version, write_adapter, write_gguf
from tests.servers.openai import FakeOpenAI

LOGIN = "http://maria:segredo42@127.0.0.1:9"
KEY = "gsk_abcdefgh12345678"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (LOGIN, "http://127.0.0.1:9"),
        ("https://key@host/v1", "https://host/v1"),
        ("http://a:b@[::1]:80", "http://[::1]:80"),
        ("http://a:b@[::1", "http://[::1"),
        ("http://host:1", "http://host:1"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_login(url: str, shown: str) -> None:
    assert without_login(url) == shown


def test_keys_and_logins_are_taken_out_of_any_sentence() -> None:
    sentence = f"Invalid API Key: {KEY} (Bearer abcdefgh1234) at {LOGIN}/v1, token own-secret"
    assert masked(sentence, "own-secret") == "Invalid API Key: *** (***) at http://***@127.0.0.1:9/v1, token ***"


def test_no_error_of_a_server_that_is_not_there_names_the_login() -> None:
    with HttpServer("The model server", LOGIN) as server, pytest.raises(BackendDownError) as ours:
        server.call("GET", "/version")
    told = [str(ours.value), repr(server)]
    for host in (OpenAIProvider(LOGIN), OllamaProvider(LOGIN), GroqProvider(KEY, LOGIN)):
        with pytest.raises(ProviderError) as theirs:
            host.models(timeout_s=5)
        told += [str(theirs.value), repr(host._server)]
        host.close()
    for text in told:
        assert "segredo42" not in text and "127.0.0.1:9" in text


def test_a_server_that_repeats_the_key_does_not_get_it_shown() -> None:
    with FakeOpenAI("vllm") as server:
        body = {"model": KEY, "messages": [{"role": "user", "content": "oi"}]}
        with HttpServer("x", server.url, token=KEY) as ours, pytest.raises(BackendRefusedError) as refused:
            ours.call("POST", "/v1/chat/completions", body)
        assert KEY not in refused.value.what and "does not exist" in refused.value.what
        provider = OpenAIProvider(server.url, KEY)
        with pytest.raises(ProviderError) as said:
            provider.chat(KEY, [Message("user", "oi")], timeout_s=10)
        provider.close()
        assert KEY not in str(said.value)
    assert issubclass(GroqProvider, OpenAIProvider)


def test_a_login_reaches_the_server_and_neither_the_journal_nor_the_ledger(data: DataFolder, tmp_path: Path) -> None:
    base: BaseModel = make_base(write_gguf(tmp_path / "base.gguf"))
    with FakeOpenAI("vllm") as server:
        url = server.url.replace("://", "://maria:segredo42@")
        settings = ServeSection(openai_url=url)
        deployer = OpenAIDeployer(data, token=lambda: None)
        version = make_version(data.versions, write_adapter(data.root / "made"), base, "v0001")
        deployment = deployer.deploy(version, base, settings)
        record = json.dumps(deployment.record())
        assert "segredo42" not in record and server.url in record
        again = Deployment.from_record(json.loads(record))
        deployer.retire(again, settings)
        assert not server.adapters, "the server is reached with the login of the settings"
        assert set(deployer._servers) == {(url, None)}
        deployer.close()
    ledger = Ledger(tmp_path / "ours.json", LOGIN)
    ledger.add("aeon-ft:v0001", "v0001", "sha256:0")
    assert "segredo42" not in (tmp_path / "ours.json").read_text(encoding="utf-8")
    assert ledger.read() and ledger.addresses("v0001") == {"http://127.0.0.1:9"}


def test_the_login_of_an_address_is_found_again() -> None:
    logins = Logins()
    assert logins.whole("http://127.0.0.1:9") == "http://127.0.0.1:9"
    assert logins.whole(LOGIN) == LOGIN == logins.whole("http://127.0.0.1:9")


def test_a_route_shows_no_login() -> None:
    assert "segredo42" not in repr(Route("openai", "m", base_url=LOGIN))
