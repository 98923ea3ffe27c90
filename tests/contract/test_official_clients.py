"""The local servers of the tests answer the official clients with all that those ask for."""

from __future__ import annotations

from pathlib import Path

import groq
import ollama
import openai
import pytest

from tests.servers.groq import FakeGroq
from tests.servers.models import write_gguf
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeOpenAI

TALK = [{"role": "user", "content": "oi"}]


def test_groqs_client() -> None:
    with FakeGroq() as server, groq.Groq(api_key=server.key, base_url=server.url, max_retries=0) as client:
        assert client.models.retrieve("openai/gpt-oss-120b").id == "openai/gpt-oss-120b"
        assert "openai/gpt-oss-20b" in {card.id for card in client.models.list().data}
        chunks = list(client.chat.completions.create(model="openai/gpt-oss-20b", messages=TALK, stream=True))  # type: ignore[call-overload]
        assert chunks[0].x_groq.id and chunks[-1].x_groq.usage.total_tokens
        made = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        assert [file.id for file in client.files.list().data] == [made.id]
        assert client.files.content(made.id).read() == b"{}"
        assert client.files.info(made.id).filename == "a.jsonl"
        assert client.files.delete(made.id).deleted
        with pytest.raises(groq.NotFoundError):
            client.models.retrieve("gone/model")


def test_openais_client() -> None:
    for flavour in ("vllm", "sglang", "llama"):
        with FakeOpenAI(flavour, key="k") as server:  # type: ignore[arg-type]
            with openai.OpenAI(api_key="k", base_url=f"{server.url}/v1", max_retries=0) as client:
                assert client.models.list().data[0].id == server.base
                said = client.chat.completions.create(model=server.base, messages=TALK)  # type: ignore[call-overload]
                assert said.choices[0].message.content and said.usage.total_tokens
            stranger = openai.OpenAI(api_key="other", base_url=f"{server.url}/v1", max_retries=0)
            with stranger, pytest.raises(openai.AuthenticationError):
                stranger.models.list()


@pytest.fixture
def served(tmp_path: Path) -> FakeOllama:
    server = FakeOllama()
    server.library["library:1b"] = write_gguf(tmp_path / "library.gguf")
    return server


def test_ollamas_client(served: FakeOllama, tmp_path: Path) -> None:
    gguf = write_gguf(tmp_path / "mine.gguf", seed=3, template="{% for m in messages %}<|im_start|>{% endfor %}")
    with served, ollama.Client(host=served.url) as client:
        assert [part.status for part in client.pull("library:1b", stream=True)][-1] == "success"
        with pytest.raises(ollama.ResponseError, match="file does not exist"):
            client.pull("nobody")
        digest = client.create_blob(gguf)
        statuses = [part.status for part in client.create("ana/mine", files={"m.gguf": digest}, stream=True)]
        assert "using autodetected template chatml" in statuses and statuses[-1] == "success"
        assert client.push("ana/mine").status == "success"
        client.copy("ana/mine", "copy")
        assert {each.model for each in client.list().models} == {"library:1b", "ana/mine:latest", "copy:latest"}
        assert client.show("COPY").capabilities == ["completion"]
        assert len(client.embed("copy", ["a", "b"]).embeddings) == 2
        assert client.embeddings("copy", "a").embedding == client.embed("copy", "a").embeddings[0]
        assert [each.model for each in client.ps().models] == []
        client.generate("copy", keep_alive=-1)
        assert [each.model for each in client.ps().models] == ["copy:latest"]
        client.delete("copy")
        with pytest.raises(ollama.ResponseError, match="not found"):
            client.chat("copy", TALK)


def test_what_a_request_may_ask_of_ollama(served: FakeOllama) -> None:
    with served, ollama.Client(host=served.url) as client:
        client.pull("library:1b")
        shape = {"type": "object", "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}}}
        shaped = client.chat("library:1b", TALK, format=shape).message.content
        assert shaped is not None and shaped.startswith('{"nome": ') and shaped.endswith('"idade": 0}')
        probable = client.chat("library:1b", TALK, logprobs=True, top_logprobs=2)
        assert probable.logprobs is not None and len(probable.logprobs[0].top_logprobs or []) == 2
        raw = client.generate("library:1b", "as it is", raw=True)
        assert raw.response and raw.context is None
        assert client.generate("library:1b", "oi").context
        cut = client.chat("library:1b", TALK, options={"num_predict": 2})
        assert (cut.done_reason, cut.eval_count) == ("length", 2)
        loads = served.loads
        client.chat("library:1b", TALK, options={"num_ctx": 512})
        assert served.loads == loads + 1, "another context is a load"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/chat", {"messages": []}, 400),
        ("POST", "/api/show", {}, 400),
        ("POST", "/api/show", {"model": "a b"}, 400),
        ("POST", "/api/show", {"model": "missing"}, 404),
        ("POST", "/api/show", {"model": 5}, 400),
        ("POST", "/api/chat", {"model": "library:1b", "messages": ["oi"]}, 400),
        ("GET", "/api/show", None, 405),
        ("POST", "/api/tags", None, 405),
        ("POST", "/api/copy", {"source": "library:1b", "destination": "a b"}, 400),
        ("POST", "/api/create", {"model": "new", "from": "library:1b", "template": "{{ .Foo"}, 400),
        ("POST", "/api/create", {"model": "new", "from": "library:1b", "template": "{% jinja %}"}, 200),
        ("POST", "/api/create", {"model": "new", "from": "missing"}, 200),
        ("POST", "/api/generate", {"model": "library:1b", "prompt": "a", "suffix": "b"}, 400),
        ("POST", "/v1/chat/completions", {"model": "library:1b", "messages": TALK}, 200),
        ("GET", "/v1/models", None, 200),
        ("GET", "/api/nothing", None, 404),
    ],
)
def test_ollamas_status_codes(served: FakeOllama, method: str, path: str, body: object, status: int) -> None:
    import httpx

    with served:
        served.add_model("library:1b", served.library["library:1b"])
        answer = httpx.request(method, served.url + path, json=body, trust_env=False)
    assert answer.status_code == status


def test_a_creation_from_a_missing_model_tries_to_pull_and_says_so_after_its_200(served: FakeOllama) -> None:
    with served, ollama.Client(host=served.url) as client:
        assert client.create("new", from_="library:1b").status == "success"
        lines = client.create("other", from_="missing", stream=True)
        assert next(lines).status == "pulling manifest"
        with pytest.raises(ollama.ResponseError, match="file does not exist"):
            next(lines)
