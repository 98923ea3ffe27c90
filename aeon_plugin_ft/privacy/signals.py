"""A first, cheap look at a text: which recognisers could find anything at all.

Most sentences hold nothing personal, and this runs on each of them inside Aeon, so it works on the bytes of the folded
text, which is what the recognisers read, with operations that run in C (translate, split, set tests). It may be wrong
in one direction only:
a signal without a finding costs time, a finding without a signal would be missed (a test holds the labelled
sentences against that).
"""

from __future__ import annotations

import re

from aeon_plugin_ft.privacy.folding import fold_in_place
from aeon_plugin_ft.privacy.number_words import ALL, BETWEEN, REPEATS


class Signal:
    """What a text has that some recogniser needs: bits of a plain int, as enum arithmetic would cost more than
    everything else here."""

    DIGITS = 1
    FEW_DIGITS = 2
    AT = 4
    LINK = 8
    KEY = 16
    PASSWORD = 32
    STREET = 64
    CAR = 128
    LONG = 256
    SPOKEN = 512
    ACCOUNT = 1024


def _table() -> bytes:
    """Bytes to bytes: punctuation to spaces; letters, digits, UTF-8's other bytes, "-", "_" and "@" stay."""
    kept = b"-_@"
    return bytes(code if code >= 128 or chr(code).isalnum() or code in kept else 32 for code in range(256))


def _set(text: str) -> frozenset[bytes]:
    return frozenset(word.encode("utf-8") for word in fold_in_place(text).split())


_WORDS_ONLY = _table()
_NOT_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_LONG_WORD = 14
_FEW_DIGITS, _MIN_DIGITS = 2, 5  # in a licence plate or company number; in a document
_SPOKEN_ROW = 4
_NUMBERS = frozenset(word.encode() for word in ALL | REPEATS.keys())
_JOINTS = frozenset(word.encode() for word in BETWEEN)
_CODE_LIKE = re.compile(rb"[a-z]{3}[- ]?\d[\da-z]\d|/\w{4}-\d\d|[\da-f][.:-][\da-f]{0,4}[.:-][\da-f]")
"""A licence plate, the end of a company number, an IP or MAC address."""
_LISTED = re.compile(rb"\d[,;.]\s")
"""Figures that were dictated: "7, 1, 4", "714. 602. 380"."""
_SIGNS_SAID = _set("traco hifen ponto barra tracinho digito")
_PASSWORDS = _set(
    "senha senhas password passwd passphrase pwd pass pin passe contrasenha contra-senha contra codigo cvv cvc frase"
    " seed palavra-passe palavras palavra segredo token wifi cofre cadeado contrassenha"
    " puk combinacao codigos digita digite"
)
_KEYS = _set(
    "token key keys chave chaves secret bearer basic apikey api-key api_key api begin private privada serial"
    " access_token recuperacao"
)
_STREETS = _set(
    "rua ruas r avenida av travessa tv alameda al rodovia rod estrada praca largo viela beco servidao"
    " ladeira quadra qi ql qs qr qm qc cnb sqn sqs shis shin"
    " condominio edificio residencial moro mora moramos resido reside"
)
_CARS = _set("placa placas")
_WORD_SETS = (
    (_PASSWORDS, Signal.PASSWORD),
    (_KEYS, Signal.KEY),
    (_STREETS, Signal.STREET),
    (_CARS, Signal.CAR),
    (_set("arroba at dot"), Signal.AT),
    (_set("conta agencia cnpj poupanca iban"), Signal.ACCOUNT),
)
_ANY_WORD = frozenset().union(*(names for names, _ in _WORD_SETS))


def signals(text: str) -> int:
    """Everything in the text that some recogniser should look at; 0 for ordinary talk."""
    raw = fold_in_place(text).encode("utf-8", "surrogatepass")
    seen = 0
    # translate deletes everything but digits, in C: what is left is their number.
    digits = len(raw.translate(None, _NOT_DIGITS))
    if digits >= _MIN_DIGITS:
        seen |= Signal.DIGITS
    elif digits >= _FEW_DIGITS and _CODE_LIKE.search(raw):
        seen |= Signal.FEW_DIGITS
    if b"@" in raw:
        seen |= Signal.AT
    if b"://" in raw or b".me/" in raw or b".gg/" in raw or b"whatsapp.com/" in raw:
        seen |= Signal.LINK
    if b"_passw" in raw or b"_pwd" in raw or b"_senha" in raw:
        seen |= Signal.PASSWORD
    if b"_secret" in raw:
        seen |= Signal.KEY
    words = raw.translate(_WORDS_ONLY).split()
    # One test for all lists: ordinary talk has none of their words.
    if not _ANY_WORD.isdisjoint(words):
        for names, signal in _WORD_SETS:
            if not names.isdisjoint(words):
                seen |= signal
    if words and len(max(words, key=len)) >= _LONG_WORD and any(_is_code(word) for word in words):
        seen |= Signal.LONG
    dictated = sum(map(_NUMBERS.__contains__, words)) >= _SPOKEN_ROW - 1 and _dictated(words)
    if dictated or (digits >= _MIN_DIGITS and (not _SIGNS_SAID.isdisjoint(words) or _LISTED.search(raw))):
        seen |= Signal.SPOKEN
    return seen


def _is_code(word: bytes) -> bool:
    """A long word with a digit or a joint in it, or with the first letters of a cloud provider's keys."""
    if len(word) < _LONG_WORD:
        return False
    return word.startswith((b"akia", b"asia", b"aiza")) or any(48 <= byte <= 57 or byte in b"-_" for byte in word)


def _dictated(words: list[bytes]) -> bool:
    """Four number words or figures in a row, "e" and the like not counted."""
    row = 0
    for word in words:
        if word in _NUMBERS or word.isdigit():
            row += 1
        elif word not in _JOINTS:
            row = 0
        if row >= _SPOKEN_ROW:
            return True
    return False
