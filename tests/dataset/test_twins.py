"""Questions that are one, and questions that only look like one; what was trained on is never judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeon_plugin_ft.dataset import twins
from aeon_plugin_ft.dataset.build import build_draft
from aeon_plugin_ft.dataset.frozen import trained_turns
from aeon_plugin_ft.dataset.model import Example
from aeon_plugin_ft.dataset.split import split
from aeon_plugin_ft.settings import DatasetSection
from aeon_plugin_ft.turns.model import LoggedTurn
from hooks import Message
from tests.dataset.conftest import MakeTurn

_THINGS = "vidro panela tapete sapato quadro bicicleta cortina janela mochila relógio"
SUBJECTS = [f"{verb} {thing}" for verb in ("limpar", "guardar", "comprar", "pintar") for thing in _THINGS.split()]


def left_out(turns: list[LoggedTurn]) -> dict[str, str]:
    """The filter of each turn that is left out as nearly the same."""
    settings = DatasetSection(near_duplicate=0.6, disabled_filters=("topic", "low_quality"))
    return {one.turn: one.filter for one in build_draft(turns, settings).dropped}


def example(number: int, user: str, reply: str = "", session: str = "s") -> Example:
    messages = (Message("user", user), Message("assistant", reply or f"resposta número {number}"))
    return Example(str(number), messages, (str(number),), session)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("como tiro mancha de vinho", "aeon, como eu tiro mancha de vinho, por favor?"),
        ("Qual a capital da França?", "me diz qual a capital da frança"),
    ],
)
def test_a_polite_question_is_the_same_question(one: str, other: str) -> None:
    assert twins.core(one) == twins.core(other)


def test_a_reply_is_the_same_however_it_begins() -> None:
    text = "passa sal grosso na mancha e lava com água fria"
    assert twins.said(f"Primeiro, {text}.") == twins.said(f"Antes de tudo, {text}") != ""
    assert twins.said("Pronto, tá feito.") == ""


def test_one_question_in_other_words_stays_and_stays_on_one_side(turn: MakeTurn) -> None:
    """A wording teaches as much as a second showing, and it is never judged by what taught it."""
    answer = "É às dez da manhã, na sala azul do segundo andar."
    asked = [
        "que horas é a reunião de sexta",
        "quando a gente se reúne na sexta",
        "me diz o horário do encontro de sexta",
        "sexta a conversa com o pessoal começa que horas",
    ]
    assert left_out([turn(question, answer) for question in asked]) == {}
    rows = [example(n, f"pergunta {SUBJECTS[n % 40]} {n}", session=f"s{n // 4}") for n in range(36)]
    rows += [example(36 + n, question, answer, f"t{n}") for n, question in enumerate(asked)]
    train, heldout = split(rows, 0.2, 4)
    assert heldout and {answer in {e.reply for e in side} for side in (train, heldout)} == {True, False}


def test_no_held_out_question_has_a_twin_that_is_trained_on() -> None:
    rows = [example(n, f"como {SUBJECTS[n % 40]} {n // 40}", session=f"s{n // 8}") for n in range(80)]
    rows += [
        example(80 + n, f"aeon, como eu {SUBJECTS[n]} {n // 40}, por favor?", session=f"t{n // 8}") for n in range(40)
    ]
    train, heldout = split(rows, 0.2, 8)
    assert heldout
    assert {twins.core(e.user) for e in train}.isdisjoint(twins.core(e.user) for e in heldout)


def test_no_held_out_reply_is_trained_on_under_another_question() -> None:
    answer = "Passa sal grosso na mancha, espera dez minutos e lava com água fria."
    rows = [example(n, f"pergunta {SUBJECTS[n % 40]} {n}", session=f"s{n // 4}") for n in range(38)]
    rows += [example(38, "e o vinho no tapete", answer, "s0"), example(39, "mancha roxa na toalha", answer, "s9")]
    train, heldout = split(rows, 0.2, 4)
    assert heldout
    assert {e.reply for e in train}.isdisjoint(e.reply for e in heldout)


def test_what_was_trained_on_is_never_held_out_while_the_log_grows() -> None:
    """A question that is asked again leaves the held-out side; no older conversation fills its place."""
    trained: set[str] = set()
    rows = [example(n, f"pergunta {SUBJECTS[n % 40]} {n}", session=f"s{n // 10}") for n in range(100)]
    for round in range(6):
        start = len(rows)
        newest = [example(start + n, f"pergunta {SUBJECTS[n % 40]} {start + n}", session=f"r{round}") for n in range(3)]
        again = [example(start + 3 + n, rows[start - 1 - n].user, session=f"r{round}") for n in range(8)]
        rows += newest + again
        train, heldout = split(rows, 0.1, 10, trained)
        assert trained.isdisjoint(e.id for e in heldout)
        trained |= {e.id for e in train}


def test_the_training_sides_of_datasets_are_read_from_their_lineage(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    lines = '{"split": "train", "id": "1"}\n{"split": "heldout", "id": "2"}\n'
    (tmp_path / "a" / "lineage.jsonl").write_text(lines, encoding="utf-8")
    assert trained_turns([tmp_path / "a", tmp_path / "gone"]) == {"1"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("liga a luz da sala de estar agora", "desliga a luz da sala de estar agora"),
        ("me lembra de tomar o remédio da pressão às 8 horas", "me lembra de tomar o remédio da pressão às 9 horas"),
        ("quanto é 7 vezes 8 na tabuada do sete", "quanto é 7 vezes 9 na tabuada do sete"),
        ("aumenta o volume da televisão da sala", "abaixa o volume da televisão da sala"),
    ],
)
def test_one_word_that_turns_a_question_round_makes_no_copy(turn: MakeTurn, one: str, other: str) -> None:
    reply = "Pronto, já cuidei disso pra ti, pode ficar tranquilo que tá tudo certo por aqui."
    assert left_out([turn(one, reply), turn(other, reply)]) == {}


def test_a_copy_that_means_the_same_is_still_left_out(turn: MakeTurn) -> None:
    reply = "Pronto, já cuidei disso pra ti, pode ficar tranquilo que tá tudo certo por aqui."
    first, again = turn("liga a luz da sala de estar", reply), turn("liga a luz da sala de estar aí", reply)
    assert list(left_out([first, again]).values()) == ["near_duplicate"]
