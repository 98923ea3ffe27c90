"""Invented personal data for the labelled sentences: every document has right check digits, nothing is anybody's.

A template such as "meu cpf é {cpf}" becomes a sentence and the places of what must be found in it. The check
digits are computed here on their own, so that a slip in the recognisers' own arithmetic shows.
"""

from __future__ import annotations

import random
import re
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TERMS = ("Marinalva", "Projeto Jacaré")
_SLOT = re.compile(r"\{(\w+)\}")
_UNITS = ["zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"]
_TENS = ["", "", "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa"]
_TEENS = ["dez", "onze", "doze", "treze", "quatorze", "quinze", "dezesseis", "dezessete", "dezoito", "dezenove"]
_AREAS = (11, 21, 27, 31, 41, 47, 48, 51, 61, 71, 81, 85, 92)
_STREETS = (
    "das Flores",
    "XV de Novembro",
    "Marechal Deodoro",
    "São José",
    "dos Ipês",
    "Getúlio Vargas",
    "Sete de Setembro",
)
_NAMES = ("joana", "pedro", "marina", "tiago", "bianca", "rafael")
_LAST = ("silva", "souza", "lima", "costa", "moura")
# Slots that are numbers of things, not of people: they fill sentences in which nothing must be found.
_NOT_PERSONAL = frozenset({"order11", "order14", "protocol", "tracking", "commit"})


@dataclass(frozen=True)
class Sentence:
    """A sentence and (start, end, kind) of everything in it that is personal; `kind` as in the placeholder."""

    text: str
    personal: tuple[tuple[int, int, str], ...]


def sentences(file: Path, seed: int) -> list[Sentence]:
    """Every template of a file, filled in; the same seed gives the same sentences."""
    maker = Maker(random.Random(seed))
    lines = file.read_text(encoding="utf-8").splitlines()
    return [maker.sentence(line) for line in lines if line and not line.startswith("#")]


class Maker:
    """Makes the value of each slot from one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def sentence(self, template: str) -> Sentence:
        parts: list[str] = []
        personal: list[tuple[int, int, str]] = []
        position = length = 0
        for slot in _SLOT.finditer(template):
            before = template[position : slot.start()]
            value = self.value(slot[1])
            start = length + len(before)
            parts += [before, value]
            length = start + len(value)
            position = slot.end()
            if slot[1] not in _NOT_PERSONAL:
                personal.append((start, length, _kind(slot[1])))
        return Sentence("".join([*parts, template[position:]]), tuple(personal))

    def value(self, slot: str) -> str:
        make: Callable[[], str] = getattr(self, slot)
        return make()

    def digits(self, count: int) -> str:
        return "".join(self.chance.choice(string.digits) for _ in range(count))

    def letters(self, count: int) -> str:
        return "".join(self.chance.choice(string.ascii_uppercase) for _ in range(count))

    def token(self, count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        """Random characters with a digit and a letter among them."""
        middle = "".join(self.chance.choice(alphabet) for _ in range(count - 2))
        return self.chance.choice(string.ascii_letters) + middle + self.chance.choice(string.digits)

    # Documents

    def cpf_bare(self) -> str:
        body = self.digits(9)
        for _ in range(2):
            total = sum(int(digit) * weight for digit, weight in zip(body, range(len(body) + 1, 1, -1), strict=True))
            body += str(total * 10 % 11 % 10)
        return body

    def cpf(self) -> str:
        number = self.cpf_bare()
        return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"

    def cpf_groups(self) -> str:
        number = self.cpf_bare()
        return f"{number[:3]} {number[3:6]} {number[6:9]} {number[9:]}"

    def cpf_spoken(self) -> str:
        return self.spoken(self.cpf_bare())

    def _cnpj(self, body: str) -> str:
        for weights in ([5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2], [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]):
            rest = sum((ord(sign) - 48) * weight for sign, weight in zip(body, weights, strict=True)) % 11
            body += str(0 if rest < 2 else 11 - rest)
        return body

    @staticmethod
    def _dotted(code: str) -> str:
        return f"{code[:2]}.{code[2:5]}.{code[5:8]}/{code[8:12]}-{code[12:]}"

    def cnpj_bare(self) -> str:
        return self._cnpj(self.digits(8) + "0001")

    def cnpj(self) -> str:
        return self._dotted(self.cnpj_bare())

    def cnpj_alpha_bare(self) -> str:
        body = "".join(self.chance.choice(string.ascii_uppercase + string.digits) for _ in range(11)) + self.letters(1)
        return self._cnpj(body)

    def cnpj_alpha(self) -> str:
        return self._dotted(self.cnpj_alpha_bare())

    def cnpj_spoken(self) -> str:
        return self.spoken(self.cnpj_bare())

    def rg(self) -> str:
        return f"{self.chance.randint(1, 59)}.{self.digits(3)}.{self.digits(3)}-{self.chance.choice('0123456789X')}"

    def rg_bare(self) -> str:
        return str(self.chance.randint(1, 9)) + self.digits(self.chance.choice((6, 7, 8)))

    def rg_x(self) -> str:
        return f"{self.chance.randint(10, 59)}{self.digits(6)}-X"

    def rg_spoken(self) -> str:
        return self.spoken(self.rg_bare())

    def cnh(self) -> str:
        body = self.digits(9)
        first = sum(int(digit) * weight for digit, weight in zip(body, range(9, 0, -1), strict=True)) % 11
        second = sum(int(digit) * weight for digit, weight in zip(body, range(1, 10), strict=True)) % 11
        if first == 10:
            first, second = 0, (second - 2) % 11
        return body + str(first) + str(second if second < 10 else 0)

    def cnh_spoken(self) -> str:
        return self.spoken(self.cnh())

    def pis(self) -> str:
        body = self.digits(10)
        weights = [3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
        rest = 11 - sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11
        body += str(0 if rest >= 10 else rest)
        return f"{body[:3]}.{body[3:8]}.{body[8:10]}-{body[10]}"

    def titulo(self) -> str:
        return f"{self.digits(4)} {self.digits(4)} {self.digits(4)}"

    def passport(self) -> str:
        return self.letters(2) + self.digits(6)

    def sus(self) -> str:
        return f"7{self.digits(2)} {self.digits(4)} {self.digits(4)} {self.digits(4)}"

    # Money

    def _card(self, prefix: str, length: int) -> str:
        body = prefix + self.digits(length - len(prefix) - 1)
        total = 0
        for place, digit in enumerate(reversed(body)):
            value = int(digit) * (2 if place % 2 == 0 else 1)
            total += value - 9 if value > 9 else value
        return body + str(-total % 10)

    def card_bare(self) -> str:
        return self._card(self.chance.choice(("4", "51", "55", "2221", "6062", "5067")), 16)

    def card(self) -> str:
        number = self.card_bare()
        return " ".join(number[at : at + 4] for at in range(0, 16, 4))

    def card_dashed(self) -> str:
        return self.card().replace(" ", "-")

    def card_spoken(self) -> str:
        return self.spoken(self.card_bare())

    def amex(self) -> str:
        number = self._card("37", 15)
        return f"{number[:4]} {number[4:10]} {number[10:]}"

    def cvv(self) -> str:
        return self.digits(3)

    def account(self) -> str:
        return f"{self.digits(4)} conta {self.digits(5)}-{self.digits(1)}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def brcode(self) -> str:
        return (
            f"00020126580014br.gov.bcb.pix0136{self.uuid()}5204000053039865802BR5905Caio 6009JOINVILLE62070503***6304"
            + "".join(self.chance.choice("0123456789ABCDEF") for _ in range(4))
        )

    # Ways to reach somebody

    def phone_bare(self) -> str:
        return f"{self.chance.choice(_AREAS)}9{self.chance.choice('6789')}{self.digits(7)}"

    def _phone(self, pattern: str) -> str:
        number = self.phone_bare()
        return pattern.format(number[:2], number[2:7], number[7:])

    def phone(self) -> str:
        return self._phone("({}) {}-{}")

    def phone_paren(self) -> str:
        return self._phone("({}){}{}")

    def phone_dashed(self) -> str:
        return self._phone("{} {}-{}")

    def phone_intl(self) -> str:
        return self._phone("+55 {} {}-{}")

    def phone_55(self) -> str:
        return "55" + self.phone_bare()

    def phone_local(self) -> str:
        return self._phone("{1}-{2}")

    def phone_spoken(self) -> str:
        number = self.phone_bare()
        return f"{self.tens(int(number[:2]))} {self.spoken(number[2:])}"

    def phone_pt(self) -> str:
        return f"+351 91{self.chance.choice('236')} {self.digits(3)} {self.digits(3)}"

    def phone_fr(self) -> str:
        return f"+33 1 4{self.digits(1)} {self.digits(2)} {self.digits(2)} {self.digits(2)}"

    def phone_us(self) -> str:
        return f"+1 {self.chance.choice((212, 415, 305))} {self.chance.randint(220, 899)} {self.digits(4)}"

    def landline_bare(self) -> str:
        return f"{self.chance.choice(_AREAS)}3{self.chance.choice('234')}{self.digits(6)}"

    def landline(self) -> str:
        number = self.landline_bare()
        return f"({number[:2]}) {number[2:6]}-{number[6:]}"

    def landline_local(self) -> str:
        number = self.landline_bare()
        return f"{number[2:6]}-{number[6:]}"

    def landline_spoken(self) -> str:
        number = self.landline_bare()
        return f"{self.tens(int(number[:2]))} {self.spoken(number[2:])}"

    def email(self) -> str:
        host = self.chance.choice(("gmail.com", "exemplo.com.br", "empresa.net", "uol.com.br"))
        return f"{self.chance.choice(_NAMES)}.{self.chance.choice(_LAST)}{self.chance.choice(('', '22', '_x'))}@{host}"

    def email_spoken(self) -> str:
        host = self.chance.choice(("gmail ponto com", "hotmail ponto com", "empresa ponto com ponto br"))
        return f"{self.chance.choice(_NAMES)} ponto {self.chance.choice(_LAST)} arroba {host}"

    def email_spoken2(self) -> str:
        joint = self.chance.choice(("underline", "traço"))
        return f"{self.chance.choice(_NAMES)} {joint} {self.chance.choice(_LAST)} arroba outlook ponto com"

    # Where somebody lives, what they drive

    def cep_bare(self) -> str:
        return f"{self.chance.randint(10000, 99999)}{self.digits(3)}"

    def cep(self) -> str:
        number = self.cep_bare()
        return f"{number[:5]}-{number[5:]}"

    def cep_dots(self) -> str:
        number = self.cep()
        return f"{number[:2]}.{number[2:]}"

    def cep_spoken(self) -> str:
        return self.spoken(self.cep_bare())

    def address(self) -> str:
        return f"Rua {self.chance.choice(_STREETS)}, {self.chance.randint(2, 2999)}"

    def address_full(self) -> str:
        kind = self.chance.choice(("Rua", "Avenida", "Av.", "Travessa", "R."))
        house, flat = self.chance.randint(2, 2999), self.chance.randint(11, 999)
        return f"{kind} {self.chance.choice(_STREETS)}, nº {house}, apto {flat}"

    def address_short(self) -> str:
        return f"rua {self.chance.choice(_STREETS).lower()} numero {self.chance.randint(2, 2999)}"

    def address_spoken(self) -> str:
        house = self.tens(self.chance.randint(21, 99))
        return f"rua {self.chance.choice(_STREETS).lower()} número {house}"

    def address_lives(self) -> str:
        return f"rua {self.chance.choice(_STREETS).lower()}"

    def plate_old(self) -> str:
        return f"M{self.letters(2)}-{self.digits(4)}"

    def plate_old_nodash(self) -> str:
        return f"M{self.letters(2)}{self.digits(4)}"

    def plate_mercosul(self) -> str:
        return f"R{self.letters(2)}{self.digits(1)}{self.letters(1)}{self.digits(2)}"

    def plate_lower(self) -> str:
        return self.plate_mercosul().lower()

    def plate_spaced(self) -> str:
        return f"M{self.letters(2)} {self.digits(4)}"

    def plate_mercosul_spaced(self) -> str:
        return f"R{self.letters(2)} {self.digits(1)}{self.letters(1)}{self.digits(2)}"

    # Machines and what opens them

    def ip(self) -> str:
        return f"{self.chance.choice((45, 177, 187, 200))}." + ".".join(
            str(self.chance.randint(1, 254)) for _ in range(3)
        )

    def ip_private(self) -> str:
        return f"192.168.{self.chance.randint(0, 9)}.{self.chance.randint(2, 254)}"

    def ipv6(self) -> str:
        return "2804:14d:" + ":".join(f"{self.chance.randint(0x1000, 0xFFFF):x}" for _ in range(3)) + "::1"

    def mac(self) -> str:
        return ":".join(f"{self.chance.randint(0, 255):02X}" for _ in range(6))

    def mac_dash(self) -> str:
        return self.mac().replace(":", "-").lower()

    def url_token(self) -> str:
        name = self.chance.choice(("token", "access_token", "invite", "sig"))
        return f"https://app.exemplo.com.br/entrar?{name}={self.token(24)}"

    def url_path(self) -> str:
        return f"https://hooks.exemplo.com/services/{self.token(24)}"

    def url_userinfo(self) -> str:
        return f"https://{self.chance.choice(_NAMES)}:{self.token(10)}@git.exemplo.com/repo.git"

    def key_openai(self) -> str:
        return "sk-proj-" + self.token(32)

    def key_groq(self) -> str:
        return "gsk_" + self.token(40)

    def key_github(self) -> str:
        return "ghp_" + self.token(36)

    def key_telegram(self) -> str:
        return f"{self.chance.randint(10**8, 10**9)}:AA{self.token(33)}"

    def key_aws(self) -> str:
        return "AKIA" + "".join(self.chance.choice(string.ascii_uppercase + string.digits) for _ in range(16))

    def key_generic(self) -> str:
        return self.token(28)

    def jwt(self) -> str:
        return f"eyJ{self.token(18)}.eyJ{self.token(30)}.{self.token(32)}"

    def password(self) -> str:
        word = self.chance.choice(("girassol", "Tubarao", "caramelo", "Pitanga", "sabiá"))
        return f"{word}{self.chance.choice(('', '@', '_', '#'))}{self.digits(self.chance.choice((2, 3, 4)))}"

    def password_words(self) -> str:
        return " ".join(self.chance.sample(["girassol", "tubarão", "caramelo", "pitanga", "bigorna"], 2))

    def pin(self) -> str:
        return self.digits(self.chance.choice((4, 6)))

    def pin_spoken(self) -> str:
        return self.spoken(self.digits(4))

    def term(self) -> str:
        return self.chance.choice(TERMS)

    # Numbers of things

    def order11(self) -> str:
        return self.digits(11)

    def order14(self) -> str:
        return self.digits(14)

    def protocol(self) -> str:
        return f"2024{self.digits(10)}"

    def tracking(self) -> str:
        return f"{self.letters(2)}{self.digits(9)}BR"

    def commit(self) -> str:
        return "".join(self.chance.choice("0123456789abcdef") for _ in range(self.chance.choice((7, 40))))

    # Said aloud

    def spoken(self, number: str) -> str:
        """Digit by digit, the six sometimes as "meia", pairs sometimes as tens."""
        said: list[str] = []
        position = 0
        while position < len(number):
            pair = number[position : position + 2]
            if len(pair) == 2 and pair[0] not in "01" and self.chance.random() < 0.15:
                said.append(self.tens(int(pair)))
                position += 2
                continue
            six = pair[0] == "6" and self.chance.random() < 0.6
            said.append("meia" if six else _UNITS[int(pair[0])])
            position += 1
        return " ".join(said)

    def tens(self, value: int) -> str:
        if value < 10:
            return _UNITS[value]
        if value < 20:
            return _TEENS[value - 10]
        return _TENS[value // 10] + (f" e {_UNITS[value % 10]}" if value % 10 else "")


_PREFIXES = {
    "cpf": "CPF", "cnpj": "CNPJ", "rg": "RG", "cnh": "CNH", "pis": "DOCUMENTO", "titulo": "DOCUMENTO",
    "passport": "DOCUMENTO", "sus": "DOCUMENTO", "card": "CARTAO", "amex": "CARTAO", "cvv": "SENHA", "account": "CONTA",
    "uuid": "PIX", "brcode": "PIX", "phone": "TELEFONE", "landline": "TELEFONE", "email": "EMAIL", "cep": "CEP",
    "address": "ENDERECO", "plate": "PLACA", "ip": "IP", "ipv6": "IP", "mac": "MAC", "url": "LINK", "key": "CHAVE",
    "jwt": "CHAVE", "password": "SENHA", "pin": "SENHA", "term": "TERMO",
}  # fmt: skip


def _kind(slot: str) -> str:
    return _PREFIXES[slot.split("_")[0]]
