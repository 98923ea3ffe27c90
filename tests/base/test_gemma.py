"""The real Gemma: what training renders and tokenises is what llama.cpp does with the same file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.base.builtin import GEMMA3
from aeon_plugin_ft.base.turns import END_OF_TURN_ID
from aeon_plugin_ft.serving.embedded.deployer import EmbeddedDeployer
from aeon_plugin_ft.settings import ServeSection
from aeon_plugin_ft.store import DataFolder
from aeon_plugin_ft.store.digest import sha256
from aeon_plugin_ft.training.engine.encode import Encoder
from aeon_plugin_ft.training.plan import IGNORED
from hooks import Message, Route
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow(seconds=15)

TALKS = [
    [("system", "Você é o Aeon.\n"), ("user", "oi, tudo bem?"), ("assistant", "Tudo  certo, cara! 😀")],
    [("user", "oi"), ("assistant", "e aí\n\n\nlinha"), ("user", "R$ 1.234,56 em 2024?"), ("assistant", "Não.")],
    [("system", "um"), ("system", "dois"), ("user", "  <b>tab</b> \t <start_of_turn>x <eos>"), ("assistant", " ok ")],
]
ODD = [
    "        x\n\n\n\n   y\t\tz   ",
    "日本語 العربية ǅ \x07",
    "a▁b  ▁▁c",
    "[multimodal] <unused0> “½ ² ﬁ”",
    "e\u0301 a\u0303",
]


@pytest.fixture(scope="module")
def encoder(gemma3: BaseModel) -> Encoder:
    return Encoder(gemma3.training_copy)


@pytest.fixture
def route(gemma3: BaseModel, data: DataFolder) -> Iterator[Route]:
    deployer = EmbeddedDeployer(data)
    yield deployer.deploy(None, gemma3, ServeSection(threads=1, context_tokens=512)).route
    deployer.close()


def ask(route: Route, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {route.token}"}
    answer = httpx.post(f"{route.base_url}{path}", json=body, headers=headers, timeout=120, trust_env=False)
    answer.raise_for_status()
    return dict(answer.json())


def tokens(route: Route, text: str, *, special: bool) -> list[int]:
    body = {"content": text, "add_special": special, "parse_special": True}
    return [int(number) for number in ask(route, "/tokenize", body)["tokens"]]


def test_the_prompt_that_is_trained_on_is_the_prompt_that_is_served(encoder: Encoder, route: Route) -> None:
    for talk in TALKS:
        chat = [{"role": role, "content": content} for role, content in talk[:-1]]
        served = tokens(route, ask(route, "/apply-template", {"messages": chat})["prompt"], special=True)
        row = encoder.row([Message(role, content) for role, content in talk])  # type: ignore[arg-type]
        prompt = [token for token, label in zip(row.ids, row.labels, strict=True) if label == IGNORED]
        assert prompt == served
        assert served.count(2) == 1 and served[0] == 2, "one BOS, at the beginning"
        assert row.ids[-1] == row.labels[-1] == END_OF_TURN_ID


def test_every_text_is_cut_into_the_words_that_llama_cpp_cuts_it_into(encoder: Encoder, route: Route) -> None:
    """On Portuguese, English, code and oddities: 262 thousand words, and merges that were derived from scores."""
    sample = (REPOSITORY / "samples" / "conversation.log").read_text(encoding="utf-8").splitlines()[:150]
    code = Path(__file__).read_text(encoding="utf-8").split("\n\n")
    for text in [*sample, *code, *ODD]:
        assert encoder._ids(text) == tokens(route, text, special=False), text


def test_a_reply_ends_at_the_end_of_a_turn(encoder: Encoder, route: Route) -> None:
    """The end of a turn is made the only likely token: a server that did not know it would go on to the limit."""
    assert encoder.stops == {1, END_OF_TURN_ID}
    for stop in encoder.stops:
        body = {"messages": [{"role": "user", "content": "oi"}], "max_tokens": 8, "logit_bias": [[stop, 1000.0]]}
        choice = ask(route, "/v1/chat/completions", body)["choices"][0]
        assert (choice["finish_reason"], choice["message"]["content"]) == ("stop", "")


def test_a_question_computes_only_what_the_one_before_did_not(gemma3: BaseModel, route: Route) -> None:
    """Its window would otherwise make each question compute the whole prompt."""
    system = "Você é o Aeon. Responda em português, sem enrolar, e não invente nada. " * 6
    counts = []
    for question in ("oi", "qual é o nome da minha gata?", "que editor eu uso pra programar?"):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        body = {"messages": messages, "max_tokens": 8, "temperature": 0}
        counts.append(ask(route, "/v1/chat/completions", body)["timings"])
    assert counts[0]["prompt_n"] > 100
    assert all(later["prompt_n"] < 30 and later["cache_n"] > 100 for later in counts[1:]), counts


def test_the_real_one_is_the_pinned_one(gemma3: BaseModel) -> None:
    assert gemma3.gguf is not None
    assert gemma3.digest == GEMMA3.digest == sha256(gemma3.gguf)
    assert (gemma3.architecture, gemma3.parameters) == ("gemma3", 268_098_176)
