"""The dialogue: replies with the true state, questions before what cannot be undone, an answer in time."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import BackendDownError, NoSpaceError
from aeon_plugin_ft.voice.catalogue import Catalogue, variants
from aeon_plugin_ft.voice.commands import PENDING_S, Commands, yes_or_no
from aeon_plugin_ft.voice.control import (
    Change,
    ChangeCause,
    CommandResult,
    Comparison,
    Forgotten,
    ModelInUse,
    NextTraining,
    Phase,
    Reason,
    SaidFacts,
    Status,
    Talk,
    VersionInfo,
    Waiting,
)
from aeon_plugin_ft.voice.intents import Name
from aeon_plugin_ft.voice.reasons import reason_of
from tests.conftest import REPOSITORY
from tests.voice.control import FakeControl

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def control() -> FakeControl:
    made = FakeControl()
    made.forgotten = Forgotten(2, facts=("você é vegetariano",))
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def commands(control: FakeControl, clock: Clock) -> Commands:
    return Commands(control, clock=clock, now=lambda: NOW)


PLAIN: list[tuple[str, str, tuple[object, ...]]] = [
    ("treina agora", "train_now", ()),
    ("como está o treino", "status", ()),
    ("pausa o treino", "pause", ()),
    ("continua o treino", "resume", ()),
    ("cancela o treino", "cancel", ()),
    ("qual modelo você está usando", "model_in_use", ()),
    ("usa o modelo base", "use", ("base",)),
    ("usa o modelo treinado", "use", ("trained",)),
    ("usa a versão sete", "use", ("v0007",)),
    ("volta pro modelo anterior", "undo", ()),
    ("lista as versões", "versions", ()),
    ("compara os modelos", "compare", (None, None)),
    ("compara a versão dois com a base", "compare", ("v0002", "base")),
    ("por que você mudou", "why_changed", ()),
    ("aprende isso", "learn_last", ()),
    ("isso tá errado", "mark_last_wrong", ()),
    ("não, o certo é Lima", "correct_last", ("Lima",)),
    ("entra no modo privado", "private", (True,)),
    ("sai do modo privado", "private", (False,)),
    ("isso é segredo, não grava", "secret", ()),
    ("cancela a troca", "undo", ()),
    ("quando vai treinar de novo", "next_training", ()),
    ("abre o painel", "open_panel", ()),
    ("o que você sabe de mim?", "facts", ("",)),
    ("o que você sabe sobre a minha gata", "facts", ("gata",)),
    ("corrige: minha gata é a Fork", "correct_fact", ("minha gata é a Fork",)),
]


@pytest.mark.parametrize(("heard", "method", "arguments"), PLAIN)
def test_a_command_calls_its_method_once(
    commands: Commands, control: FakeControl, heard: str, method: str, arguments: tuple[object, ...]
) -> None:
    reply = commands.answer(heard)
    assert reply
    assert control.calls == [(method, arguments)]
    assert not re.search(r"[\d*_#`<>{}]", reply)
    assert len(re.findall(r"[.?!](?:\s|$)", reply)) <= 2


def test_ordinary_talk_touches_nothing(commands: Commands, control: FakeControl) -> None:
    assert [commands.answer(heard) for heard in ("bom dia", "sim", "não", "como foi o treino do time?")] == [None] * 4
    assert control.calls == []


@pytest.mark.parametrize("reason", list(Reason))
def test_a_refusal_says_why(commands: Commands, control: FakeControl, reason: Reason) -> None:
    control.outcome = CommandResult(reason)
    reply = commands.answer("treina agora")
    assert reply is not None
    assert variants()[f"reason.{reason.value}"][0] in reply


STATES: list[tuple[Status, str]] = [
    (Status(Phase.TRAINING, done=0.4, seconds_left=720), "quarenta por cento"),
    (Status(Phase.TRAINING, done=0.4), "quarenta por cento"),
    (Status(Phase.TRAINING), "treino|treinando"),
    (Status(Phase.PAUSED, done=0.25), "vinte e cinco por cento"),
    (Status(Phase.PAUSED), "pausa"),
    (Status(Phase.JUDGING), "provando"),
    (Status(Phase.IDLE, turns=80, turns_needed=100), "oitenta de cem conversas"),
    (Status(Phase.IDLE, turns=120, turns_needed=100), "cento e vinte conversas"),
    (Status(Phase.IDLE, turns=1, turns_needed=100, failed=True), "falhou"),
    (Status(Phase.IDLE, turns=1, turns_needed=100, logging=False), "não estão sendo guardadas"),
    (Status(Phase.IDLE, turns=1, turns_needed=100, private=True), "modo privado"),
]


@pytest.mark.parametrize(("state", "said"), STATES)
def test_the_status_is_the_true_one(commands: Commands, control: FakeControl, state: Status, said: str) -> None:
    control.state = state
    reply = commands.answer("status do treino")
    assert reply is not None
    assert re.search(said, reply), reply


def test_the_time_left_is_told(commands: Commands, control: FakeControl) -> None:
    control.state = Status(Phase.TRAINING, done=0.4, seconds_left=720)
    assert "cerca de doze minutos" in str(commands.answer("como está o treino"))


def test_the_model_in_use(commands: Commands, control: FakeControl) -> None:
    control.model = ModelInUse("v0007", trained_at=NOW)
    assert re.search("a versão sete, (de|que é de) .* de janeiro", str(commands.answer("modelo atual")))
    control.model = ModelInUse("base")
    assert "o modelo base" in str(commands.answer("modelo atual"))
    control.model = ModelInUse("base", own=False)
    assert "Aeon" in str(commands.answer("modelo atual"))


def test_the_model_that_answers_after_an_undo_is_named(commands: Commands, control: FakeControl) -> None:
    control.outcome = CommandResult(version="v0002")
    assert "a versão dois" in str(commands.answer("volta pro modelo anterior"))


def test_versions(commands: Commands, control: FakeControl) -> None:
    assert "base" in str(commands.answer("lista as versões"))
    control.known = (VersionInfo("v0001", NOW, True, current=True),)
    assert "a versão um" in str(commands.answer("lista as versões"))
    control.known = (*control.known, VersionInfo("v0002", NOW, False))
    reply = str(commands.answer("lista as versões"))
    assert "duas versões" in reply
    assert "a versão dois" in reply
    assert reply.rstrip(".").endswith("a versão um") or "a versão um" in reply


COMPARISONS: list[tuple[Comparison, str]] = [
    (Comparison("v0002", "base", gain=0.12), "doze por cento"),
    (Comparison("v0002", "base", gain=-0.2), "vinte por cento (pior|abaixo)"),
    (Comparison("v0002", "base", gain=0.001), "iguais|diferença|empataram"),
    (Comparison("v0002", "base", gain=0.12, examples=40, better=31), "trinta e uma de quarenta conversas"),
    (Comparison("v0002", "base"), "ainda não foram provadas"),
    (Comparison("base", "base", reason=Reason.NO_VERSIONS), "ainda não há versões treinadas"),
]


@pytest.mark.parametrize(("found", "said"), COMPARISONS)
def test_comparisons(commands: Commands, control: FakeControl, found: Comparison, said: str) -> None:
    control.comparison = found
    assert re.search(said, str(commands.answer("compara os modelos")))


def test_the_trained_model_in_a_comparison_is_the_newest_usable_one(commands: Commands, control: FakeControl) -> None:
    commands.answer("compara o modelo treinado com o base")
    assert control.calls == [("versions", ()), ("compare", (None, None))]
    control.known = (VersionInfo("v0001", NOW, True), VersionInfo("v0002", NOW, True), VersionInfo("v0003", NOW, False))
    commands.answer("compara o modelo treinado com o base")
    assert control.calls[-1] == ("compare", ("v0002", "base"))


CHANGES: list[tuple[Change, str]] = [
    (Change(ChangeCause.NEVER), "modelo base"),
    (Change(ChangeCause.BETTER, "v0002", "base"), "prova"),
    (Change(ChangeCause.BETTER, "v0002", "base", gain=0.1), "dez por cento"),
    (Change(ChangeCause.OWNER, "base", "v0002", at=NOW - 60), "ped.*[Hh]oje"),
    (Change(ChangeCause.ROLLED_BACK, "v0001", "v0002"), "a versão dois"),
    (Change(ChangeCause.BACKEND, "base", "v0002"), "respond|fora do ar|alcancei"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_why_the_model_changed(commands: Commands, control: FakeControl, change: Change, said: str) -> None:
    control.last_change = change
    assert re.search(said, str(commands.answer("por que você mudou")))


PLANS: list[tuple[NextTraining, str]] = [
    (NextTraining(Waiting.TURNS, turns_left=20), "vinte conversas"),
    (NextTraining(Waiting.COOLDOWN, at=NOW), "hoje"),
    (NextTraining(Waiting.IDLE), "computador"),
    (NextTraining(Waiting.POWER), "tomada"),
    (NextTraining(Waiting.BUSY), "programas"),
    (NextTraining(Waiting.ROOM), "memória"),
    (NextTraining(Waiting.PLACE), "outra máquina"),
    (NextTraining(Waiting.HELD), "mandar"),
    (NextTraining(Waiting.RUNNING), "agora|momento"),
    (NextTraining(Waiting.OFF), "mandar|pedir|ordem"),
]


@pytest.mark.parametrize(("plan", "said"), PLANS)
def test_when_the_next_training_comes(commands: Commands, control: FakeControl, plan: NextTraining, said: str) -> None:
    control.planned = plan
    assert re.search(said, str(commands.answer("quando é o próximo treino")))


def test_a_correction_is_read_back_unless_it_is_long(commands: Commands, control: FakeControl) -> None:
    assert "quarenta e dois" in str(commands.answer("a resposta certa é 42"))
    long = "palavra " * 30
    assert "palavra" not in str(commands.answer(f"a resposta certa é {long}"))
    assert control.calls[-1] == ("correct_last", (long.strip(),))


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


# -- facts -----------------------------------------------------------------------------------------


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


def test_a_failure_is_said_in_portuguese_and_the_next_command_works(commands: Commands, control: FakeControl) -> None:
    control.error = BackendDownError("Nobody answers", "Start it")
    assert "o servidor do modelo não responde" in str(commands.answer("usa o modelo base"))
    control.error = RuntimeError("boom")
    assert commands.answer("treina agora") in variants()["dialogue.failed"]
    control.error = None
    assert commands.answer("treina agora") in variants()["train.started"]


def test_a_voice_that_fails_hurts_nobody(control: FakeControl) -> None:
    def broken(sentence: str) -> None:
        raise RuntimeError(sentence)

    commands = Commands(control, say=broken, budget_s=0.02)
    control.gate.clear()
    commands.answer("treina agora")
    control.gate.set()
    _until(lambda: commands.answer("treina agora") not in variants()["dialogue.busy"])


def test_the_same_seed_gives_the_same_talk(control: FakeControl) -> None:
    said = [[Commands(control, catalogue=Catalogue(seed)).answer("treina agora")] for seed in (0, 0, 1)]
    assert said[0] == said[1] != said[2]


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


def test_errors_become_reasons() -> None:
    assert reason_of(NoSpaceError(Path("d"), 2, 1)) is Reason.NO_DISK
    assert reason_of(BackendDownError("x", "y")) is Reason.BACKEND_DOWN
    assert reason_of(ValueError("x")) is Reason.FAILED


def test_the_announcer_hears_of_a_model_that_the_owner_chose(control: FakeControl) -> None:
    told: list[str] = []
    commands = Commands(control, told=told.append)
    commands.answer("usa a versão sete")
    control.outcome = CommandResult(version="v0002")
    commands.answer("volta pro modelo anterior")
    control.outcome = CommandResult(Reason.NO_SUCH_VERSION)
    commands.answer("usa a versão nove")
    assert told == ["v0007", "v0002"]


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


def test_warming_up_loads_what_the_first_sentence_needs() -> None:
    code = (
        "import sys; from tests.voice.control import FakeControl; from aeon_plugin_ft.voice import Commands;"
        "commands = Commands(FakeControl()); before = {'rapidfuzz', 'num2words'} & set(sys.modules);"
        "commands.warm_up(); print(len(before), len({'rapidfuzz', 'num2words'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert found.stdout.split() == ["0", "2"]
