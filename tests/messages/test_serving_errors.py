"""What serving and its HTTP say when they fail, to an owner who reads Portuguese: no English is left in it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import AeonFtError
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.messages import Language, entries, speak
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.serving import smoke
from aeon_plugin_ft.serving.backends import deployer_named
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from aeon_plugin_ft.serving.groq.deployer import GroqDeployer
from aeon_plugin_ft.serving.merging.worker.run import merge_in_child
from aeon_plugin_ft.serving.ollama.client import OllamaClient, next_step
from aeon_plugin_ft.serving.ollama.room import require_memory
from aeon_plugin_ft.serving.openai.server import OpenAIServer
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.weights.merge import MergeOptions
from hooks import Route

ENGLISH = frozenset(
    {
        *(
            "the",
            "an",
            "of",
            "to",
            "in",
            "on",
            "for",
            "from",
            "by",
            "at",
            "with",
            "without",
            "under",
            "before",
            "after",
        ),
        *("is", "are", "was", "were", "be", "has", "have", "had", "does", "did", "cannot", "could", "will", "can"),
        *(
            "and",
            "or",
            "not",
            "than",
            "when",
            "while",
            "there",
            "here",
            "again",
            "its",
            "it",
            "this",
            "that",
            "another",
        ),
        *("try", "start", "set", "look", "see", "make", "made", "get", "got", "answer", "answers", "model", "weights"),
    }
)
"""Words that English sentences are made of; those that Portuguese has too (as, do, no, serve) are not among them."""
AS_TYPED = re.compile(
    r"`[^`]*`|\[\w+\] \w+(?: = [\w\"]+)?|'[^']*'|\"[^\"]*\"|https?://\S+|--[\w-]+|[\w-]+-server|\{\w+\}"
)
"""Commands, settings, quotations, addresses and names, which stay as they are in any language."""


def english_in(text: str) -> set[str]:
    """The English words of a sentence."""
    return set(re.findall(r"[a-zà-ÿ']+", AS_TYPED.sub(" ", text).lower())) & ENGLISH


@pytest.mark.parametrize("area", ["errors/serving", "errors/http"])
def test_no_portuguese_sentence_has_english_in_it(area: str) -> None:
    left = {key: english_in(form) for key, texts in entries(area).items() for form in texts[Language.PT]}
    assert {key: words for key, words in left.items() if words} == {}
    told = [form for texts in entries(area).values() for form in texts[Language.EN] if len(form.split()) > 8]
    assert sum(bool(english_in(form)) for form in told) > 0.9 * len(told), "the words above tell English"


def nobody_at() -> str:
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def speaking_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that answers an owner who asked it in Portuguese."""
    monkeypatch.setattr(smoke, "ask", lambda *_: ("I am here to help you with that.", True, 0.1))


def fail_to_start(folder: Path) -> None:
    """A child that ended before it said anything."""
    child = EmbeddedChild(new_config(folder / "base.gguf", folder / "v0001.gguf", "v0001", 512, 1), folder / "log.txt")
    raise child._failure()


Failing = Callable[[Path], object]
FAILURES: dict[str, tuple[Failing, str]] = {
    "nobody": (lambda _: OllamaClient(nobody_at()).behaviour(), "Ollama não responde em http"),
    "no backend": (lambda _: deployer_named("plugin.x", {}), "Ponha em [serve] backend um destes: nenhum."),
    "no address": (lambda _: OpenAIServer("", None).flavour(), "Falta o endereço de um servidor de modelos."),
    "no key": (lambda path: GroqDeployer(DataFolder(path), key=lambda: None).require_model("x"), "Falta a chave"),
    "no memory": (lambda _: require_memory("http://localhost:1", 10**15, []), "precisa de 1000000,5 GB de memória"),
    "unfit": (lambda _: smoke.smoke_test(Route("ollama", "v0001")), "v0001 não está em condições de responder"),
    "no start": (fail_to_start, "não consegue servir base.gguf com v0001.gguf: o processo dele terminou"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_told_in_portuguese_from_end_to_end(
    failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaking_english(monkeypatch)
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    fail, said = FAILURES[failure]
    with pytest.raises(AeonFtError) as error:
        fail(tmp_path)
    assert said in str(error.value)
    assert english_in(str(error.value)) == set()


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_refusal_says_in_portuguese_what_to_do(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    refusal = HttpServer("O Ollama", "http://localhost:1")._refusal("/api/chat", status, b"", {})
    assert str(refusal).startswith(f"O Ollama recusou /api/chat (HTTP {status}): sem dizer por quê. ")
    assert english_in(str(refusal)) == set()


@pytest.mark.parametrize("reason", ["no space left", "out of memory", "digest mismatch", "busy", "forbidden", "else"])
def test_ollamas_refusals_have_a_next_step_in_portuguese(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert english_in(next_step(403 if reason == "forbidden" else None, reason)) == set()


def test_a_server_that_was_known_before_speaks_the_language_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are kept, and the owner may choose another language meanwhile."""
    server = OpenAIServer(nobody_at(), None)
    assert server.http.name == "The model server"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    with pytest.raises(AeonFtError, match=r"O servidor de modelos não responde em .* corrija"):
        server.model_file()


def test_a_helper_process_says_why_it_failed_in_the_language_of_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may be that of the settings, and not the system's."""
    monkeypatch.delenv(ENV_LANGUAGE)
    speak(Language.PT)
    try:
        with pytest.raises(AeonFtError, match="não é um adaptador LoRA completo: falta"):
            merge_in_child(tmp_path / "no.gguf", tmp_path, tmp_path / "out.gguf", MergeOptions("sha256:0", "v0001"))
    finally:
        speak(None)
