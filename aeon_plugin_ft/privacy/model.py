"""What personal data is called and where it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(str, Enum):
    """What a finding is; the value is the word in its placeholder, as the owner reads it: `[CPF_1]`."""

    CPF = "CPF"
    CNPJ = "CNPJ"
    PIX = "PIX"
    """A random PIX key or a "copia e cola" code; the other PIX keys are a CPF, a phone or an e-mail."""
    PHONE = "TELEFONE"
    CEP = "CEP"
    ADDRESS = "ENDERECO"
    EMAIL = "EMAIL"
    CARD = "CARTAO"
    RG = "RG"
    CNH = "CNH"
    DOCUMENT = "DOCUMENTO"
    """PIS, voter's card, passport, health card: recognised by the word before the number."""
    ACCOUNT = "CONTA"
    PLATE = "PLACA"
    IP = "IP"
    MAC = "MAC"
    URL = "LINK"
    """An address with a token, a password or a secret path in it."""
    KEY = "CHAVE"
    PASSWORD = "SENHA"
    TERM = "TERMO"
    """A word from the owner's own list."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data at text[start:end]. `value` is its canonical form (digits only, lower case), so that two
    ways of writing one number count as one; it is left out of repr(). `score` (0 to 1) settles overlaps.
    """

    kind: Kind
    start: int
    end: int
    value: str = field(repr=False)
    score: float = 0.5
