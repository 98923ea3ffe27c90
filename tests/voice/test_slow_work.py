"""An answer in time, whatever takes long; what became of it is told later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from aeon_plugin_ft.voice.catalogue import variants
from aeon_plugin_ft.voice.commands import Commands
from tests.voice.control import FakeControl


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_slow_work_is_answered_in_time_and_told_later(control: FakeControl) -> None:
    told: list[str] = []
    commands = Commands(control, say=told.append, budget_s=0.02)
    control.gate.clear()
    reply = commands.answer("usa a versão sete")  # returns while the gate is closed
    assert reply in variants()["dialogue.working"]
    control.gate.set()
    _until(lambda: bool(told))
    assert "a versão sete" in told[0]
    assert [name for name, _ in control.calls] == ["use"]


def test_one_change_of_a_kind_at_a_time(control: FakeControl) -> None:
    told: list[str] = []
    commands = Commands(control, say=told.append, budget_s=0.02)
    control.gate.clear()
    assert commands.answer("esquece isso") in variants()["dialogue.working"]
    assert commands.answer("esquece tudo sobre a Marina") in variants()["dialogue.busy"]
    assert commands.answer("treina agora") in variants()["dialogue.working"]
    control.gate.set()
    _until(lambda: len(told) == 2)


TAKEN_DURING_A_SWAP = (
    "isso tá errado", "aprende isso", "não, o certo é Lima", "modo privado", "sai do modo privado",
    "isso é segredo, não grava", "desfaz a troca", "cancela a troca", "usa o modelo base", "cancela o treino",
    "pausa o treino", "esquece isso",
)  # fmt: skip


@pytest.mark.parametrize("heard", TAKEN_DURING_A_SWAP)
def test_what_the_owner_thinks_and_calls_off_is_taken_during_a_swap(control: FakeControl, heard: str) -> None:
    told: list[str] = []
    commands = Commands(control, say=told.append, budget_s=0.02)
    control.gate.clear()
    assert commands.answer("usa a versão sete") in variants()["dialogue.working"]
    assert commands.answer(heard) in variants()["dialogue.working"]
    _until(lambda: len(control.calls) == 2)
    control.gate.set()
    _until(lambda: len(told) == 2)


def test_the_state_can_be_asked_while_something_slow_is_at_work(control: FakeControl) -> None:
    commands = Commands(control, say=lambda sentence: None, budget_s=0.02)
    control.gate.clear()
    commands.answer("usa a versão sete")
    reader = threading.Timer(0.05, control.gate.set)
    reader.start()
    patient = Commands.answer(commands, "como está o treino")
    reader.join()
    assert patient not in variants()["dialogue.busy"]
    _until(lambda: control.calls[-1][0] == "status")


def test_a_slow_question_that_nobody_can_hear_is_withdrawn(control: FakeControl) -> None:
    commands = Commands(control, budget_s=0.02)
    control.gate.clear()
    assert commands.answer("esquece isso") in variants()["dialogue.working"]
    control.gate.set()
    _until(lambda: commands.answer("como está o treino") not in variants()["dialogue.busy"])
    assert commands.answer("sim") is None
    assert [name for name, _ in control.calls if name == "forget"] == []


def test_a_voice_that_fails_hurts_nobody(control: FakeControl) -> None:
    def broken(sentence: str) -> None:
        raise RuntimeError(sentence)

    commands = Commands(control, say=broken, budget_s=0.02)
    control.gate.clear()
    commands.answer("treina agora")
    control.gate.set()
    _until(lambda: commands.answer("treina agora") not in variants()["dialogue.busy"])
