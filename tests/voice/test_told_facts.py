"""What the owner told: said back, put right, forgotten."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.voice.catalogue import variants
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.voice.control import (
    Forgotten,
    Reason,
    SaidFacts,
)
from tests.voice.control import FakeControl


def test_a_handful_of_facts_is_said_and_how_many_more_there_are(commands: Commands, control: FakeControl) -> None:
    reply = str(commands.answer("o que você sabe de mim"))
    assert "sua gata se chama Fork e a daily é às nove e meia" in reply and "mais" not in reply
    control.known_facts = SaidFacts(tuple(f"fato {n}" for n in ("a", "b", "c", "d", "e")), 17)
    reply = str(commands.answer("o que você sabe de mim"))
    assert "fato a, fato b, fato c, fato d e fato e" in reply and "doze coisas" in reply and "aeon-ft facts" in reply
    control.known_facts = SaidFacts(("fato a",), 2)
    assert "uma coisa" in str(commands.answer("o que você sabe de mim"))


def test_that_nothing_is_known_is_said(commands: Commands, control: FakeControl) -> None:
    control.known_facts = SaidFacts()
    assert commands.answer("o que você sabe de mim") in variants()["facts.none"]
    assert commands.answer("o que você sabe da minha gata") in variants()["facts.none_about"]


@pytest.mark.parametrize(
    "heard", ["o que você sabe do meu vizinho", "esquece que eu sou seu dono", "corrige: meu nome é X"]
)
@pytest.mark.parametrize("understood", [False, ValueError("broken")])
def test_what_is_about_nothing_known_is_the_brain_s(
    commands: Commands, control: FakeControl, heard: str, understood: bool | Exception
) -> None:
    control.understood = understood
    assert commands.answer(heard) is None and control.calls == [] and not commands.waiting
    assert commands.answer("como está o treino") is not None, "what is surely a command is not asked about"


def test_the_question_before_a_fact_is_forgotten_names_it(commands: Commands, control: FakeControl) -> None:
    control.forgotten = Forgotten(3, ("v0001",), facts=("sua gata se chama Fork",))
    question = str(commands.answer("esquece que minha gata é a Fork"))
    assert "sua gata se chama Fork" in question and "três conversas" in question and "a versão um" in question.lower()
    assert "três conversas" in str(commands.answer("sim"))


@pytest.mark.parametrize("heard", ["esquece que minha gata é a Fork", "esquece tudo sobre a Fork"])
def test_a_fact_that_no_conversation_tells_is_forgotten_alone(
    commands: Commands, control: FakeControl, heard: str
) -> None:
    control.forgotten = Forgotten(0, facts=("sua gata se chama Fork",))
    question = str(commands.answer(heard))
    assert "sua gata se chama Fork" in question and "conversa" not in question and question.endswith("?")
    assert commands.answer("sim") in variants()["forget.done_fact"]


@pytest.mark.parametrize("reason", [Reason.SECRET, Reason.NO_FACT, Reason.IN_PRIVATE])
def test_a_fact_that_cannot_be_kept_is_refused_with_the_reason(
    commands: Commands, control: FakeControl, reason: Reason
) -> None:
    control.known_facts = SaidFacts(reason=reason)
    assert variants()[f"reason.{reason.value}"][0] in str(commands.answer("corrige: minha gata é a Fork"))
