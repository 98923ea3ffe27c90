"""Documents, phones, cards and postcodes: groups of digits, told apart by shape, check digits and context."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy import checks
from aeon_plugin_ft.privacy.context import Hint, hint
from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.text import ScannedText

_RUN = re.compile(
    r"(?:(?<![\w])|(?<=_)(?<!\w_)|(?<=\bcpf)|(?<=\bcnpj)|(?<=\brg)|(?<=\bcep))(?<!\d[.,])"
    r"\+?\(?\d(?:[ \u00a0]?[.\-/() \u2010-\u2014]?[ ]?\d)*(?:[.\-]?[xX](?![\w]))?"
)
_CALLED = re.compile(r"(?<![a-z0-9])(?:cpf|cnpj|rg|cep)$")
"""Written together with its number: "cpf71460238001"."""
_GROUP = re.compile(r"[+(]?\d+(?:[xX]\b)?")
_MAX_GROUPS = 14

# Shapes that say what a number is, whatever stands around it.
_SHAPES: list[tuple[Kind, re.Pattern[str]]] = [
    (Kind.CNPJ, re.compile(r"\d{2}[. ]?\d{3}[. ]?\d{3} ?/ ?\d{4}[- ]?\d{2}")),
    (Kind.CPF, re.compile(r"\d{3}\.\d{3}\.\d{3} ?[-./ ] ?\d{2}|\d{3}/\d{3}/\d{3}-\d{2}")),
    (Kind.DOCUMENT, re.compile(r"\d{3}\.\d{5}\.\d{2}-\d|\d\d[ -]\d{6}[ -]\d{6}[ -]\d")),
    (Kind.RG, re.compile(r"\d{1,2}\.\d{3}\.\d{3}-[\dxX]")),
    (Kind.CEP, re.compile(r"\d{2}\.\d{3}-\d{3}")),
]
_LOOSE_SHAPES = frozenset({Kind.RG, Kind.CEP})
_PHONE_SHAPE = re.compile(
    r"\+\d[\d\s().\-]+|(?:0?\d{0,2} ?)?\(\d{2,3}\) ?\d{4,5}[-. ]?\d{4}"
    r"|0?\d{2}[ -]\d{4,5}[-. ]?\d{4}|0?\d{2}[ -]9[ .]\d{4}[-. ]?\d{4}"
)
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-./])(?:0?\d|1[0-2])\1[0-3]?\d|[0-3]?\d([-./])(?:0?\d|1[0-2])\2(?:19|20)\d\d)(?!\d)"
)
_TIMESTAMP = re.compile(r"(?:19|20)\d\d(?:0\d|1[0-2])[0-3]\d[0-2]\d[0-5]\d[0-5]\d")
_DECIMAL = re.compile(r"\d+[.,]\d+")
_CEP_SHAPE = re.compile(r"\d{5}-\d{3}")
_LOCAL_MOBILE = re.compile(r"9 ?\d{4}[-. ]\d{4}")

# How many digits somebody may say or type after the word, slips included.
_LENGTHS: dict[Kind, range] = {
    Kind.CPF: range(9, 12),
    Kind.CNPJ: range(12, 15),
    Kind.CARD: range(12, 20),
    Kind.RG: range(5, 12),
    Kind.CNH: range(9, 12),
    Kind.PHONE: range(8, 14),
    Kind.CEP: range(8, 9),
    Kind.DOCUMENT: range(8, 17),
}


def find_numbers(source: ScannedText) -> Iterator[Finding]:
    """Every document, phone, card or postcode that is written in digits."""
    for run in _RUN.finditer(source.folded):
        taken = run.start()
        dates = [(run.start() + d.start(), run.start() + d.end()) for d in _DATE.finditer(run.group())]
        for start, end in _windows(run):
            # Digits belong to one finding only, and never to a date that stands among them.
            if start < taken or any(start < last and first < end for first, last in dates):
                continue
            finding = _judge(source, start, end)
            if finding:
                yield finding
                taken = end


def _windows(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The run itself, then its parts: whole groups of digits, longest first, left to right."""
    yield run.span()
    groups = [(run.start() + g.start(), run.start() + g.end()) for g in _GROUP.finditer(run.group())]
    if len(groups) > _MAX_GROUPS:  # a table of numbers; only its rows' shapes could be judged
        groups = groups[:_MAX_GROUPS]
    for first in range(len(groups)):
        for last in range(len(groups) - 1, first - 1, -1):
            yield groups[first][0], groups[last][1]


def _judge(source: ScannedText, start: int, end: int) -> Finding | None:
    shape = source.raw[start:end].strip()
    digits = re.sub(r"\D", "", shape)
    if not 5 <= len(digits) <= 19:
        return None
    # Part of a word or a code: what it is called may be its own business.
    if (end < len(source.raw) and source.raw[end].isalnum()) or (
        start and source.raw[start - 1].isalnum() and not _CALLED.search(source.folded[max(0, start - 5) : start])
    ):
        return None
    if len(set(digits)) == 1:  # "000.000.000-00" shows how to write one
        return None
    near = hint(source, start, end)
    for kind, pattern in _SHAPES:
        # A law, a count, a power may be written in the shape of an RG or a postcode; not in that of a CPF.
        if pattern.fullmatch(shape) and not (near.other and kind in _LOOSE_SHAPES):
            return Finding(kind, start, end, digits, 0.95)
    if "/" in shape:  # of all these only a company number has a slash; dates do
        return None
    if "x" in shape.lower():
        return Finding(Kind.RG, start, end, digits + "x", 0.7) if near.kind is Kind.RG else None
    kind_and_score = judge_digits(digits, shape, near)
    return Finding(kind_and_score[0], start, end, digits, kind_and_score[1]) if kind_and_score else None


def judge_digits(digits: str, shape: str, near: Hint) -> tuple[Kind, float] | None:
    """What some digits are, with a score, or None: by the word in front, then by check digits, then by shape.

    `shape` is how they were written ("(47) 99123-4567"), "" when they were spoken.
    """
    # Before the check digits: one mobile number in a hundred would also pass for a CPF.
    if near.kind is Kind.PHONE and len(digits) == 11 and checks.is_personal_phone(digits):
        return Kind.PHONE, 0.9
    if near.kind in _LENGTHS and near.kind is not None and len(digits) in _LENGTHS[near.kind]:
        return (near.kind, 0.9) if near.kind is not Kind.PHONE or _callable(digits, shape) else None
    if _PHONE_SHAPE.fullmatch(shape) and checks.is_personal_phone(_dialled(digits, shape)):
        return Kind.PHONE, 0.8
    if near.other or _DECIMAL.fullmatch(shape) or _TIMESTAMP.fullmatch(digits):
        return None
    return _by_proof(digits, shape, near)


def _by_proof(digits: str, shape: str, near: Hint) -> tuple[Kind, float] | None:
    length = len(digits)
    if length == 11 and checks.is_cpf(digits):
        return Kind.CPF, 0.8
    if length == 14 and checks.is_cnpj(digits):
        return Kind.CNPJ, 0.8
    if length >= 13 and checks.is_card(digits):
        return Kind.CARD, 0.8
    if length == 11 and digits[2] == "9" and checks.is_phone(digits):
        return Kind.PHONE, 0.7
    if length == 13 and digits.startswith("55") and digits[4] == "9" and checks.is_phone("+" + digits):
        return Kind.PHONE, 0.7
    if near.kind is Kind.PIX and 10 <= length <= 13 and checks.is_phone(digits):
        return Kind.PHONE, 0.7
    if _LOCAL_MOBILE.fullmatch(shape):
        return Kind.PHONE, 0.6
    if _CEP_SHAPE.fullmatch(shape):
        return Kind.CEP, 0.7
    # Last, and of little weight: one number of eleven digits in a hundred passes its check.
    if length == 11 and shape.isdigit() and checks.is_cnh(digits):
        return Kind.CNH, 0.5
    return None


def _callable(digits: str, shape: str) -> bool:
    """After a word such as "liga": a number of the right length that may be dialled, with or without area code."""
    if len(digits) == 8:
        return digits[0] in "2345" and not re.fullmatch(r"(19|20)\d\d-?(19|20)\d\d", shape)
    if len(digits) == 9:
        return digits[0] == "9"
    return checks.is_personal_phone(_dialled(digits, shape))


def _dialled(digits: str, shape: str) -> str:
    if shape.startswith("+") or (len(digits) in {12, 13} and digits.startswith("55")):
        return "+" + digits
    return digits.lstrip("0")
