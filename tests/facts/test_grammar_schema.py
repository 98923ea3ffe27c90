"""Claims that a model reads: held to the schema and to the sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from aeon_plugin_ft.base import BaseModel
from aeon_plugin_ft.facts.grammar.lexicon import read_toml
from aeon_plugin_ft.facts.grammar.schema import (
    MOST_CLAIMS,
    SCHEMA,
    SOURCE,
    SURE,
    constraint,
    messages_for,
    parse_claims,
    read_with_model,
    reads_well,
)
from aeon_plugin_ft.facts.model import FactSource, Relation
from aeon_plugin_ft.http import HttpServer
from aeon_plugin_ft.serving.embedded.child import EmbeddedChild, new_config
from hooks import Message, as_dicts

SENTENCE = "faz uns dez anos que Joinville é a minha casa"


def answer(*claims: tuple[str, str, str, str]) -> str:
    names = ("subject", "relation", "attribute", "value")
    return json.dumps({"claims": [dict(zip(names, one, strict=True)) for one in claims]})


class ScriptedChat:
    """Gives its answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any], max_tokens: int) -> str:
        assert schema == SCHEMA
        self.asked.append(messages[-1].content)
        return self.answers.pop(0)


def test_an_answer_becomes_claims_in_the_words_of_the_sentence() -> None:
    one = parse_claims(answer(("eu", "lives_in", "", "joinville")), SENTENCE)[0]
    assert (one.subject, one.relation, one.value, one.sure) == ("", Relation.LIVES_IN, "Joinville", SURE)
    assert SENTENCE[one.start : one.end] == "Joinville"
    assert SOURCE is FactSource.MODEL


@pytest.mark.parametrize(
    "invented",
    [
        ("eu", "lives_in", "", "Curitiba"),
        ("eu", "lives_in", "", "Join"),
        ("gata", "name", "", "Joinville"),
        ("eu", "note", "", "Joinville"),
        ("eu", "owns", "", "Joinville"),
        ("eu", "lives_in", "", ""),
    ],
)
def test_what_does_not_stand_in_the_sentence_is_dropped(invented: tuple[str, str, str, str]) -> None:
    assert parse_claims(answer(invented), SENTENCE) == []


@pytest.mark.parametrize(
    "text", ["", "Joinville", "[]", '{"claims": 3}', '{"claims": [3, {"subject": 1}]}', "{" * 5000]
)
def test_what_is_no_such_json_says_nothing(text: str) -> None:
    assert parse_claims(text, SENTENCE) == []


def test_personal_data_is_dropped() -> None:
    sentence = "meu documento é o cpf 529.982.247-25"
    assert parse_claims(answer(("eu", "property", "cpf", "529.982.247-25")), sentence) == []
    assert parse_claims(answer(("senha", "name", "", "girassol")), "a senha aqui é girassol") == []


def test_a_model_is_asked_only_about_what_may_tell_something() -> None:
    chat = ScriptedChat(answer(("eu", "lives_in", "", "Joinville")))
    unasked = ["onde eu moro?", "se eu morasse longe", "hoje tô em Santos", "x" * 999]
    read = list(read_with_model(chat, [*unasked, SENTENCE]))
    assert chat.asked == [SENTENCE]
    assert [(sentence, claims[0].value) for sentence, claims in read] == [(SENTENCE, "Joinville")]


def test_whoever_reads_may_stop_between_two_sentences() -> None:
    chat = ScriptedChat(answer(), answer())
    next(read_with_model(chat, [SENTENCE, SENTENCE]))
    assert len(chat.asked) == 1


def trial_answers() -> list[str]:
    return [answer(*map(tuple, one["claims"])) for one in read_toml("model.toml")["trial"]]


def test_a_model_that_reads_the_trial_is_trusted() -> None:
    chat = ScriptedChat(*trial_answers())
    assert reads_well(chat)
    assert not chat.answers


def test_one_that_misses_too_much_or_makes_up_anything_is_not() -> None:
    one_missed, two_missed, invented = trial_answers(), trial_answers(), trial_answers()
    one_missed[0] = answer()
    two_missed[0] = two_missed[1] = answer()
    invented[-1] = answer(("eu", "likes", "", "ônibus"))
    assert reads_well(ScriptedChat(*one_missed))
    assert not reads_well(ScriptedChat(*two_missed))
    assert not reads_well(ScriptedChat(*invented))


def test_the_trial_stands_in_no_prompt() -> None:
    shown = "\n".join(message.content for message in messages_for(SENTENCE))
    assert not any(one["sentence"] in shown for one in read_toml("model.toml")["trial"])


def test_the_examples_of_the_prompt_bear_themselves_out() -> None:
    messages = messages_for(SENTENCE)
    pairs = [(a.content, b.content) for a, b in pairwise(messages[1:]) if b.role == "assistant"]
    assert len(pairs) == 3
    for sentence, reply in pairs:
        assert len(parse_claims(reply, sentence)) == len(json.loads(reply)["claims"])


@pytest.mark.slow
def test_llama_cpp_holds_a_small_model_to_the_schema(smollm2: BaseModel, tmp_path: Path) -> None:
    """Any model: what it says is in the schema, and nothing is left that the sentence does not hold."""
    assert smollm2.gguf is not None
    child = EmbeddedChild(new_config(smollm2.gguf, None, "base", 2048, 2), tmp_path / "log")
    address = child.start()

    def chat(messages: Sequence[Message], schema: Mapping[str, Any], max_tokens: int) -> str:
        body = {"model": "base", "messages": as_dicts(messages), "max_tokens": max_tokens, "temperature": 0}
        with HttpServer("llama.cpp", address.url, token=child.config.token) as server:
            reply = server.call("POST", "/v1/chat/completions", body | constraint("embedded"), seconds=120)
        text: str = reply["choices"][0]["message"]["content"]
        parsed = json.loads(text)
        assert len(parsed["claims"]) <= MOST_CLAIMS
        assert all(one["relation"] in {r.value for r in Relation} for one in parsed["claims"])
        return text

    try:
        sentences = ["minha tartaruga atende por Donatelo", SENTENCE]
        for sentence, claims in read_with_model(chat, sentences):
            assert all(one.value in sentence and one.subject in sentence for one in claims)
        assert not reads_well(chat)  # 135M parameters are too few
    finally:
        child.stop()
