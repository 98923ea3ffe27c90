"""Invented personal data in the forms that `data/privacy_fresh.txt` uses, beyond those of `personal_data.py`.

Each line of that file begins with what it is: P, a secret of a kind that docs/privacy.md promised when the set was
written; B, a secret beyond that; N, an innocent sentence. A `{slot}` is filled in, `<<...>>` marks a literal secret,
`\\n` is a line break, and "[nfd]" or "[upper]" in front puts the whole sentence into that form.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import string
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from personal_data import Maker

FILE = Path(__file__).parent / "data" / "privacy_fresh.txt"
BLIND = FILE.with_name("privacy_blind.txt")
HALVES = ("development", "heldout")
_PART = re.compile(r"\{(\w+)\}|<<(.+?)>>")
_FORMS: dict[str, Callable[[str], str]] = {
    "[nfd] ": lambda text: unicodedata.normalize("NFD", text),
    "[upper] ": str.upper,
}
_WIDE = str.maketrans(string.digits, "".join(chr(0xFF10 + digit) for digit in range(10)))


@dataclass(frozen=True)
class FreshSentence:
    """A sentence, what it is (P, B or N), and (start, end) of each secret in it."""

    text: str
    sort: str
    secrets: tuple[tuple[int, int], ...]


def held_out(template: str) -> bool:
    """Whether the seeded hash keeps a line aside."""
    return bool(hashlib.sha256(f"privacy-1:{template}".encode()).digest()[0] & 1)


def fresh_sentences(half: str, seed: int) -> list[FreshSentence]:
    """The sentences of a half, filled in; the same seed gives the same values."""
    # all of them, so that a value does not depend on the half
    return [sentence for line, sentence in _filled(FILE, seed) if held_out(line) == (half == "heldout")]


def blind_sentences(seed: int) -> list[FreshSentence]:
    """The sentences of `data/privacy_blind.txt`, filled in."""
    return [sentence for _, sentence in _filled(BLIND, seed)]


def _filled(file: Path, seed: int) -> list[tuple[str, FreshSentence]]:
    maker = FreshMaker(random.Random(seed))
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line[:1] in "PBN"]
    return [(line, maker.fresh(line)) for line in lines]


class FreshMaker(Maker):
    """The slots of the fresh set."""

    def fresh(self, line: str) -> FreshSentence:
        sort, template = line[0], line[2:]
        if sort == "N":
            return FreshSentence(template, sort, ())
        template = template.replace("\\n", "\n")
        form = next((name for name in _FORMS if template.startswith(name)), "")
        written, template = _FORMS.get(form, str), template[len(form) :]
        text, secrets, position = "", [], 0
        for part in _PART.finditer(template):
            text += written(template[position : part.start()])
            value = written(self.value(part[1]) if part[1] else part[2])
            secrets.append((len(text), len(text) + len(value)))
            text, position = text + value, part.end()
        return FreshSentence(text + written(template[position:]), sort, tuple(secrets))

    def cpf_comma(self) -> str:
        return ", ".join(self.cpf_bare())

    def cpf_comma3(self) -> str:
        number = self.cpf_bare()
        return f"{number[:3]}, {number[3:6]}, {number[6:9]}, dígito {number[9:]}"

    def cpf_dots3(self) -> str:
        number = self.cpf_bare()
        return f"{number[:3]}. {number[3:6]}. {number[6:9]}. {number[9:]}"

    def cpf_zero_width(self) -> str:
        number = self.cpf_bare()
        return f"{number[:5]}\u200b{number[5:]}"

    def cpf_minus(self) -> str:
        return self.cpf().replace("-", "\u2212")

    def cpf_hyphen2011(self) -> str:
        return self.cpf().replace("-", "\u2011")

    def cpf_wide(self) -> str:
        return self.cpf_bare().translate(_WIDE)

    def cnpj_alpha_spaced(self) -> str:
        code = self.cnpj_alpha_bare()
        return f"{code[:2]} {code[2:5]} {code[5:8]} {code[8:12]} {code[12:]}"

    def pis_bare(self) -> str:
        return re.sub(r"\D", "", self.pis())

    def sus_bare(self) -> str:
        return self.sus().replace(" ", "")

    def ctps(self) -> str:
        return f"{self.digits(7)} série {self.digits(4)}"

    def certidao(self) -> str:
        registry = f"{self.digits(6)} 01 55 {self.digits(4)} 1"
        return f"{registry} {self.digits(5)} {self.digits(3)} {self.digits(7)} {self.digits(2)}"

    def inss(self) -> str:
        return f"{self.digits(3)}.{self.digits(3)}.{self.digits(3)}-{self.digits(1)}"

    def reservista(self) -> str:
        return self.digits(12)

    def renavam(self) -> str:
        body = "00" + self.chance.choice("123456789") + self.digits(7)
        total = sum(
            int(digit) * weight for digit, weight in zip(reversed(body), (2, 3, 4, 5, 6, 7, 8, 9, 2, 3), strict=True)
        )
        return body + str(total * 10 % 11 % 10)

    def conta_dv(self) -> str:
        return f"{self.digits(5)}-{self.digits(1)}"

    def ag_dv(self) -> str:
        return f"{self.digits(4)}-{self.digits(1)}"

    def cc_dots(self) -> str:
        return f"{self.digits(2)}.{self.digits(3)}-{self.digits(1)}"

    def code6(self) -> str:
        return self.digits(6)

    def brcode_cut(self) -> str:
        return self.brcode()[:90]

    def uuid_bare(self) -> str:
        return self.uuid().replace("-", "")

    def phone_comma(self) -> str:
        return self._phone("{}, {}, {}")

    def phone_commas_words(self) -> str:
        number = self.phone_bare()
        return f"{self.tens(int(number[:2]))}, {self.spoken(number[2:7])}, {self.spoken(number[7:])}"

    def phone_hum(self) -> str:
        return f"onze nove oito {self.spoken('2345')} hum hum dois três"

    def phone_triplo(self) -> str:
        return f"onze nove nove triplo sete {self.spoken('1234')}"

    def phone_wide(self) -> str:
        return self.phone_dashed().translate(_WIDE)

    def phone_hyphen2011(self) -> str:
        return self.phone_intl().replace("-", "\u2011")

    def landline_hyphen2011(self) -> str:
        return self.landline().replace("-", "\u2011")

    def tok(self) -> str:
        return self.token(32)

    def tok28(self) -> str:
        return self.token(28)

    def vercel(self) -> str:
        return f"vercel_blob_rw_{self.token(30)}"

    def _hex(self, count: int) -> str:
        return "".join(self.chance.choice("0123456789abcdef") for _ in range(count))

    def hex24(self) -> str:
        return self._hex(24)

    def hex32(self) -> str:
        return self._hex(32)

    def hex34(self) -> str:
        return self._hex(34)

    def hex40(self) -> str:
        return self._hex(40)

    def b64(self) -> str:
        return base64.b64encode(f"joana:{self.token(12)}".encode()).decode()
