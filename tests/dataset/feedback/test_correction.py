"""A correction is about the reply: a value for one of its sort, or a part that the owner calls wrong."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.dataset.feedback.correction import corrected_reply
from aeon_plugin_ft.dataset.feedback.recognise import is_correction, recognise
from aeon_plugin_ft.dataset.feedback.values import Sort, values

MEETING = "A reunião é às 10h, na sala azul."


@pytest.mark.parametrize(
    "text",
    [
        "ei aeon tem alguma música do Djavan aí",
        "opa tem jogo hoje",
        "opa foi mal",
        "calma tem mais uma coisa",
        "não tem problema",
        "não tem pão em casa",
        "não trabalho amanhã",
        "é quinta, não esquece",
        "eu pedi pizza, não chegou ainda",
        "é legal, não é",
        "da próxima vez fala com a Bia",
        "na verdade eu nem gosto de café",
        "escreve assim: querida Bia, feliz aniversário",
        "corrige aí: eles foi embora",
        "a verdade é que eu tô cansado",
        "não, amanhã eu não posso",
        "ei, me chama às 8",
        "pera, a reunião da Ana é às 11h",
        "minha aula é às 11h",
        "agora são 11h",
        "o certo é dormir cedo",
        "na verdade era o João que ia",
        "não, quem vai é o Pedro",
        "e às 11h",
    ],
)
def test_ordinary_talk_corrects_nothing(text: str) -> None:
    signal = recognise(text, MEETING)
    assert signal is None or signal.kind != "correction"


@pytest.mark.parametrize("text", ["não tem problema", "foi ontem", "opa foi mal", "não, obrigado", "com a Bia"])
def test_a_name_is_not_put_right_by_talk(text: str) -> None:
    assert recognise(text, "Foi a Tarsila do Amaral.") is None


@pytest.mark.parametrize(
    ("text", "reply", "better"),
    [
        ("é às 11h", MEETING, "A reunião é às 11h, na sala azul."),
        ("a sala é a verde, não a azul", MEETING, "A reunião é às 10h, na sala verde."),
        ("1835, na verdade", "Foi em 1845.", "Foi em 1835."),
        ("quase, foi 1835", "Foi em 1845.", "Foi em 1835."),
        ("errado: é 1822", "Foi em 1821.", "Foi em 1822."),
        ("errou, o autor é Guimarães Rosa", "Foi o Jorge Amado.", "Foi Guimarães Rosa."),
        ("foi o Pedro Américo", "Foi a Tarsila do Amaral.", "Foi o Pedro Américo."),
        ("45, não 44", "Acabou em 1944.", "Acabou em 1945."),
        ("é dia 13", "É no dia 23 de março.", "É no dia 13 de março."),
        ("na verdade a capital é Camberra", "A capital da Austrália é Sydney.", "A capital da Austrália é Camberra."),
        ("não é às 15h", MEETING, "A reunião é às 15h, na sala azul."),
        ("quarta, dia 15", "Marquei para terça, dia 14, às 9h.", "Marquei para quarta, dia 15, às 9h."),
        ("às 9 e meia, não às 9", "Marquei para terça, às 9h.", "Marquei para terça, às 9 e meia."),
    ],
)
def test_a_value_takes_the_place_of_one_of_its_sort(text: str, reply: str, better: str) -> None:
    signal = recognise(text, reply)
    assert signal is not None
    assert (signal.kind, signal.correction) == ("correction", better)


@pytest.mark.parametrize("text", ["é às 11h", "foi às 11h", "quarta, dia 15", "não, é às 11h"])
def test_a_value_of_a_sort_that_the_reply_has_not_corrects_nothing(text: str) -> None:
    signal = recognise(text, "Pronto, coloquei Oceano do Djavan.")
    assert signal is None or signal.kind != "correction"


def test_a_value_that_is_there_already_corrects_nothing() -> None:
    assert recognise("isso, é às 10h", MEETING) is None or recognise("isso, é às 10h", MEETING).kind != "correction"  # type: ignore[union-attr]


def test_of_two_values_of_one_sort_none_is_guessed() -> None:
    signal = recognise("não, é às 11h", "A reunião é às 10h ou às 14h.")
    assert signal is None or signal.kind != "correction"


def test_without_the_reply_only_a_form_that_names_both_or_says_certain_counts() -> None:
    assert is_correction("não, o certo é 9h30")
    assert is_correction("é Joinville, não Florianópolis")
    for text in ("ei aeon tem alguma música do Djavan aí", "não tem problema", "opa tem jogo hoje"):
        assert not is_correction(text)


@pytest.mark.parametrize(
    ("text", "sort", "canon"),
    [
        ("às nove e meia", Sort.TIME, "9:30"),
        ("9h30", Sort.TIME, "9:30"),
        ("10 da noite", Sort.TIME, "22:00"),
        ("vinte e três de março", Sort.DATE, "23 de marco"),
        ("R$ 1.234,50", Sort.NUMBER, "1234.5"),
        ("sexta-feira", Sort.WEEKDAY, "sexta"),
        ("mora em Joinville", Sort.NAME, "joinville"),
    ],
)
def test_two_ways_to_say_one_value_are_one(text: str, sort: Sort, canon: str) -> None:
    [value] = values(text)
    assert (value.sort, value.canon) == (sort, canon)


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("é o João na porta", "Marquei com o Pedro na sexta."),
        ("ei, é a Bia", "Foi a Tarsila do Amaral."),
        ("foi com a Maria", "Foi a Tarsila do Amaral."),
        ("o nome dela é Maria", "Foi a Tarsila do Amaral."),
        ("não é o Pedro", "Foi a Tarsila do Amaral."),
        ("opa, são 11h", MEETING),
        ("passou das 11h", MEETING),
        ("quase às 11h", MEETING),
        ("o certo é 8 horas de sono", MEETING),
        ("a resposta certa era a B na prova", MEETING),
        ("se chama Maria minha filha", MEETING),
        ("é 40 o número do meu sapato", "São duzentos e seis."),
    ],
)
def test_a_value_of_the_right_sort_in_talk_about_something_else_corrects_nothing(text: str, reply: str) -> None:
    signal = recognise(text, reply)
    assert signal is None or signal.kind != "correction"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("o da volta é às 22h10", "Seu voo sai de Confins às 6h20."),
        ("e 17 vezes 32", "17 vezes 23 é 391."),
        ("e 12 mais 9", "12 mais 8 é 20."),
    ],
)
def test_a_question_that_goes_on_corrects_nothing(text: str, reply: str) -> None:
    assert corrected_reply(text, reply) is None


@pytest.mark.parametrize(
    ("text", "reply", "right"),
    [
        ("foi o Grêmio que venceu, não o Inter", "O Inter ganhou o clássico.", "O Grêmio ganhou o clássico."),
        ("a chefe disse dia 12, não dia 15", "O prazo é dia 15.", "O prazo é dia 12."),
    ],
)
def test_what_stands_around_the_value_is_no_part_of_it(text: str, reply: str, right: str) -> None:
    assert corrected_reply(text, reply) == right
