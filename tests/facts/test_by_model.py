"""Turns that the grammar cannot read, read by a model: kept with their turn, below the owner's own words, once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from aeon_plugin_ft.errors import PreemptedError
from aeon_plugin_ft.facts.by_model import owner_sentences, read_turns
from aeon_plugin_ft.facts.model import FactSource
from hooks import Message
from tests.facts.telling import Told, told

__all__ = ["told"]
SAID = "faz uns dez anos que Joinville é a minha casa"
LIVES = ("eu", "lives_in", "", "Joinville")


class Model:
    """Reads `claims` in the sentence that holds their value, and nothing in others."""

    def __init__(self, *claims: tuple[str, str, str, str]) -> None:
        self.claims = claims
        self.asked: list[str] = []

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any], max_tokens: int) -> str:
        sentence = messages[-1].content
        self.asked.append(sentence)
        names = ("subject", "relation", "attribute", "value")
        listed = [dict(zip(names, one, strict=True)) for one in self.claims if one[3] in sentence]
        return json.dumps({"claims": listed})


def read(told: Told, model: Model, most: int = 100) -> int:
    return read_turns(told.book, told.index, model, most)


def held(told: Told) -> list[tuple[str, str, FactSource]]:
    return [(fact.claim.subject, fact.value, fact.source) for fact in told.book.current()]


def test_what_only_a_model_reads_becomes_a_fact_of_its_turn(told: Told) -> None:
    turn = told.says(f"cara, que calor. {SAID}")
    assert held(told) == []
    assert read(told, Model(LIVES)) == 1
    assert held(told) == [("", "Joinville", FactSource.MODEL)]
    assert told.book.current()[0].turns == (turn,)


def test_a_turn_is_read_once_and_one_that_the_grammar_read_never(told: Told) -> None:
    told.says(SAID)
    told.says("gosto de pastel")
    model = Model()
    assert read(told, model) == 1 and model.asked == [SAID]
    assert read(told, model) == 0 and model.asked == [SAID]


def test_who_is_interrupted_reads_the_turn_another_time(told: Told) -> None:
    told.says(SAID)

    def interrupted(*_: object) -> str:
        raise PreemptedError("reading", None)  # type: ignore[arg-type]

    with pytest.raises(PreemptedError):
        read_turns(told.book, told.index, interrupted, 10)
    assert read(told, Model(LIVES)) == 1 and len(held(told)) == 1


def test_what_the_owner_said_plainly_counts_more(told: Told) -> None:
    told.says("moro em Curitiba")
    told.says(SAID)
    read(told, Model(LIVES))
    assert held(told) == [("", "Curitiba", FactSource.OWNER)], "whenever it was said"
    told.says("não moro mais em Curitiba")
    assert held(told) == [], "a guess does not fill the gap"


def test_something_else_that_is_liked_stands_beside_it(told: Told) -> None:
    told.says("gosto de pastel")
    told.says("difícil viver sem Sepultura")
    read(told, Model(("eu", "likes", "", "Sepultura")))
    assert {value for _, value, _ in held(told)} == {"pastel", "Sepultura"}


def test_it_goes_with_its_turn_and_stays_forgotten(told: Told) -> None:
    turn = told.says(SAID)
    read(told, Model(LIVES))
    told.book.forget(told.book.current()[0])
    assert held(told) == []
    told.store.execute("UPDATE claims_read SET by_model = 0")
    read(told, Model(LIVES))
    assert held(told) == [], "the same sentence read again does not bring it back"
    told.book.forget_turns([turn])
    assert told.book.left_for_model(10) == []


def test_a_turn_that_is_forgotten_while_it_is_read_stays_forgotten(told: Told) -> None:
    turn = told.says(SAID)

    def forgets(*_: object) -> str:
        told.book.forget_turns([turn])
        return Model(LIVES)([Message("user", SAID)], {}, 1)

    read_turns(told.book, told.index, forgets, 10)
    assert held(told) == []


def test_another_grammar_reads_first_and_the_model_once_more(told: Told) -> None:
    turn = told.says(SAID)
    read(told, Model(LIVES))
    told.book.rebuild(told.index, [turn])
    assert held(told) == [] and told.book.left_for_model(10) == [turn]
    read(told, Model(LIVES))
    assert len(held(told)) == 1


def test_a_secret_that_a_model_reads_is_dropped(told: Told) -> None:
    told.says("o cofre abre com jacare77, a senha")
    read(told, Model(("cofre", "property", "senha", "jacare77")))
    assert held(told) == []


def test_questions_keep_their_mark() -> None:
    assert list(owner_sentences("oi. minha gata é a Fork? sim!")) == ["oi", "minha gata é a Fork?", "sim"]
