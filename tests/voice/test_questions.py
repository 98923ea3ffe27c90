"""What cannot be undone, and what stays so, is asked about first: a yes, a no, another sentence, no answer."""

from __future__ import annotations

import re
import threading

import pytest

from aeon_plugin_ft.voice.catalogue import variants
from aeon_plugin_ft.voice.commands import PENDING_S, Commands, yes_or_no
from aeon_plugin_ft.voice.control import (
    CommandResult,
    Forgotten,
    Reason,
    Talk,
)
from aeon_plugin_ft.voice.intents import Name
from tests.voice.control import NOW, Clock, FakeControl

FORGETTING: list[tuple[str, str, tuple[object, ...]]] = [
    ("esquece isso", "forget_last", ()),
    ("esquece os últimos dez minutos", "forget_minutes", (10,)),
    ("esquece tudo sobre a Marina", "forget_about", ("Marina",)),
    ("esquece que eu sou vegetariano", "forget_fact", ("eu sou vegetariano",)),
]


@pytest.mark.parametrize(("heard", "method", "arguments"), FORGETTING)
def test_forgetting_asks_first(
    commands: Commands, control: FakeControl, heard: str, method: str, arguments: tuple[object, ...]
) -> None:
    question = commands.answer(heard)
    assert question is not None
    assert question.endswith("?")
    assert control.calls == [(method, arguments)]
    assert commands.waiting
    asked = control.forgotten
    control.forgotten = Forgotten(3)
    reply = commands.answer("sim, pode apagar")
    assert "três conversas" in str(reply)
    assert control.calls[1:] == [("forget", (asked,))]
    assert not commands.waiting


def test_versions_that_learnt_from_it_are_named(commands: Commands, control: FakeControl) -> None:
    control.forgotten = Forgotten(2, ("v0001",))
    assert "a versão um" in str(commands.answer("esquece isso")).lower()
    control.forgotten = Forgotten(2, ("v0001", "v0003"))
    assert "a versão um e a versão três" in str(commands.answer("sim")).lower()
    control.forgotten = Forgotten(2, tuple(f"v{number:04d}" for number in range(1, 6)))
    assert "cinco versões" in str(commands.answer("esquece isso")).lower()


def test_the_question_names_the_conversations(commands: Commands, control: FakeControl) -> None:
    volcanoes, joke = Talk("me fala sobre vulcões, cara", NOW - 60), Talk("conta uma piada de papagaio", NOW - 90_000)
    control.forgotten = Forgotten(1, talks=(volcanoes,))
    question = str(commands.answer("esquece isso"))
    assert "a conversa sobre vulcões, de hoje" in question and question.endswith("?")
    assert not re.search(r"[\d*_#`<>{}]", question)
    control.forgotten = Forgotten(2, talks=(volcanoes, joke))
    commands.answer("não")
    question = str(commands.answer("esquece tudo sobre a Marina"))
    assert "sobre vulcões" in question and "em que você disse: conta uma piada de papagaio, de ontem" in question
    control.forgotten = Forgotten(7, talks=(volcanoes, joke))
    commands.answer("não")
    assert "sete conversas, entre elas a conversa sobre vulcões" in str(commands.answer("esquece isso"))
    control.forgotten = Forgotten(1, talks=(Talk("oi", 60.0),))
    commands.answer("não")
    assert "a conversa em que você disse: oi" in str(commands.answer("esquece isso"))


def test_a_judged_reply_is_named_where_another_may_be_meant(commands: Commands, control: FakeControl) -> None:
    control.outcome = CommandResult(talk=Talk("me fala sobre vulcões", NOW - 60))
    assert "a conversa sobre vulcões, de hoje" in str(commands.answer("isso tá errado"))


def test_a_secret_is_answered_with_what_became_of_it(commands: Commands, control: FakeControl) -> None:
    control.forgotten = Forgotten(1, talks=(Talk("fala sobre o cofre", NOW),))
    assert "esqueci a conversa sobre o cofre" in str(commands.answer("isso é segredo, não grava"))
    control.forgotten = Forgotten(0, reason=Reason.LAST_WAS_PRIVATE)
    assert commands.answer("isso é segredo, não grava") in variants()["private.secret_unkept"]
    control.forgotten = Forgotten(0, reason=Reason.NOTHING_TO_FORGET)
    assert "não encontrei" in str(commands.answer("isso é segredo, não grava"))


def test_a_host_that_goes_on_keeping_is_said(commands: Commands, control: FakeControl) -> None:
    control.outcome = CommandResult(whole=False)
    assert commands.answer("modo privado") in variants()["private.on_here"]


def test_what_was_answered_is_told(control: FakeControl) -> None:
    told: list[Name] = []
    commands = Commands(control, answered=told.append)
    for heard in ("modelo atual", "bom dia", "isso tá errado"):
        commands.answer(heard)
    assert told == [Name.WHICH_MODEL, Name.MARK_WRONG]


@pytest.mark.parametrize("answer", ["não", "deixa pra lá", "não, esquece", "esquece", "sim não"])
def test_a_no_forgets_nothing(commands: Commands, control: FakeControl, answer: str) -> None:
    commands.answer("esquece tudo sobre a Marina")
    assert commands.answer(answer)
    assert len(control.calls) == 1
    assert commands.answer("sim") is None


def test_another_sentence_ends_the_question(commands: Commands, control: FakeControl) -> None:
    commands.answer("esquece isso")
    assert commands.answer("que horas são?") is None
    assert commands.answer("sim") is None
    assert len(control.calls) == 1


@pytest.mark.parametrize("order", ["esquece isso", "apaga isso", "esquece isso aí"])
def test_the_order_said_again_is_no_yes_and_is_asked_again(
    commands: Commands, control: FakeControl, order: str
) -> None:
    for _ in range(3):
        assert str(commands.answer(order)).endswith("?")
    assert "forget" not in [name for name, _ in control.calls]
    commands.answer("sim")
    assert [name for name, _ in control.calls].count("forget") == 1


def test_another_command_ends_the_question(commands: Commands, control: FakeControl) -> None:
    commands.answer("esquece isso")
    commands.answer("como está o treino")
    assert commands.answer("sim") is None
    assert [name for name, _ in control.calls] == ["forget_last", "status"]


def test_a_question_expires(commands: Commands, control: FakeControl, clock: Clock) -> None:
    commands.answer("esquece isso")
    clock.at += PENDING_S
    assert not commands.waiting
    assert commands.answer("sim") is None
    assert len(control.calls) == 1


@pytest.mark.parametrize("found", [Forgotten(0), Forgotten(3, reason=Reason.FAILED)])
def test_nothing_to_forget_is_said_without_a_question(
    commands: Commands, control: FakeControl, found: Forgotten
) -> None:
    control.forgotten = found
    assert not str(commands.answer("esquece isso")).endswith("?")
    assert not commands.waiting


SETTINGS: list[tuple[str, str, object, str]] = [
    ("treina de madrugada", "schedule.quiet_hours", "00:00-06:00", "meia-noite e seis horas"),
    ("treina a cada 500 conversas", "schedule.every_turns", 500, "quinhentas conversas"),
    ("não treina sozinho", "schedule.enabled", False, "treino automático"),
    ("treina sozinho", "schedule.enabled", True, "treino automático"),
    ("não avisa do treino", "voice.announce", (), "Não aviso"),
    ("guarda só três versões", "serve.keep_versions", 3, "três versões"),
]


@pytest.mark.parametrize(("heard", "key", "value", "said"), SETTINGS)
def test_a_setting_asks_first(
    commands: Commands, control: FakeControl, heard: str, key: str, value: object, said: str
) -> None:
    assert said in str(commands.answer(heard))
    assert control.calls == []
    assert commands.answer("pode") is not None
    assert control.calls == [("change_setting", (key, value))]


def test_announcements_can_be_switched_on(commands: Commands, control: FakeControl) -> None:
    assert commands.answer("me avisa quando o treino acabar")
    commands.answer("claro que sim")
    assert control.calls[0][0] == "change_setting"
    assert "finished" in str(control.calls[0][1])


def test_a_refused_setting_says_so(commands: Commands, control: FakeControl) -> None:
    control.outcome = CommandResult(Reason.BAD_VALUE)
    commands.answer("treina a cada 0 conversas")
    assert "esse valor não vale" in str(commands.answer("sim"))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("sim", True),
        ("Pode sim!", True),
        ("claro que sim", True),
        ("pode esquecer", True),
        ("isso", True),
        ("isso mesmo, pode apagar", True),
        ("sim, esquece isso", True),
        ("esquece isso", None),
        ("apaga isso aí", None),
        ("muda isso", True),
        ("não", False),
        ("melhor não", False),
        ("pode deixar", False),
        ("esquece", False),
        ("sim ou não sei lá o que você prefere", None),
        ("que horas são", None),
        ("o", None),
        ("", None),
    ],
)
def test_yes_and_no(text: str, verdict: bool | None) -> None:
    assert yes_or_no(text) is verdict


def test_one_question_is_answered_once_however_many_say_yes(commands: Commands, control: FakeControl) -> None:
    commands.answer("esquece isso")
    begin = threading.Barrier(4)

    def agree() -> None:
        begin.wait()
        commands.answer("sim")

    people = [threading.Thread(target=agree) for _ in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert [name for name, _ in control.calls].count("forget") == 1
