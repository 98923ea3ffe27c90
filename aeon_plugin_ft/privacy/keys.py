"""What opens doors: API keys, links with tokens, PIX codes, company numbers with letters, passwords said aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy import checks
from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.text import ScannedText

_KEYS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|(?<![\w-])(?:"
    r"sk-(?:proj-|ant-|or-v1-|svcacct-)?[\w-]{16,}|gsk_\w{16,}|hf_\w{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_\w{20,}|pypi-[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|[sr]k_(?:live|test)_\w{10,}|APP_USR-[\w-]{16,}|EAA[A-Za-z0-9]{30,}|dop_v1_\w{20,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?|\d{8,10}:AA[\w-]{30,}|whsec_\w{16,}|nvapi-[\w-]{20,}|r8_\w{20,}|pplx-\w{20,}"
    r")"
)
_NAMED_KEY = re.compile(
    r"(?:api[ _-]?key|chave (?:d[aeo] )?(?:api|acesso|licenca|openai|groq|aws|servico)|chave do windows"
    r"|(?:access|secret)[ _-]?key|(?:client|webhook)[ _-]?secret|(?:(?:access|refresh|auth)[ _-]?)?token|bearer)"
    r"(?:\s+(?:d[aeo]|pra|para)\s+\w+)?[\"']?\s*(?:[:=]|eh?\s|:?\s)\s*[\"']?(?P<value>[\w\-+/=.]{12,})"
)
_URL = re.compile(r"\b[a-z][a-z0-9+.\-]{1,12}://[^\s<>\"'\\\]]+", re.IGNORECASE)
_SECRET_QUERY = re.compile(
    r"[?&#;](?:[\w.-]*(?:token|key|secret|senha|password|passwd|pwd|auth|sig|signature|session|sid|jwt|credential|hash|invite|otp|ticket)|code|pass|k|t)=[^&#\s]{4,}",
    re.IGNORECASE,
)
_SECRET_PATH = re.compile(
    r"/(?=[\w\-]*\d)(?=[\w\-]*[a-z])(?=[\w\-]*[A-Z])[\w\-]{20,}(?=[/?#]|$)|/bot\d+:"
    r"|/(?:webhooks?|hooks?|services|invite|reset|join|token|confirm|verify)/[\w/\-]{16,}"
)
_USERINFO = re.compile(r"://[^/\s@]+:[^/\s@]+@")
_UUID = re.compile(
    r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-(?P<version>[0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])"
)
_BR_CODE = re.compile(r"000201[\w.\-*/ @+]{0,40}?br\.gov\.bcb\.pix[\w.\-*/ @+$%:]{0,400}?6304[0-9a-f]{4}")
_ALPHANUMERIC_CNPJ = re.compile(
    r"(?<![\w.-])(?=[\d./-]*[a-z])[a-z0-9]{2}\.?[a-z0-9]{3}\.?[a-z0-9]{3}/?[a-z0-9]{4}-?\d{2}(?![\w-]|\.\w)"
)
_ACCOUNT = re.compile(
    r"(?P<value>\bag(?:encia|\.)?\s*:?\s*(?:e\s+)?\d{3,5}(?:-[\dx])?[\s,;/e]*(?:conta|c/?c|cc)(?:\s+(?:corrente|poupanca))?\s*:?\s*(?:e\s+)?\d{4,12}(?:-[\dx])?"
    r"|\bconta\s+(?:corrente|poupanca|bancaria|salario)?\s*(?:e\s+|numero\s+|:\s*)*\d{4,12}-[\dx]\b)"
)
_PASSPORT = re.compile(r"\bpassaporte\b[^.,;!?\n]{0,20}?\b(?P<value>[a-z]{2} ?\d{6})\b")
_DIGIT = re.compile(r"\d")
_CVV = re.compile(r"\b(?:cvv|cvc|codigo de seguranca)\b\D{0,12}?(?P<value>\d{3,4})\b")


def find_keys(source: ScannedText) -> Iterator[Finding]:
    """Keys of known services by their shape, and long values that are called a key or a token."""
    for match in _KEYS.finditer(source.raw):
        yield Finding(Kind.KEY, match.start(), match.end(), match.group(), 1.0)
    for match in _NAMED_KEY.finditer(source.folded):
        start, end = match.span("value")
        value = source.raw[start:end].rstrip(".")
        # "o token expirou ontem": a word alone is no key, unless it is too long for one.
        if re.search(r"\d", value) and (re.search(r"[a-zA-Z]", value) or len(value) >= 16):
            yield Finding(Kind.KEY, start, start + len(value), value, 0.9)


def find_links(source: ScannedText) -> Iterator[Finding]:
    """Links that carry a password, a token, or a secret path."""
    for match in _URL.finditer(source.raw):
        # The sentence's own end, not the link's.
        link = match.group().rstrip(".,;:!?)")
        if _USERINFO.search(link) or _SECRET_QUERY.search(link) or _SECRET_PATH.search(link):
            yield Finding(Kind.URL, match.start(), match.start() + len(link), link, 1.0)


def find_codes(source: ScannedText) -> Iterator[Finding]:
    """PIX codes and random keys, the new company numbers, bank accounts, card security codes."""
    folded, dashes = source.folded, source.raw.count("-")
    if "br.gov.bcb" in folded:
        for match in _BR_CODE.finditer(folded):
            yield Finding(Kind.PIX, match.start(), match.end(), match.group(), 1.0)
    if dashes >= 4:
        for match in _UUID.finditer(folded):
            # Random PIX keys are UUIDs of version 4; other versions are any program's.
            if match["version"] == "4" or "pix" in source.before(match.start()):
                yield Finding(Kind.PIX, match.start(), match.end(), match.group(), 0.9)
    if not _DIGIT.search(folded):
        return
    yield from _companies(source)
    for words, pattern, kind, score in _NAMED_CODES:
        if any(word in folded for word in words):
            for match in pattern.finditer(folded):
                value = re.sub(r"[^a-z0-9]", "", match["value"])
                yield Finding(kind, match.start("value"), match.end("value"), value, score)


def _companies(source: ScannedText) -> Iterator[Finding]:
    """Company numbers with letters in them, valid since July 2026; plain ones are numbers like others."""
    for match in _ALPHANUMERIC_CNPJ.finditer(source.folded):
        code = re.sub(r"[./-]", "", match.group()).upper()
        if checks.is_cnpj(code):
            yield Finding(Kind.CNPJ, match.start(), match.end(), code, 0.9)


_NAMED_CODES = (
    (("conta", "ag"), _ACCOUNT, Kind.ACCOUNT, 0.96),
    (("passaporte",), _PASSPORT, Kind.DOCUMENT, 0.9),
    (("cvv", "cvc", "seguranca"), _CVV, Kind.PASSWORD, 0.8),
)
