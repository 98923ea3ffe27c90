"""Numbers that a word in front of them, or their own shape, makes somebody's: what plans, schools and states give out,
accounts in the ways that people pass them on, what gets back into a locked account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.text import ScannedText

_STATES = "ac|al|ap|am|ba|ce|df|es|go|ma|mt|ms|mg|pa|pb|pr|pe|pi|rj|rn|rs|ro|rr|sc|sp|se|to"
_BANKS = (
    r"(?:itau|bradesco|santander|caixa|nubank|inter|banco do brasil|bb|sicoob|sicredi|c6|picpay|original|safra|neon"
    r"|pagbank|mercado pago|btg|banrisul|brb)"
)
_DIGITS = r"\d[\d .\-/]{3,22}[\dx]"
_PLAN = re.compile(
    r"\b(?:carteirinha|carteira\s+d[oa]\s+(?:convenio|plano|unimed|amil|sulamerica|hapvida)|convenio|plano de saude)\b"
    rf"(?:\s+d[aeo]\s+[a-z]+)?(?:\s*(?::|,|e|eh|numero|n[ºo°]))*\s+(?P<value>{_DIGITS})(?!\s*(?:reais|por\b|%))"
)
_FOREIGNER = re.compile(r"\b(?:rne|rnm|crnm)\b[^\d\n]{0,14}?\b(?P<value>[a-z]\d{6}-?[\da-z])(?!\w)")
_ENROLLED = re.compile(
    r"\b(?:(?:minha|meu|sua|seu|tua|teu)\s+(?:matricula|ra|registro academico)"
    r"|matricula\s+d[oa]\s+(?:servidora?|alun[oa]|funcionari[oa]|empregad[oa]|estudante))\b"
    r"(?:\s+(?:d[aeo]|n[ao])\s+\w+)?(?:\s*(?::|e|eh|,))*\s+(?P<value>\d[\d.\-/]{3,14}\d)(?![\w/])"
)
_STATE_CARD = re.compile(
    rf"\b(?:rg|identidade)\b\D{{0,14}}?\b(?P<value>(?:{_STATES})[- ]?\d{{1,2}}\.?\d{{3}}\.?\d{{3}}(?:-?[\dx])?)(?!\w)"
)
_SIM = re.compile(r"(?<![\w.,-])(?P<value>8955(?:[ ]?\d){14,16})(?![\w-])")
"""The number of a Brazilian SIM card (ITU-T E.118: 89, then the country)."""
_RECOVERY = re.compile(r"(?<![\w-])(?P<value>(?:\d{6}-){7}\d{6})(?![\w-])")
"""BitLocker's recovery key."""
_CARRIER = re.compile(r"(?<!\w)(?P<value>0xx\s?\(?\d{2}\)?\s?(?:9\s?)?\d{4}[-. ]?\d{4})(?!\d)")
"""With a place for the carrier's code."""
_BRANCH_SLASH = re.compile(r"(?<![\w/.-])(?P<value>\d{4}(?:-[\dx])?\s*/\s*\d{4,10}-[\dx])(?![\w/])")
_BRANCH_OP = re.compile(
    r"\b(?P<value>ag(?:encia|\.)?\s*:?\s*\d{3,5}(?:-[\dx])?[\s,;/e]*(?:op(?:eracao)?\.?\s*:?\s*\d{3})?[\s,;/e]*"
    r"(?:conta|c/?c|c/?p|poupanca)\.?\s*:?\s*(?:e\s+)?[\d.]{4,14}(?:-[\dx])?)(?!\w)"
)
_ACCOUNT_AT = re.compile(
    rf"\bconta(?:\s+(?:corrente|poupanca|salario|dela|dele))?\s*(?::|e|eh|numero)\s+(?P<value>\d[\d.]{{4,12}}\d)"
    rf"(?=\s*,?\s*(?:n[oa]|d[oae]|banco|op)?\s*{_BANKS}\b)"
)
_SAID = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_SAID_ACCOUNT = re.compile(
    rf"\b(?:conta\s+(?:corrente|poupanca|salario)|poupanca)[\s,:]+(?:(?:numero|e|eh)[\s,:]+)*"
    rf"(?P<value>(?:(?:{_SAID}|\d+)\b[\s,]*(?:e\s+)?){{4,14}}(?:(?:digito|traco)\s+(?:{_SAID}|\d|x)\b)?)"
)
_BACKUP = re.compile(
    r"\bcodigos?\s+(?:d[aeo]\s+(?:backup|recuperacao|emergencia|reserva)|(?:pra|para)\s+(?:resetar|redefinir|recuperar|entrar"
    r"|acessar|desbloquear|liberar)[^:\n?!\d]{0,24}?)\s*(?::|sao|e|eh)\s+(?P<value>(?=[a-z0-9-]{4})[a-z0-9-]*\d[a-z0-9-]*"
    r"(?:[ ,]+(?:e\s+)?(?=[a-z-]*\d)[a-z0-9-]{3,12})*)(?!\w)"
)
_EXPIRY = re.compile(
    r"\b(?:validade|val\.?|venc(?:e|imento)|valido\s+ate|expira)\b\s*(?:em|:|e|eh)?\s*(?P<value>(?:0[1-9]|1[0-2])/(?:20)?\d\d)(?![\d/])"
)
_CARD_NEAR = re.compile(r"\b(?:cvv|cvc)\b|\bcodigo de seguranca\b|\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,4}")
_PASSED_ON = re.compile(rf"\b(?:deposit\w+|transfere|transfira|conta|agencia|{_BANKS})\b")

_FORMS: tuple[tuple[tuple[str, ...], re.Pattern[str], Kind, float], ...] = (
    (("carteir", "convenio", "plano de saude"), _PLAN, Kind.DOCUMENT, 0.96),
    (("rne", "rnm"), _FOREIGNER, Kind.DOCUMENT, 0.92),
    (("matricula", "ra ", "registro academico"), _ENROLLED, Kind.DOCUMENT, 0.96),
    (("rg", "identidade"), _STATE_CARD, Kind.RG, 0.96),
    (("8955",), _SIM, Kind.DOCUMENT, 0.9),
    (("-",), _RECOVERY, Kind.KEY, 0.97),
    (("ag",), _BRANCH_OP, Kind.ACCOUNT, 0.965),
    (("conta",), _ACCOUNT_AT, Kind.ACCOUNT, 0.9),
    (("conta", "poupanca"), _SAID_ACCOUNT, Kind.ACCOUNT, 0.85),
    (("0xx",), _CARRIER, Kind.PHONE, 0.9),
    (("codigo",), _BACKUP, Kind.PASSWORD, 0.95),
)


def find_named_codes(source: ScannedText) -> Iterator[Finding]:
    """Every number of these kinds."""
    folded = source.folded
    for words, pattern, kind, score in _FORMS:
        if any(word in folded for word in words):
            yield from (_finding(match, kind, score) for match in pattern.finditer(folded))
    if "/" in folded:
        if _PASSED_ON.search(folded):
            yield from (_finding(match, Kind.ACCOUNT, 0.9) for match in _BRANCH_SLASH.finditer(folded))
        if _CARD_NEAR.search(folded):
            yield from (_finding(match, Kind.CARD, 0.8) for match in _EXPIRY.finditer(folded))


def _finding(match: re.Match[str], kind: Kind, score: float) -> Finding:
    start = match.start("value")
    value = match["value"].rstrip(" ,.")
    return Finding(kind, start, start + len(value), re.sub(r"[^a-z0-9]", "", value), score)
