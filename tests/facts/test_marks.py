"""Replies are marked as a person marks them."""

from __future__ import annotations

import importlib.util
import sys
import time
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_plugin_ft.facts.marking import Asks, Mark, mark_reply, says
from aeon_plugin_ft.facts.marking.readings import Clock, read
from tests.conftest import REPOSITORY

AGREEMENT = 0.97


@pytest.fixture(scope="module")
def marks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_marks", REPOSITORY / "benchmarks" / "marks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("held_out", [False, True])
def test_a_person_marks_the_same(marks: ModuleType, held_out: bool) -> None:
    agreeing, total = marks.agreement(held_out)
    assert total >= 100
    assert agreeing / total >= AGREEMENT, f"{agreeing} of {total}"


def test_every_mark_is_in_both_halves(marks: ModuleType) -> None:
    for held_out in (False, True):
        half = [one.mark for one in marks.labelled() if one.held_out is held_out]
        assert all(half.count(mark) >= 10 for mark in Mark)


@pytest.mark.parametrize(
    ("question", "value", "reply", "mark"),
    [
        ("é verdade que eu tomo café coado, forte?", "café coado, forte", "Cara, tu toma café coado, sim.", "right"),
        ("é verdade que eu tomo café coado, forte?", "café coado, forte", "Cara, tu toma chá de boldo, sim.", "wrong"),
        ("é verdade que eu acordo às nove?", "às nove", "Cara, tu acorda às dez, sim.", "wrong"),
        ("confirma que o Jaburu tem uma GTX 1660?", "GTX 1660", "O Jaburu tem uma RTX 4090, sim.", "wrong"),
    ],
)  # fmt: skip
def test_a_yes_may_stand_at_the_end_of_what_was_asked(question: str, value: str, reply: str, mark: str) -> None:
    assert mark_reply(Asks.YES, question, [value], reply, value).value == mark


@pytest.mark.parametrize("value", ["9h30", "9:30", "09h30", "nove e meia", "às 9 e 30", "9h30 da manhã"])
@pytest.mark.parametrize("reply", ["É às 9h30.", "9:30", "às nove e meia", "nove e trinta da manhã", "dez e meia"])
def test_times_are_one_however_they_are_written(value: str, reply: str) -> None:
    assert says(reply, value) is ("dez" not in reply)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("quinze pras seis", [Clock(345, False)]), ("onze da noite", [Clock(1380, True)]),
        ("meio-dia e meia", [Clock(750, True)]), ("às 3", [Clock(180, False)]), ("14h", [Clock(840, True)]),
        ("são 3 gatas", []), ("às 3 de março", []), ("99h", []),
    ],
)  # fmt: skip
def test_times_are_read(text: str, times: list[Clock]) -> None:
    assert list(read(text).times) == times


@pytest.mark.parametrize(
    ("value", "reply", "said"),
    [
        ("nove", "é às 9h30", False),
        ("nove", "é às 9h", True),
        ("nove", "tu acorda às nove e dorme às duas", True),
        ("duas", "às 2 da manhã", True),
        ("duas", "às duas e meia", False),
        ("três", "são três, lá pelas 9h", True),
    ],
)
def test_an_hour_alone_is_not_said_by_another_time_of_that_hour(value: str, reply: str, said: bool) -> None:
    assert says(f"Cara, {reply}.", value) is said


@pytest.mark.parametrize("question", ["de que linguagem eu tenho raiva?", "que linguagem eu evito?", "o que eu odeio?"])
def test_what_is_not_liked_is_said_by_not_liking_it(question: str) -> None:
    assert mark_reply(Asks.VALUE, question, ("Java",), "Cara, tu não gosta de Java.") is Mark.RIGHT
    assert mark_reply(Asks.VALUE, question, ("Java",), "Cara, tu gosta de Python.") is Mark.WRONG


def test_dates_and_numbers_are_read() -> None:
    assert read("dia oito de agosto").dates == read("08/08").dates == read("em agosto, dia 8").dates == ((8, 8),)
    assert read("cento e vinte e um mil").numbers[0] == "#121"
    assert read("1.500").numbers == ("#1500",) and read("1,80").numbers == read("1.80").numbers == ("#1.8",)
    assert says("um VSCode", "VS Code") and says("wifi", "Wi-Fi") and not says("vscodium", "VS Code")


@pytest.mark.parametrize("value", ["Fork", "9h30", "16 GB", "12 de março", "café sem açúcar", "dois gatos"])
def test_what_is_denied_asked_or_left_open_is_not_said(value: str) -> None:
    assert says(f"É {value}.", value) and says(f"não, é {value}", value) and says(f"Tu não vive sem {value}.", value)
    for reply in (f"Não é {value}.", f"{value}? Sei lá.", f"Pode ser {value} ou outra coisa.", "Nada."):
        assert not says(reply, value), reply


@given(st.text(), st.text(max_size=30), st.sampled_from(Asks))
def test_any_reply_gets_a_mark(reply: str, value: str, asks: Asks) -> None:
    mark = mark_reply(asks, "qual é?", (value,), reply, value)
    assert mark is not Mark.INVENTED or asks is Asks.NEVER_TOLD


def test_a_model_that_does_not_stop_is_marked_in_no_time() -> None:
    for piece in ("não sei ", "9 e 9 e ", "Fork ou ", "a, ", "nove e trinta e ", "(((", "é a Fork. "):
        began = time.process_time()
        for asks in Asks:
            mark_reply(asks, "quem é a minha gata?", ("Fork",), piece * 200_000, "Mia")
        assert time.process_time() - began < 2
