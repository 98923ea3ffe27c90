"""Check digits and other proofs that a number is what it looks like. Imported only when there is a candidate."""

from __future__ import annotations

import hashlib

import phonenumbers
from stdnum import iban, luhn
from stdnum.br import cnpj, cpf


def is_cpf(digits: str) -> bool:
    """Eleven digits with right check digits, and not one digit eleven times."""
    return len(digits) == 11 and len(set(digits)) > 1 and bool(cpf.is_valid(digits))


def is_cnpj(code: str) -> bool:
    """Fourteen characters with right check digits; letters are allowed in the first twelve since July 2026."""
    return len(code) == 14 and code[-2:].isdigit() and len(set(code)) > 1 and bool(cnpj.is_valid(code))


def is_card(digits: str) -> bool:
    """A payment card number: 13 to 19 digits of a known network, right by Luhn's formula."""
    return 13 <= len(digits) <= 19 and _known_network(digits) and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def _known_network(digits: str) -> bool:
    """First digits of Visa, Mastercard, Amex, Diners, Elo, Hipercard, Discover, JCB, Aura (ISO/IEC 7812 ranges)."""
    if digits[0] == "4":
        return len(digits) in {13, 16, 19}
    if 2221 <= int(digits[:4]) <= 2720 or digits[0] in "56":
        return len(digits) >= 16
    return digits[:2] in {"34", "37", "30", "36", "38", "35"} and len(digits) in {14, 15, 16, 19}


def is_iban(code: str) -> bool:
    """An international account number, right by its check digits and by its country's length."""
    return bool(iban.is_valid(code))


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def is_base58check(code: str) -> bool:
    """A Bitcoin or Tron address or private key: base 58, and its last four bytes are the beginning of the double
    SHA-256 of the others (https://en.bitcoin.it/wiki/Base58Check_encoding)."""
    number = 0
    for letter in code:
        number = number * 58 + _BASE58.index(letter)
    zeros = len(code) - len(code.lstrip("1"))
    whole = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return hashlib.sha256(hashlib.sha256(whole[:-4]).digest()).digest()[:4] == whole[-4:]


def is_cnh(digits: str) -> bool:
    """Eleven digits of a driving licence (registro): Renach's two modulo 11 check digits.

    The first uses weights 9 to 1, the second 1 to 9; a first remainder of 10 counts as 0 and takes 2 off the second.
    """
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    body = [int(digit) for digit in digits[:9]]
    first = sum(value * weight for value, weight in zip(body, range(9, 0, -1), strict=True)) % 11
    carry = 2 if first == 10 else 0
    first = 0 if first == 10 else first
    second = (sum(value * weight for value, weight in zip(body, range(1, 10), strict=True)) - carry) % 11
    second = 0 if second == 10 else second
    return digits[9:] == f"{first}{second}"


def is_phone(number: str) -> bool:
    """A number that can exist, read as Brazilian unless it starts with "+" (Google's libphonenumber)."""
    return _dialable(number) is not None


def is_personal_phone(number: str) -> bool:
    """A phone that belongs to somebody: not 0800, 0300, 4004 and the like."""
    parsed = _dialable(number)
    return parsed is not None and phonenumbers.number_type(parsed) not in _PUBLIC


_PUBLIC = frozenset(
    {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
    }
)


def _dialable(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        # Without a country in front it is taken for Brazilian.
        parsed = phonenumbers.parse(number, "BR")
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else None
