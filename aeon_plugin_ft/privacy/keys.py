"""What opens doors: API keys, links with tokens, PIX codes, company numbers with letters, passwords said aloud."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy import checks
from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.number_words import UNITS
from aeon_plugin_ft.privacy.text import ScannedText

_KEYS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|(?<![\w-])(?:"
    r"sk-(?:proj-|ant-|or-v1-|svcacct-)?[\w-]{16,}|gsk_\w{16,}|hf_\w{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_\w{20,}|pypi-[\w-]{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|[sr]k_(?:live|test)_\w{10,}|APP_USR-[\w-]{16,}|EAA[A-Za-z0-9]{30,}|dop_v1_\w{20,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?|\d{8,10}:AA[\w-]{30,}|whsec_\w{16,}|nvapi-[\w-]{20,}|r8_\w{20,}|pplx-\w{20,}"
    r"|xai-\w{20,}|GOCSPX-[\w-]{16,}|\$aact_[\w=:-]{16,}|PMAK-[0-9a-f]{24}-[0-9a-f]{16,}|hvs\.[\w-]{20,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,}|[a-z]{2,12}(?:_[a-z]{2,8}){0,2}_(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24,}"
    r")"
)
_NAMED_KEY = re.compile(
    r"(?:api[ _-]?key|chave (?:d[aeo] )?(?:api|acesso|licenca|openai|groq|aws|servico)|chave do windows"
    r"|chave privada|private[ _-]?key|chave de recuperacao"
    r"|(?:access|secret|account|shared[ _-]?access)[ _-]?key|(?:client|webhook|consumer)[ _-]?secret"
    r"|(?:(?:access|refresh|auth)[ _-]?)?token|bearer)"
    r"(?:\s+(?:d[aeo]|pra|para)\s+\w+)?[\"']?\s*(?:[:=]|eh?\s|:?\s)\s*[\"']?(?P<value>[\w\-+/=.~]{12,})"
)
_BASE58 = re.compile(r"(?<!\w)[1-9A-HJ-NP-Za-km-z]{26,52}(?!\w)")
"""What a Bitcoin or Tron address or private key is made of; its check bytes say whether it is one."""
_WITH_USER = re.compile(r"(?<!\S)(?:-u|--user)[ =][\"']?(?P<value>[\w.@-]+:[^\s@\"']{4,})")
"""curl's name and password."""
_BASIC = re.compile(r"\bauthorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+(?P<value>[\w\-+/=.]{8,})")
_WALLET = re.compile(r"(?<!\w)(?:0x[0-9a-fA-F]{40}|bc1[ac-hj-np-z02-9]{25,59})(?!\w)")
_IBAN = re.compile(r"(?<!\w)[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}(?: ?[a-z0-9]{1,3})?(?!\w)")
_URL = re.compile(r"\b[a-z][a-z0-9+.\-]{1,12}://[^\s<>\"'\\\]]+", re.IGNORECASE)
_SECRET_QUERY = re.compile(
    r"[?&#;](?:[\w.-]*(?:token|secret|senha|password|passwd|pwd|auth|sig|signature|jwt|credential|invite)|pass)=[^&#\s]{4,}"
    r"|[?&#;](?:[\w.-]*(?:key|session|sid|hash|otp|ticket)|code|k|t)="
    r"(?:(?=[^&#\s]*\d)(?=[^&#\s]*[a-z])[^&#\s]{6,}|[^&#\s]{16,}|\d{6,})",
    re.IGNORECASE,
)
"""A key, code or session that is a word ("key=sapato", "code=pt-BR") is no secret."""
_SECRET_PATH = re.compile(
    r"/(?=[\w\-]*\d)(?=[\w\-]*[a-z])(?=[\w\-]*[A-Z])[\w\-]{20,}(?=[/?#]|$)|/bot\d+:"
    r"|//(?:chat\.whatsapp\.com|discord\.gg|t\.me)/\+?(?=[\w-]*\d|[\w-]*[a-z][A-Z])[\w-]{7,}|//wa\.me/\d{8,}"
    r"|//(?:api|web)\.whatsapp\.com/send/?\?phone=\+?\d{8,}"
    r"|/d/[\w-]{25,}|/(?:webhooks?|hooks?|services|invite|reset|join|token|confirm|verify)/[\w/\-]{16,}"
)
_INVITE = re.compile(
    r"(?<![\w/.])(?:wa\.me/\d{8,15}|(?:t\.me|discord\.gg|chat\.whatsapp\.com)/\+?(?=[\w-]*\d|[\w-]*[a-z][A-Z])[\w-]{7,})"
)
"""An invitation or a number without "https://" in front."""
_PUBLIC_PATH = re.compile(
    r"https?://(?:open\.spotify\.com|(?:www\.)?youtube\.com|(?:www\.)?amazon\.com(?:\.br)?)/", re.IGNORECASE
)
_USERINFO = re.compile(r"://[^/\s@]+:[^/\s@]+@")
_UUID = re.compile(
    r"(?<![\w-])[0-9a-f]{8}-[0-9a-f]{4}-(?P<version>[0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(?![\w-])"
)
_BR_CODE = re.compile(r"000201[\w.\-*/ @+]{0,40}?br\.gov\.bcb\.pix[\w.\-*/ @+$%:]{0,400}?6304[0-9a-f]{4}")
_BR_CODE_CUT = re.compile(r"000201[\w.\-*/ @+]{0,40}?br\.gov\.bcb\.pix[\w.\-*/@+$%:]*")
"""One that was cut off has the key all the same."""
_BARE_UUID = re.compile(r"(?<![\w-])[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?![\w-])")
_ALPHANUMERIC_CNPJ = re.compile(
    r"(?<![\w.-])(?=[a-z0-9./ -]{0,20}[a-z])[a-z0-9]{2}[. ]?[a-z0-9]{3}[. ]?[a-z0-9]{3}"
    r"[/ ]?[a-z0-9]{4}[- ]?\d{2}(?![\w-]|\.\w)"
)
_BRANCH = r"\bag(?:encia|\.)?\s*:?\s*(?:e\s+)?"
_ACCOUNT_NUMBER = r"\d(?:[\d.]{2,14}\d)(?:-[\dx])?"
_ACCOUNT = re.compile(
    rf"(?P<value>{_BRANCH}\d{{3,5}}(?:-[\dx])?[\s,;/e]*(?:conta|c/?c|cc|cp)"
    rf"(?:\s+(?:corrente|poupanca))?\s*:?\s*(?:e\s+)?{_ACCOUNT_NUMBER}"
    rf"|\bconta:?\s*\d{{3,5}}\s+conta\s+{_ACCOUNT_NUMBER}"
    r"|\b(?:conta(?:\s+(?:corrente|poupanca|bancaria|salario))?|poupanca)\s*(?:e\s+|numero\s+|:\s*)*[\d.]{4,14}-[\dx]\b)"
)
_NUMBER_WORD = "|".join(sorted(NUMBER_WORDS | {"digito", "traco", "e"}, key=len, reverse=True))
_SAID_NUMBER = rf"(?:(?:{_NUMBER_WORD}|\d+)\b[\s,]*)+"
_SAID_ACCOUNT = re.compile(
    rf"(?P<value>\bagencia\s+(?:e\s+)?{_SAID_NUMBER}(?:e\s+)?(?:a\s+)?conta\s+"
    rf"(?:corrente\s+|poupanca\s+)?(?:e\s+)?{_SAID_NUMBER})"
)
_PASSPORT = re.compile(r"\bpassaporte\b[^.;!?]{0,20}?\b(?P<value>[a-z]{2} ?\d{6})\b")
_DIGIT = re.compile(r"\d")
_CHASSIS = re.compile(r"\bchassi\b[^.;!?]{0,16}?\b(?P<value>(?=[a-z0-9]*\d)[a-hj-npr-z0-9]{17})\b")
_WORK_CARD = re.compile(r"\b(?:ctps|carteira de trabalho)\b\D{0,20}?(?P<value>\d{5,11}(?:\s*,?\s*serie\s+\d{1,5})?)")
_CERTIFICATE = re.compile(
    r"\bcertidao\b[^\d]{0,40}?(?P<value>\d{6} ?\d\d ?\d\d ?\d{4} ?\d ?\d{5} ?\d{3} ?\d{7} ?-?\d\d)"
)
_UNIT = "(?:" + "|".join(UNITS) + ")"
_CVV = re.compile(
    rf"\b(?:cvv|cvc|codigo de seguranca)\b(?:\W+(?:e|eh|o|d[oe] (?:meu |seu |teu )?cartao))*\W+(?P<value>\d{{3,4}}\b"
    rf"|{_UNIT}(?:\s+{_UNIT}){{2,3}}\b)"
)
_CVV_BEFORE = re.compile(r"(?<![\w.,-])(?P<value>\d{3,4})\s*,?\s+(?:e|eh)\s+o\s+(?:cvv|cvc|codigo de seguranca)\b")


def find_keys(source: ScannedText) -> Iterator[Finding]:
    """Keys of known services by their shape, long values that are called a key or a token, and wallets."""
    for match in _KEYS.finditer(source.raw):
        yield Finding(Kind.KEY, match.start(), match.end(), match.group(), 1.0)
    for match in _WALLET.finditer(source.raw):
        yield Finding(Kind.KEY, match.start(), match.end(), match.group(), 0.9)
    for match in _BASE58.finditer(source.raw):
        if checks.is_base58check(match.group()):
            yield Finding(Kind.KEY, match.start(), match.end(), match.group(), 0.95)
    for match in _WITH_USER.finditer(source.raw) if ":" in source.raw else ():
        yield Finding(Kind.PASSWORD, *match.span("value"), match["value"], 0.95)
    for match in _BASIC.finditer(source.folded):
        start, end = match.span("value")
        yield Finding(Kind.KEY, start, end, source.raw[start:end], 0.95)
    for match in _NAMED_KEY.finditer(source.folded):
        start, end = match.span("value")
        value = source.raw[start:end].rstrip(".")
        # "o token expirou ontem": a word alone is no key, unless it is too long for one.
        if re.search(r"\d", value) and (re.search(r"[a-zA-Z]", value) or len(value) >= 16):
            yield Finding(Kind.KEY, start, start + len(value), value, 0.9)


def find_links(source: ScannedText) -> Iterator[Finding]:
    """Links that carry a password, a token, or a secret path; invitations."""
    for match in _INVITE.finditer(source.raw):
        yield Finding(Kind.URL, match.start(), match.end(), match.group(), 0.99)
    for match in _URL.finditer(source.raw):
        # The sentence's own end, not the link's.
        link = match.group().rstrip(".,;:!?)")
        secret_path = _SECRET_PATH.search(link) and not _PUBLIC_PATH.match(link)
        if secret_path or _USERINFO.search(link) or _SECRET_QUERY.search(link):
            yield Finding(Kind.URL, match.start(), match.start() + len(link), link, 1.0)


def find_codes(source: ScannedText) -> Iterator[Finding]:
    """PIX codes and random keys, the new company numbers, bank accounts, card security codes."""
    folded, dashes = source.folded, source.raw.count("-")
    if "br.gov.bcb" in folded:
        for match in _BR_CODE.finditer(folded):
            yield Finding(Kind.PIX, match.start(), match.end(), match.group(), 1.0)
        for match in _BR_CODE_CUT.finditer(folded):
            yield Finding(Kind.PIX, match.start(), match.end(), match.group(), 0.99)
    if "pix" in folded or "chave" in folded:
        for match in _BARE_UUID.finditer(folded):
            yield Finding(Kind.PIX, match.start(), match.end(), match.group(), 0.9)
    if "conta" in folded and "agencia" in folded:
        for match in _SAID_ACCOUNT.finditer(folded):
            value = match["value"].rstrip(" ,")
            yield Finding(Kind.ACCOUNT, match.start(), match.start() + len(value), value, 0.9)
    if dashes >= 4:
        for match in _UUID.finditer(folded):
            # Random PIX keys are UUIDs of version 4; other versions are any program's.
            if match["version"] == "4" or "pix" in source.before(match.start()):
                yield Finding(Kind.PIX, match.start(), match.end(), match.group(), 0.9)
    if ("cvv" in folded or "cvc" in folded) and not _DIGIT.search(folded):
        yield from (
            Finding(Kind.PASSWORD, *match.span("value"), match["value"], 0.8) for match in _CVV.finditer(folded)
        )
    if not _DIGIT.search(folded):
        return
    for match in _IBAN.finditer(folded):
        if checks.is_iban(match.group()):
            yield Finding(Kind.ACCOUNT, match.start(), match.end(), match.group().replace(" ", ""), 0.97)
    yield from _companies(source)
    for words, pattern, kind, score in _NAMED_CODES:
        if any(word in folded for word in words):
            for match in pattern.finditer(folded):
                value = re.sub(r"[^a-z0-9]", "", match["value"])
                yield Finding(kind, match.start("value"), match.end("value"), value, score)


def _companies(source: ScannedText) -> Iterator[Finding]:
    """Company numbers with letters in them, valid since July 2026; plain ones are numbers like others."""
    for match in _ALPHANUMERIC_CNPJ.finditer(source.folded):
        code = re.sub(r"[./ -]", "", match.group()).upper()
        if checks.is_cnpj(code):
            yield Finding(Kind.CNPJ, match.start(), match.end(), code, 0.9)


_NAMED_CODES = (
    (("conta", "ag", "poupanca"), _ACCOUNT, Kind.ACCOUNT, 0.96),
    (("chassi",), _CHASSIS, Kind.DOCUMENT, 0.9),
    (("ctps", "carteira de trabalho"), _WORK_CARD, Kind.DOCUMENT, 0.91),
    (("certidao",), _CERTIFICATE, Kind.DOCUMENT, 0.97),
    (("cvv", "cvc", "seguranca"), _CVV_BEFORE, Kind.PASSWORD, 0.8),
    (("passaporte",), _PASSPORT, Kind.DOCUMENT, 0.9),
    (("cvv", "cvc", "seguranca"), _CVV, Kind.PASSWORD, 0.8),
)
