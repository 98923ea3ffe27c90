"""Personal data is replaced by typed placeholders that stay the same for the same value."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_plugin_ft.privacy import Finding, Kind, Placeholders, Redactor
from aeon_plugin_ft.privacy.folding import fold_in_place

CPF = "529.982.247-25"


def kinds(text: str, *terms: str) -> list[str]:
    return [finding.kind.value for finding in Redactor("redact", terms).find(text)]


def test_the_same_value_gets_the_same_placeholder_however_it_is_written() -> None:
    said = "cinco dois nove nove oito dois dois quatro sete dois cinco"
    text = f"meu cpf é {CPF}, ou 52998224725, ou seja, meu cpf é {said}. O dela é 111.444.777-35"
    assert Redactor().redact(text) == "meu cpf é [CPF_1], ou [CPF_1], ou seja, meu cpf é [CPF_1]. O dela é [CPF_2]"


def test_redacting_twice_changes_nothing() -> None:
    once = Redactor().redact(f"cpf {CPF}, senha é girassol42, e-mail caio@exemplo.com.br")
    assert once == "cpf [CPF_1], senha é [SENHA_1], e-mail [EMAIL_1]"
    assert Redactor().redact(once) == once


def test_a_number_that_the_text_already_has_is_not_given_to_another_value() -> None:
    assert Redactor().redact(f"antes era [CPF_1], agora é {CPF}") == "antes era [CPF_1], agora é [CPF_2]"


def test_together_numbers_the_texts_of_a_conversation_as_one() -> None:
    redact = Redactor().together()
    assert redact(f"meu cpf é {CPF}") == "meu cpf é [CPF_1]"
    assert redact("e o da Lívia é 111.444.777-35") == "e o da Lívia é [CPF_2]"
    assert redact(f"anotei {CPF}") == "anotei [CPF_1]"


def test_placeholders_remember_no_value() -> None:
    names = Placeholders()
    Redactor().redact(f"meu cpf é {CPF}", names)
    assert "529" not in repr(vars(names))


def test_keep_gives_the_text_back_and_drop_refuses_the_turn() -> None:
    text = f"meu cpf é {CPF} e meu ip é 177.20.30.40"
    assert Redactor("keep").redact(text) == text
    assert Redactor("keep").refusal([text]) is None
    assert Redactor("redact").refusal([text]) is None
    assert Redactor("drop").refusal(["oi", text]) == "personal data: CPF, IP"
    assert Redactor("drop").refusal(["oi", "tudo bem?"]) is None
    assert "529" not in Redactor("drop").redact(text)


def test_the_owners_terms_match_without_case_or_accents_and_only_as_words() -> None:
    redactor = Redactor("redact", ["Projeto Jacaré", "Lívia"])
    assert redactor.redact("a LIVIA e o projeto jacare") == "a [TERMO_1] e o [TERMO_2]"
    assert redactor.redact("trivialívia e bolívia") == "trivialívia e bolívia"


def test_a_finding_does_not_show_its_value() -> None:
    [finding] = Redactor().find(f"cpf {CPF}")
    assert finding.kind is Kind.CPF
    assert "529" not in repr(finding)


def test_positions_hold_in_long_texts_of_many_lines() -> None:
    text = "conversa à toa\n" * 200 + f"meu cpf é {CPF}\n" + "mais conversa\r\n" * 100
    [finding] = Redactor().find(text)
    assert text[finding.start : finding.end] == CPF


def test_a_private_key_goes_as_a_whole_even_in_a_long_text() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 90 + "-----END RSA PRIVATE KEY-----"
    assert Redactor().redact(f"guarda:\n{key}\nvaleu") == "guarda:\n[CHAVE_1]\nvaleu"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("meu cpf é 529.982.247-25", "CPF"),
        ("cnpj 11.222.333/0001-81", "CNPJ"),
        ("cnpj 12.ABC.345/01DE-35", "CNPJ"),
        ("chave aleatória 3f2b8c1e-9a4d-4c7e-8b21-0a1b2c3d4e5f", "PIX"),
        ("me liga no (47) 99123-4567", "TELEFONE"),
        ("meu número é quarenta e sete nove nove um dois três quatro cinco meia sete", "TELEFONE"),
        ("liga pra +351 912 345 678", "TELEFONE"),
        ("o cep é 89201-000", "CEP"),
        ("moro na rua das flores número cento e vinte", "ENDERECO"),
        ("Av. Paulista, 1578, apto 42", "ENDERECO"),
        ("joana ponto silva arroba gmail ponto com", "EMAIL"),
        ("cartão 4111 1111 1111 1111", "CARTAO"),
        ("rg 12.345.678-X", "RG"),
        ("minha cnh é 62472927637", "CNH"),
        ("pis 120.12345.67-8", "DOCUMENTO"),
        ("passaporte FX123456", "DOCUMENTO"),
        ("agência 1234 conta 56789-0", "CONTA"),
        ("placa ABC-1234", "PLACA"),
        ("o carro é BRA2E19", "PLACA"),
        ("vi um carro ABC 1234 parado", "PLACA"),
        ("a placa do meu Gol é abc 2012", "PLACA"),
        ("anota a placa aí: QWE 2e19", "PLACA"),
        ("a placa do meu Gol 2012 é BRA 2E19", "PLACA"),
        ("o servidor é 177.20.30.40", "IP"),
        ("o ipv6 é 2804:14d:1:2:3::1", "IP"),
        ("mac aa:bb:cc:dd:ee:01", "MAC"),
        ("abre https://x.com/entrar?token=abcdef123", "LINK"),
        ("gsk_abcdefghijklmnopqrstuvwx", "CHAVE"),
        ("meu cpf é 529 982 247 traço 25", "CPF"),
        ("o telefone dela é 3433 1234", "TELEFONE"),
        ("joao@gmail ponto com", "EMAIL"),
        ("meu email é j o a o arroba gmail ponto com", "EMAIL"),
        ("SQN 308 bloco B apto 201", "ENDERECO"),
        ("moro no apartamento 302 do edifício Solar", "ENDERECO"),
        ("moro na quinze de novembro número trinta", "ENDERECO"),
        ("fica na rua augusta 1200", "ENDERECO"),
        ("placa b r a dois e dezenove", "PLACA"),
        ("o código de verificação é 482913", "SENHA"),
        ("senha do wifi bueiro: tatu2024", "SENHA"),
        ("minha senha é girassol", "SENHA"),
        ("a senha do wifi é quatro três dois um", "SENHA"),
    ],
)
def test_every_kind_is_found(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "o pedido 11987654321 chegou",
        "protocolo 20240312345678",
        "custou R$ 1.234,56",
        "das 08:30 às 17:45 de 12/03/2024",
        "versão 1.2.3.4 do driver",
        "usa o 8.8.8.8 ou o 127.0.0.1",
        "a GTX 1660 e a RTX-3060",
        "minha senha é muito fraca",
        "qual é a senha do wifi?",
        "um dois três quatro cinco seis sete oito nove dez",
        "na rua passou um carro",
        "a arroba do boi subiu",
        "liga pro 190 ou pro 0800 729 0722",
        "https://docs.python.org/3/library/re.html",
        "de 2019-2021",
        "liga pra ele dia 22/11/2026 às 10:15",
        "rg emitido em 2010-03-12",
        "a senha foi resetada",
        "o pin 13 do arduino",
        "na rua do mercado, 3 pessoas esperavam",
        "telefone de 2 chips e 128 gb",
        "meu carro é um Gol 2012",
        "minha moto é uma XRE 2019",
        "troquei a placa do Uno 1998",
        "estacionei por 2h30 e o uber vem das 7h30 às 9h",
        "a multa deu 1500 e o carro saiu por 2300",
    ],
)
def test_what_only_looks_personal_stays(text: str) -> None:
    assert kinds(text) == []


@given(st.text(max_size=400) | st.text(alphabet="0123456789 .-/()+:@abcéÇ", max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    redactor = Redactor("redact", ["ça"])
    found = redactor.find(text)
    assert all(0 <= finding.start < finding.end <= len(text) for finding in found)
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))
    redacted = redactor.redact(text)
    for finding in found:
        assert f"[{finding.kind.value}_" in redacted


@pytest.mark.parametrize(
    "text", ["senha: girassol42", "cpf 529.982.247-25", "abre https://a.b/c?token=abcd1234", "rua X, 12"]
)
def test_a_tool_call_stays_valid_json(text: str) -> None:
    call = json.dumps({"tool": "Lembretes.criar_nota", "param": text, "more": f"{text} e só"}, ensure_ascii=False)
    redacted = Redactor().redact(call)
    assert redacted != call
    assert set(json.loads(redacted)) == {"tool", "param", "more"}


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_folding_keeps_every_position(text: str) -> None:
    assert len(fold_in_place(text)) == len(text)


@pytest.mark.parametrize(
    "unit",
    [
        "1 2 ",
        "1.2.",
        "rua a ",
        "minha senha é ",
        "a ponto ",
        "arroba gmail ponto ",
        "um dois ",
        "http://a?b=c&",
        "000201br",
        "sk-",
    ],
)
def test_hostile_texts_cost_time_in_proportion_to_their_length(unit: str) -> None:
    redactor = Redactor()
    redactor.warm()
    small, large = (unit * (size // len(unit)) for size in (4_000, 32_000))
    assert _cpu(redactor, large) < 40 * max(_cpu(redactor, small), 0.002)


def _cpu(redactor: Redactor, text: str) -> float:
    began = time.process_time()
    redactor.find(text)
    return time.process_time() - began


def test_importing_it_loads_no_recogniser() -> None:
    """It is imported in Aeon's process at start."""
    code = (
        "import sys; from aeon_plugin_ft.privacy import Redactor; Redactor('redact', ['x']).redact('oi, tudo bem?');"
        "print([m for m in ('phonenumbers', 'stdnum', 'zipfile', 'ipaddress') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_findings_are_equal_by_value() -> None:
    assert Finding(Kind.CPF, 0, 3, "1") == Finding(Kind.CPF, 0, 3, "1")


@pytest.mark.parametrize(
    "code",
    [
        "def login(name: str, password: str | bytes) -> None:",
        "client = Client(username=name, password=password)",
        "login(password=auth[1])",
        "see @app.callback() above",
        "https://github.com/p/c/blob/0aec1168ac591e159baf6f61026d6ae322c53aaf/x.py",
        "NO_PROXY=192.168.0.0/16",
    ],
)
def test_program_text_holds_no_secret_by_its_names_alone(code: str) -> None:
    assert kinds(code) == []


@pytest.mark.parametrize("text", ["password=girassol", 'password = "girassol"', '{"password": "girassol", "a": 1}'])
def test_a_password_in_a_configuration_is_found(text: str) -> None:
    assert kinds(text) == ["SENHA"]


@pytest.mark.parametrize(
    "lead", ["Data/Hora: ", "liga em ", "rg emitido em ", "cep alterado em ", "cpf consultado em ", ""]
)
@pytest.mark.parametrize(
    "moment", ["22/11/2026 11:38", "2026-11-22 11:38:05,123", "22.11.2026", "22-11-2026 11h38", "2026-11-22T11:38:05"]
)
def test_a_date_is_no_number_of_anybody(lead: str, moment: str) -> None:
    assert kinds(lead + moment) == []


@pytest.mark.parametrize("text", ["R$ 1.242.122.166,72", "35739040.766000", "o valor é 4716829.3340181"])
def test_prices_and_decimals_are_no_numbers_of_anybody(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("user", "reply", "written"),
    [
        ("a senha do wifi é girassol42azul", "Massa, Girassol42azul.", "Massa, [SENHA_1]."),
        ("meu rg é 4.567.890-1, anota", "Anotado: 4.567.890-1 tá guardado.", "Anotado: [RG_1] tá guardado."),
        ("meu cpf é 529.982.247-25", "Anotado o 529.982.247-25.", "Anotado o [CPF_1]."),
        ("a senha é girassol42", "girassol42azul é outra, girassol42 não", "girassol42azul é outra, [SENHA_1] não"),
        ("oi, tudo certo?", "Tudo, cara.", "Tudo, cara."),
    ],
)
def test_what_one_text_of_a_turn_gives_away_is_replaced_in_the_others(user: str, reply: str, written: str) -> None:
    redact = Redactor().of_turn([user, reply])
    assert redact(reply) == written
    assert Redactor("keep").of_turn([user, reply])(reply) == reply


@pytest.mark.parametrize(
    ("user", "reply", "written"),
    [
        ("qual é a senha do wifi?", "girassol42azul, cara.", "[SENHA_1], cara."),
        ("me lembra a senha do cofre", "É 4321, não esquece.", "É [SENHA_1], não esquece."),
        ("esqueci minha senha do banco", "Cara, era Jaca-77!x.", "Cara, era [SENHA_1]."),
        ("qual é a senha do wifi?", "[SENHA_1], cara.", "[SENHA_1], cara."),
        ("qual é a senha do wifi?", "A mesma de sempre, cara.", "A mesma de sempre, cara."),
        ("qual é a senha do wifi?", "Só às 9h30 eu conto.", "Só às 9h30 eu conto."),
        ("qual o pin do led no esp32?", "O GPIO18, cara.", "O GPIO18, cara."),
        ("qual a capital? a senha é outra conversa", "Brasília, de 1960.", "Brasília, de 1960."),
        (
            "quero trocar de senha",
            "Beleza. " + "Isso aí. " * 20 + "Foi em 1999.",
            "Beleza. " + "Isso aí. " * 20 + "Foi em 1999.",
        ),
    ],
)
def test_a_short_answer_to_who_asks_for_a_password_gives_it_away(user: str, reply: str, written: str) -> None:
    assert Redactor().of_turn([user, reply])(reply) == written


def test_a_turn_counts_its_values_in_one_order_and_again_changes_nothing() -> None:
    texts = ["meu cpf é 529.982.247-25", "não é 111.444.777-35, é 529.982.247-25", "sobre o [CPF_1]: 111.444.777-35"]
    redact = Redactor().of_turn(texts)
    written = [redact(text) for text in texts]
    assert written == ["meu cpf é [CPF_2]", "não é [CPF_3], é [CPF_2]", "sobre o [CPF_1]: [CPF_3]"]
    again = Redactor().of_turn(written)
    assert [again(text) for text in written] == written


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=4))
def test_any_texts_can_be_redacted_together(texts: list[str]) -> None:
    redact = Redactor("redact", ["ßig"]).of_turn(["a senha é ẞtraße9", *texts])
    for text in texts:
        assert redact(redact(text)) == redact(text)
