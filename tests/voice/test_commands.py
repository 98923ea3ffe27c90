"""The dialogue: each command reaches its method once, and its reply tells the true state."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aeon_plugin_ft.errors import BackendDownError, NoSpaceError
from aeon_plugin_ft.voice.catalogue import Catalogue, variants
from aeon_plugin_ft.voice.commands import Commands
from aeon_plugin_ft.voice.control import (
    Change,
    ChangeCause,
    CommandResult,
    Comparison,
    ModelInUse,
    NextTraining,
    Phase,
    Reason,
    Status,
    VersionInfo,
    Waiting,
)
from aeon_plugin_ft.voice.reasons import reason_of
from tests.conftest import REPOSITORY
from tests.voice.control import NOW, FakeControl

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


def test_a_failure_is_said_in_portuguese_and_the_next_command_works(commands: Commands, control: FakeControl) -> None:
    control.error = BackendDownError("Nobody answers", "Start it")
    assert "o servidor do modelo não responde" in str(commands.answer("usa o modelo base"))
    control.error = RuntimeError("boom")
    assert commands.answer("treina agora") in variants()["dialogue.failed"]
    control.error = None
    assert commands.answer("treina agora") in variants()["train.started"]


def test_the_same_seed_gives_the_same_talk(control: FakeControl) -> None:
    said = [[Commands(control, catalogue=Catalogue(seed)).answer("treina agora")] for seed in (0, 0, 1)]
    assert said[0] == said[1] != said[2]


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


def test_warming_up_loads_what_the_first_sentence_needs() -> None:
    code = (
        "import sys; from tests.voice.control import FakeControl; from aeon_plugin_ft.voice import Commands;"
        "commands = Commands(FakeControl()); before = {'rapidfuzz', 'num2words'} & set(sys.modules);"
        "commands.warm_up(); print(len(before), len({'rapidfuzz', 'num2words'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert found.stdout.split() == ["0", "2"]
