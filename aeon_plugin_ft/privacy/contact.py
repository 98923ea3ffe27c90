"""E-mail addresses, written and said ("joão ponto silva arroba gmail ponto com")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.text import ScannedText

_WRITTEN = re.compile(r"[\w.%+\-]{1,64}@(?:[\w\-]{1,63}\.){1,8}[a-z]{2,24}\b", re.IGNORECASE)
_JOINTS = r"ponto|underline|underscore|sublinhado|traco|tracinho|hifen|menos|mais"
_PROVIDERS = r"gmail|hotmail|outlook|yahoo|live|icloud|uol|bol|terra|ig|globo|proton|protonmail|zipmail|msn|me"
_SPOKEN_DOMAIN = (
    rf"\w+(?:\s+(?:{_JOINTS})\s+\w+){{0,4}}?\s+ponto\s+(?:com|net|org|gov|edu|br|dev|io|me|app|art|adv|eng)\b"
    r"(?:\s+ponto\s+[a-z]{2}\b)?"
)
_DOMAIN = rf"(?:{_SPOKEN_DOMAIN}|(?:{_PROVIDERS})(?:\s*\.\s*com(?:\s*\.\s*br)?)?\b|[\w\-]+(?:\.[\w\-]+)+)"
_SPOKEN = re.compile(rf"(?P<local>\w[\w.\-]*(?:\s+(?:{_JOINTS})\s+\w+){{0,8}})\s+arroba\s+(?P<domain>{_DOMAIN})")
_HALF_SPOKEN = re.compile(rf"[\w.%+\-]{{1,64}}@(?:{_SPOKEN_DOMAIN})")
_ANNOUNCED = re.compile(
    r"(?:e-?mail|mail|pix|endereco|login|conta)\b[^.,!?\n]{0,24}?\b(?:e|eh|para|pra|pro|:)\s+(?=\S)|:\s*"
)
_MAX_SPELLED = 20


_AT_SIGN = r"\s*(?:\[(?:at|arroba)\]|\((?:at|arroba)\)|\{(?:at|arroba)\})\s*"
_DOT_SIGN = r"(?:\s*[\[({](?:dot|ponto)[\])}]\s*|\.)"
_DISGUISED = re.compile(
    rf"[\w.%+\-]{{1,64}}{_AT_SIGN}[\w\-]{{1,63}}(?:{_DOT_SIGN}[a-z]{{2,24}}){{1,4}}\b"
    r"|[\w.%+\-]{1,64}\s+at\s+[\w\-]{1,63}(?:\s+dot\s+[a-z]{2,24}){1,4}\b"
)
_APART = re.compile(
    rf"[\w.%+\-]{{1,64}}\s?@\s?(?:(?:{_PROVIDERS})\s?\.\s?com(?:\s?\.\s?br)?|uol\s?\.\s?com\s?\.\s?br)\b"
)
_EXAMPLE = re.compile(
    r"(?:exemplo|example|usuario|user|nome|name|fulano|beltrano|ciclano|email|e-mail|seu[._-]?(?:nome|e-?mail)|your[._-]?\w*"
    r"|test|teste|foo|bar|xxx+|abc|no-?reply|nao-?responda)@.*|git@(?:github|gitlab|bitbucket)\..*"
)
"""What manuals and programs write."""


def _is_example(address: str) -> bool:
    return _EXAMPLE.fullmatch(address.lower()) is not None


def find_emails(source: ScannedText) -> Iterator[Finding]:
    """Every e-mail address."""
    # Each pattern runs only where its one sure sign is there: they are long, and most texts have neither.
    if "@" in source.raw:
        for match in _WRITTEN.finditer(source.raw):
            if _is_example(match.group()):
                continue
            start = match.start() + len(match.group()) - len(match.group().lstrip("."))
            yield Finding(Kind.EMAIL, start, match.end(), match.group().lstrip(".").lower(), 0.95)
        for match in _APART.finditer(source.folded):
            yield Finding(Kind.EMAIL, match.start(), match.end(), match.group().replace(" ", ""), 0.9)
        for match in _HALF_SPOKEN.finditer(source.folded):
            yield Finding(Kind.EMAIL, match.start(), match.end(), re.sub(r"\s+", " ", match.group()), 0.9)
    if " at " in source.folded or "at]" in source.folded or "at)" in source.folded or "arroba" in source.folded:
        for match in _DISGUISED.finditer(source.folded):
            yield Finding(Kind.EMAIL, match.start(), match.end(), re.sub(r"\s+", " ", match.group()), 0.9)
    if "arroba" in source.folded:
        for match in _SPOKEN.finditer(source.folded):
            start = _spelled_from(source, match.start("local"))
            value = re.sub(r"\s+", " ", source.folded[start : match.end()])
            yield Finding(Kind.EMAIL, start, match.end(), value, 0.9)


def _spelled_from(source: ScannedText, start: int) -> int:
    """A name of several words, or one that is spelled out, begins where "meu e-mail é" ends."""
    window = source.folded[max(0, start - 100) : start]
    announced = list(_ANNOUNCED.finditer(window))
    if not announced or '"' in window[announced[-1].end() :]:
        return _letters_back(source, start)
    spelled = window[announced[-1].end() :]
    return start - len(spelled) if len(spelled.split()) <= _MAX_SPELLED else start


def _letters_back(source: ScannedText, start: int) -> int:
    letters = re.search(r"(?:\b\w\s+)+$", source.folded[max(0, start - 60) : start])
    return start - len(letters.group()) if letters else start
