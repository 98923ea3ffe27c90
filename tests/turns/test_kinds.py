from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from aeon_plugin_ft.turns import TurnKind, classify
from aeon_plugin_ft.turns.kinds import is_canned, looks_like_error
from hooks import Attempt

if TYPE_CHECKING:
    from tests.turns.conftest import TurnMaker

LOCAL = Attempt("canned", "", "base", True, 0.0)


def test_the_owners_words_answered_by_a_model_are_chat(make_turn: TurnMaker) -> None:
    assert classify(make_turn("qual é a boa?", "Tudo massa, cara.")) is TurnKind.CHAT


@pytest.mark.parametrize("caller", ["modules.mistica.tarologo_mod", "import:aeon-log", "", "chatty"])
def test_a_prompt_that_a_module_wrote_is_synthetic_whatever_the_reply(make_turn: TurnMaker, caller: str) -> None:
    assert classify(make_turn(caller=caller)) is TurnKind.SYNTHETIC
    assert classify(make_turn(caller=caller, reply=None)) is TurnKind.SYNTHETIC


@pytest.mark.parametrize("caller", ["command", "aeon_plugin_ft.voice"])
def test_words_to_this_plugin_are_a_command(make_turn: TurnMaker, caller: str) -> None:
    assert classify(make_turn(caller=caller)) is TurnKind.COMMAND


@pytest.mark.parametrize("reply", [None, "", " \n\t", "<think>hmm</think>\n", "<think>cut off"])
def test_no_reply_is_empty(make_turn: TurnMaker, reply: str | None) -> None:
    assert classify(make_turn("oi", reply, served_by=None)) is TurnKind.EMPTY
    assert classify(make_turn("oi", None)) is TurnKind.EMPTY


def test_what_the_canned_provider_says_is_canned_even_when_it_is_new(make_turn: TurnMaker) -> None:
    assert classify(make_turn("oi", "uma frase nova", served_by=LOCAL)) is TurnKind.CANNED


@pytest.mark.parametrize(
    "reply", ["De nada!", "de  nada", "DISPONIVEL", "Disponível!", "Agora são 11:38 de Wednesday."]
)
def test_a_fixed_sentence_is_canned_whoever_says_it(make_turn: TurnMaker, reply: str) -> None:
    assert is_canned(reply)
    assert classify(make_turn("oi", reply)) is TurnKind.CANNED


@pytest.mark.parametrize("reply", ["De nada, cara, é só rodar de novo.", "Agora são outros tempos.", ""])
def test_a_sentence_that_only_begins_like_one_is_not(reply: str) -> None:
    assert not is_canned(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "Erro: sem conexão",
        "ERRO: Erro: 'SphereUI' object has no attribute",
        "[Erro] falhou",
        "Erro ao limpar",
        "Erro executando ferramenta: x",
        "Error: 404",
        "Traceback (most recent call last):\n  File",
        "Cerebro nao encontrado.",
        "Não encontrei o aplicativo 'x'.",
    ],
)
def test_a_report_of_a_failure_is_an_error(make_turn: TurnMaker, reply: str) -> None:
    assert classify(make_turn("oi", reply)) is TurnKind.ERROR


@pytest.mark.parametrize("reply", ["O erro está na linha 3, cara.", "Erros acontecem.", "Tipo, deu erro: tenta rodar."])
def test_talk_about_errors_is_not_an_error(make_turn: TurnMaker, reply: str) -> None:
    assert not looks_like_error(reply)
    assert classify(make_turn("por quê?", reply)) is TurnKind.CHAT


def test_a_reply_that_nobody_stands_for_may_not_train(make_turn: TurnMaker) -> None:
    assert classify(make_turn("oi", "texto de origem incerta", served_by=None)) is TurnKind.ERROR
