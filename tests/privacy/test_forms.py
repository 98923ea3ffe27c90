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
        "chamaram a senha A032 no posto",
        "if password == typed: return True",
        "1984, a senha do filme",
        "em 2024, a senha mudou",
        "estrada do coco, km 12",
        "acidente na rodovia BR-101, 214 feridos",
        "usa o comando docker run -u 1000:1000 nginx",
        "código pra liberar: 20 moedas",
        "transferência de calor 1200 / 3000-5",
        "minha matrícula é 350 reais",
        "digita 1500 na calculadora e divide por 3",
        "a combinação das cores 12 e 14 ficou boa",
        "o leite vence em 03/29",
        "a palavra secreta do jogo é animal",
        "boleto 34191.79001 01043.510047 91020.150008 5 92350000012345",
    ],
)
def test_innocent_talk_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_answer_to_who_asks_for_a_password_keeps_what_is_none() -> None:
    reply = "Fica atrás do roteador, modelo TP-Link AC1200, versão 2.4GHz ou 5GHz."
    assert Redactor().of_turn(["qual é a senha do wifi?", reply])(reply) == reply


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("a do sótão é 6613, a senha, tá", "6613"),
        ("pra abrir a porta digita 9021 e espera", "9021"),
        ("o pin é 0427 e o puk é 88213940", "88213940"),
        ("a senha do cofre lá do sítio é seis dois nove um", "nove"),
        ("a senha que eu uso no trabalho é tigre_55", "tigre"),
        ("MYSQL_PASSWORD=k8Pq2mXz41", "k8Pq"),
        ("login zeca pass abelha#31", "abelha"),
        ("WIFI:T:WPA;S:Sitio;P:goiaba-roxa;H:false;;", "goiaba"),
        ("a senha velha era limao12 e a nova é acerola34", "acerola"),
        ("entra com a senha paineira!9", "paineira!9"),
        ("a palavra secreta da família é vaga-lume", "vaga"),
        ("a combinação da mala é 4-0-7", "4-0-7"),
        ("segredo do cofre: 9 direita 21 esquerda 14 direita", "21"),
        ("o código de segurança do meu cartão é 918", "918"),
        ("cartão 4539148803436467 vence em 07/30", "07/30"),
        ("código pra recuperar a conta: PL82-QW1Z", "PL82"),
        ("os códigos de emergência são 7712 0934 e 1180 5526", "5526"),
        ("482913-118240-553190-662211-009318-441207-330129-781123", "553190"),
        ("seed da metamask: " + " ".join(f"palavra{letter}" for letter in "abcdefghijkl"), "palavrac"),
        ("5KJvsngHeMpm884wtkJNzQGaCErckhHJBGFsvd3VyK5qMZXj3hS", "5KJv"),
        ("chave privada: 0x" + "4c08" * 16, "4c08"),
        ("AccountKey=Zk3Qp9XcVb7Nm2LsWd8Fg5==", "Zk3Q"),
        ("client_secret: q8Wz~3kLmN.pR5tV", "q8Wz"),
        ("curl -u zeca:abelha31 https://api.sitio.com.br", "abelha"),
        ("https://discord.gg/mQ4wZ7p", "mQ4w"),
        ("https://api.whatsapp.com/send?phone=5585988124471", "55859"),
        ("carteirinha da amil 0771 2049 1800", "0771"),
        ("meu rne é W118204-K", "W118"),
        ("inscrição municipal 7.118.204-1", "118"),
        ("meu ra da facul é 202311873", "2023"),
        ("matrícula da servidora: 2.118.204-9", "118"),
        ("chip 89551098765432101234", "8955"),
        ("deposita na 3312 / 20118-4", "20118"),
        ("ag. 2210 op 013 cp 00071182-4", "00071182"),
        ("conta corrente número dois zero um um oito dígito quatro", "oito"),
        ("a conta é 71182044 no nubank", "71182044"),
        ("zeca.silva @ gmail . com", "zeca"),
        ("0xx71 3344-5566", "0xx71"),
        ("QL 8 conjunto 2 casa 14", "conjunto"),
        ("minha casa: Estrada da Serra, km 9, chácara 3", "Serra"),
        ("rg SP-22.118.204", "SP-22"),
    ],
)
def test_what_opens_a_door_or_names_a_person_beyond_the_usual_documents(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)


def test_a_code_with_wrong_check_bytes_is_no_wallet() -> None:
    assert redacted("id 5KJvsngHeMpm884wtkJNzQGaCErckhHJBGFsvd3VyK5qMZXj3hT").startswith("id 5KJv")


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
    for sentence in [*benchmark.fresh_sentences(half, 3), *benchmark.blind_sentences(3)]:
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


def test_recall_and_false_alarms_on_the_blind_sentences(benchmark: ModuleType) -> None:
    result = benchmark.measure_blind(17)
    assert (result.total["B"], result.total["N"]) == (158, 209)
    assert result.share("B") >= 0.95, result.wrong
    assert result.share("N") <= 0.02, result.wrong


def test_the_fresh_set_is_as_large_as_it_says(benchmark: ModuleType) -> None:
    sorts = [sentence.sort for half in ("development", "heldout") for sentence in benchmark.fresh_sentences(half, 1)]
    assert len(sorts) - sorts.count("N") >= 300
    assert sorts.count("N") >= 400
