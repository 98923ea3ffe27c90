"""Secrets in the forms that phones, speech recognition and people give them, and talk that only looks like one."""

from __future__ import annotations

import sys
import unicodedata
from types import ModuleType

import pytest

from aeon_plugin_ft.privacy import Redactor
from aeon_plugin_ft.privacy.recognisers import RECOGNISERS
from aeon_plugin_ft.privacy.signals import signals
from aeon_plugin_ft.privacy.text import ScannedText
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    try:
        import privacy
    finally:
        sys.path.remove(str(REPOSITORY / "benchmarks"))
    return privacy


def redacted(text: str) -> str:
    return Redactor().redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "a senha do wifi é girassol42",
        "minha senha do email é abacaxi",
        "o pin do cartão é 4821",
        "o código do cofre é dezessete trinta e um zero oito",
        "título de eleitor 1023 8501 0671",
        "cartão do SUS 898 0012 3456 7890",
        "meu número é onze nove oito sete meia cinco quatro três dois um",
    ],
)
def test_decomposed_accents_hide_nothing(text: str) -> None:
    apart = redacted(unicodedata.normalize("NFD", text))
    assert unicodedata.normalize("NFC", apart) == redacted(text) != text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Meu CPF é 7, 1, 4, 6, 0, 2, 3, 8, 0, 0, 1.", "7, 1"),
        ("Meu CPF é 714, 602, 380, dígito 01.", "714"),
        ("Meu telefone é 11, 98765, 4321.", "98765"),
        ("Meu telefone é 11. 98765. 4321.", "98765"),
        ("meu telefone é onze nove oito sete meia cinco quatro hum hum um", "hum"),
        ("meu telefone é onze nove triplo oito sete um dois três quatro cinco", "triplo"),
        ("O CÓDIGO DO COFRE É SETE OITO NOVE DOIS", "NOVE"),
        ("CÓDIGO DE VERIFICAÇÃO 482193", "482193"),
        ("PRAÇA DAS FLORES, 45", "FLORES"),
        ("meu rg é\n1234567", "1234567"),
        ("titulo de eleitor\n1023 8501 0671", "8501"),
        ("cartão do sus:\n700508911234567", "7005"),
        ("senha do wifi:\njabuti#77", "jabuti"),
        ("_71460238001_", "714"),
        ("cpf71460238001", "714"),
        ("+55 21 2345\u20116789", "2345"),
        ("714.602.380\u221201", "714"),
        ("meu cpf 71460\u200b238001", "714"),
        ("meu cpf é ７１４６０２３８００１", "７１"),
        ("cnpj 7K XJ2 B9M 0001 00", "XJ2"),
        ("00020126580014br.gov.bcb.pix0136a9e0f33b-10ac-4af2-ba0b-cbb35104b4465204", "a9e0"),
        ("chave pix a9e0f33b10ac4af2ba0bcbb35104b446", "a9e0"),
        ("renavam 00891749522", "0089"),
        ("meu passaporte, o FZ123456, venceu", "FZ12"),
        ("ag 1234-5 c/c 56.789-0", "56.789"),
        ("agência doze trinta e quatro conta cinco seis sete oito nove dígito zero", "oito"),
        ("joao[at]gmail[dot]com", "joao"),
        ("joao(arroba)gmail.com", "joao"),
        ("girassol42 é a senha do wifi", "girassol"),
        ("usa girassol42 como senha", "girassol"),
        ("a senha é essa: girassol42", "girassol"),
        ("a senha é a seguinte: girassol42", "girassol"),
        ("senha é g de gato, i, r, a, quatro dois", "gato"),
        ("seed phrase: gato mesa lua sol rio mar pedra vento fogo terra areia chuva", "pedra"),
        ("xai-abcDEF123456abcDEF123456abcDEF12", "abcDEF"),
        ("GOCSPX-a1b2c3d4e5f6g7h8i9j0", "a1b2"),
        ("sbp_4e793bb9cf4e091f612dcd681d5375d45c62d6d0", "4e79"),
        ("$aact_YTU5YTE0M2M2N2I4MTliNzk0", "YTU5"),
        ("Authorization: Basic am9hbmE6c2VjcmV0", "am9h"),
    ],
)
def test_a_secret_is_found_however_it_is_told(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)
    padded = "conversa à toa sobre o tempo\n" * 40 + text  # long texts are read line by line
    assert secret not in redacted(padded)


@pytest.mark.parametrize(
    "text",
    [
        "qual a diferença entre senha e PIN?",
        "troca a senha e reinicia o modem",
        "cria um formulário com nome, senha e botão de enviar",
        "esqueci a senha e agora?",
        "senha: use letras e números",
        "a senha virou piada",
        "PIN é obrigatório no caixa",
        "placa ESP-8266",
        "placa ESP-3266 da arduino",
        "o carro é um uno 2010",
        "carro gol 2015 usado",
        "moto biz 2020",
        "filme THX-1138",
        "portaria MEC-1234",
        "a lei 12.345.678-9",
        "12.345.678-9 habitantes",
        "potência 12345-678 W",
        "zap 20232024",
        "seu cpf deve estar no formato 000.000.000-00",
        "exemplo@exemplo.com",
        "https://loja.com.br/p?key=sapato&code=azul",
        "https://docs.google.com/document/d/edit?usp=sharing",
    ],
)
def test_innocent_talk_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_answer_to_who_asks_for_a_password_keeps_what_is_none() -> None:
    reply = "Fica atrás do roteador, modelo TP-Link AC1200, versão 2.4GHz ou 5GHz."
    assert Redactor().of_turn(["qual é a senha do wifi?", reply])(reply) == reply


FORMS = {
    "upper": str.upper,
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "hyphens": lambda text: text.replace("-", "\u2011"),
    "hidden": lambda text: text.replace("-", "\u2060-"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("half", ["development", "heldout"])
def test_the_first_look_is_never_stricter_than_the_recognisers(benchmark: ModuleType, half: str, form: str) -> None:
    """With every signal on nothing more is found."""
    from aeon_plugin_ft.privacy.canonical import Canonical

    everything = 0
    for _, needs in RECOGNISERS:
        everything |= needs
    for sentence in benchmark.fresh_sentences(half, 3):
        text = Canonical(FORMS[form](sentence.text)).text
        seen = signals(text)
        for recogniser, needs in RECOGNISERS:
            assert seen & needs or not list(recogniser(ScannedText(text))), (recogniser.__name__, text)


@pytest.mark.parametrize("half", ["development", "heldout"])
@pytest.mark.parametrize("seed", [1, 17])
def test_recall_and_false_alarms_on_the_fresh_sentences(benchmark: ModuleType, half: str, seed: int) -> None:
    result = benchmark.measure_fresh(half, seed)
    assert result.share("P") >= 0.98, result.wrong
    assert result.share("B") >= 0.9, result.wrong
    assert result.share("N") <= 0.02, result.wrong


def test_the_fresh_set_is_as_large_as_it_says(benchmark: ModuleType) -> None:
    sorts = [sentence.sort for half in ("development", "heldout") for sentence in benchmark.fresh_sentences(half, 1)]
    assert len(sorts) - sorts.count("N") >= 300
    assert sorts.count("N") >= 400
