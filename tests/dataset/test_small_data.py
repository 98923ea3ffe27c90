"""Honesty about too little data, and the similar turns that help meanwhile."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.dataset.advice import advise
from aeon_plugin_ft.dataset.model import Draft, Example
from aeon_plugin_ft.dataset.similar.retrieve import SimilarTurns, with_similar
from hooks import Message


def example(user: str, reply: str = "Fala, cara.") -> Example:
    messages = (Message("system", "S"), Message("user", user), Message("assistant", reply))
    return Example(user, messages, (user,))


def draft(train: int, heldout: int, different: int = 10_000) -> Draft:
    def make(count: int, side: str) -> tuple[Example, ...]:
        return tuple(example(f"{side} {n % different}") for n in range(count))

    return Draft(make(train, "t"), make(heldout, "h"))


@pytest.mark.parametrize(
    ("train", "heldout", "different", "helps", "word"),
    [
        (60, 20, 9999, False, "80 good examples are too few"),
        (200, 0, 9999, False, "nothing could be held out"),
        (200, 20, 10, False, "only 10 different questions"),
        (200, 20, 9999, True, "enough for style"),
        (900, 90, 9999, True, "990 good examples"),
    ],
)
def test_training_is_recommended_only_when_it_will_help(
    train: int, heldout: int, different: int, helps: bool, word: str
) -> None:
    advice = advise(draft(train, heldout, different))
    assert (advice.helps, advice.good) == (helps, train + heldout)
    assert word in advice.reason
    assert bool(advice.todo) is not helps


QUESTIONS = [
    "qual é o nome da minha gata?",
    "coloca um timer de dez minutos",
    "abre o spotify pra mim",
    "qual a capital da Austrália?",
    "me explica o que é um buraco negro",
]


@pytest.fixture
def index() -> SimilarTurns:
    return SimilarTurns([example(question) for question in QUESTIONS])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("como se chama minha gata?", 0),
        ("bota um timer aí", 1),
        ("abre o spotfy", 2),
        ("capital do Japão?", 3),
        ("buracos negros existem?", 4),
    ],
)
def test_the_most_similar_question_comes_first(index: SimilarTurns, asked: str, found: int) -> None:
    assert index.find(asked)[0][0].user == QUESTIONS[found]


def test_nothing_similar_is_nothing(index: SimilarTurns) -> None:
    assert index.find("xyz") == []
    assert index.find("") == []
    assert SimilarTurns([]).find("oi") == []


def test_similar_turns_go_between_the_system_prompt_and_the_question(index: SimilarTurns) -> None:
    asked = (Message("system", "P"), Message("user", "bota um timer de vinte minutos"))
    shown = with_similar(asked, index, limit=1)
    assert shown == (asked[0], Message("user", QUESTIONS[1]), Message("assistant", "Fala, cara."), asked[1])
    assert with_similar((Message("user", "xyz"),), index) == (Message("user", "xyz"),)


def test_a_question_that_was_asked_before_comes_with_its_good_reply(index: SimilarTurns) -> None:
    asked = (Message("user", QUESTIONS[1].upper()),)
    assert with_similar(asked, index, limit=1)[:2] == (
        Message("user", QUESTIONS[1]), Message("assistant", "Fala, cara."),
    )  # fmt: skip
