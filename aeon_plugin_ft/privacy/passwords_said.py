"""Other ways to tell a secret: "girassol42 é a senha", "usa girassol42 como senha", "g de gato, i, r, a", codes that
came by message, the words of a wallet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.text import ScannedText

_NOUN = r"(?:senha|password|pin|palavra[- ]passe|contras?[- ]?senha)"
_CODE_WORD = r"(?=[^\s\d]*\d|[^\s]*[!@#$%&*_])[\w!@#$%&*+\-.]{3,40}[\w!@#$%&*]"
"""One word with a figure or a sign in it."""
_BEFORE_NAME = re.compile(
    rf"(?<![\w.,/:])(?P<value>{_CODE_WORD})[\"']?\s*,?\s+(?:e|eh)\s+(?:a|o|minha|sua|tua|essa)\s+(?:(?:minha|nova)\s+)?{_NOUN}\b"
)
_AS_PASSWORD = re.compile(
    rf"\b(?:us(?:a|e|ei|o|ar|amos)|bot(?:a|e|ei|ar)|po(?:e|em|nha|r)|pus|coloc(?:a|o|ar)|coloqu(?:e|ei)|deix(?:a|e|ei)|defin(?:e|i|ir))"
    rf"\s+[\"']?(?P<value>{_CODE_WORD})[\"']?\s+(?:como|de)\s+(?:a\s+)?(?:minha\s+)?{_NOUN}\b"
)
_POINTED = re.compile(
    rf"\b{_NOUN}\b[^:\n?!]{{0,40}}?\b(?:essa|esta|seguinte|mesma|aqui|assim|agora)\b[^:\n?!]{{0,16}}:\s*[\"']?(?P<value>[^\s\"',;]{{3,40}}[\w!@#$%&*])"
)
_LETTER = r"[a-z](?:\s+de\s+\w+)?"
_ONE = rf"(?:{_LETTER}|\d+|(?:{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))}))"
_SPELLED = re.compile(
    rf"\b{_NOUN}\b(?:\s+d[aeo]\s+[\w-]+){{0,2}}\s*(?::|(?:e|eh)\s)\s*(?P<value>{_LETTER}\s*,\s*{_ONE}(?:[\s,]+{_ONE}\b)+)"
)
_HOW_WRITTEN = re.compile(
    rf"\b{_NOUN}\b(?:\s+d[aeo]\s+[\w-]+){{0,2}}\s*(?::|(?:e|eh)\s)\s*(?P<value>(?:tudo|toda|com|sem|em)\s+[^,\n]{{3,30}},\s*[^\s,]{{3,40}})"
)
_SAID_BEHIND = re.compile(
    rf"(?<![\w.,/:-])(?P<value>(?!(?:19|20)\d\d\b)\d{{4,8}}|{_CODE_WORD})\s*,\s+(?:(?:e|eh)\s+)?(?:essa\s+(?:e\s+)?)?(?:a\s+|essa\s+)?(?:minha\s+)?{_NOUN}"
    r"\b(?=\s*(?:$|[,.!\n])|\s+(?:digo|ta|viu|anota|d[aeo]\s+(?:portao|wi-?fi|porta|predio|alarme|celular|banco|cofre|cartao|email|site|app))\b)"
)
"""'a do portão é 4471, a senha'."""
_TYPED = re.compile(
    r"\b(?:digit(?:a|e|o|ar|ei)|tecl(?:a|e|o|ar))\s+(?:o\s+|a\s+)?(?P<value>\d{4,8}|\d(?:\s\d){3,7})(?![\w.,]*\d)"
    r"(?=[^\n?!]{0,60}\b(?:senha|codigo|porta|portao|predio|alarme|cofre|elevador|entra|abre)\b)"
)
_TYPED_AT = re.compile(
    r"\b(?:senha|codigo|porta|portao|predio|alarme|cofre|elevador|entrar|abrir)\b[^\n?!]{0,40}?\b(?:digit(?:a|e|o|ar)|tecl(?:a|e|o|ar))\s+"
    r"(?:o\s+|a\s+)?(?P<value>\d{4,8}|\d(?:\s\d){3,7})(?![\w.,]*\d)"
)
_OTHER_ONE = re.compile(
    rf"\b{_NOUN}\b[^\n?!]{{0,60}}?\be\s+a\s+(?:nova|antiga|outra|atual|d[aeo]\s+\w+)\s+(?:e|eh|era|ficou|:)\s+(?P<value>{_CODE_WORD}|\d{{4,8}})"
)
_WITH_LOGIN = re.compile(rf"\b(?:login|user|usuario|username)\b[^\n?!]{{1,40}}?\bpass\s+(?P<value>{_CODE_WORD})")
_WIFI_CODE = re.compile(r"\bwifi:(?:[a-z]:[^;\n]*;)*?p:(?P<value>[^;\n]{4,63})(?=;|$)")
"""What the picture of a network holds (the format of ZXing, "MECARD")."""
_CLOSING = re.compile(r"(?<![\w.,/:])(?P<value>\d{4,8})\s*,?\s+(?:e|eh)\s+o\s+pin\b")
_ONE_TIME = re.compile(
    r"\b(?:(?:seu|meu|teu|o)\s+)?codigo\b(?!\s+(?:postal|civil|penal|de\s+(?:barras|area|defesa|conduta|etica|transito)|d[aeo]\s+"
    r"(?:erro|produto|ibge|cupom|banco central)))"
    r"(?:\s+(?:d[aeo]|que|pra|para|por|no|pelo)\s+[\w-]+(?:\s+[\w-]+){0,4}?)?\s*(?::|(?:e|eh)\s)\s*"
    r"(?P<value>[a-z]-\d{4,8}|\d{3}[ -]\d{3}|\d{4,8}|\d(?:\s\d){3,7})(?![\w.,-]*\d)"
)
_CODE_BEFORE = re.compile(r"(?<![\w.,/:])(?:[a-z]-)?(?P<value>\d{4,8})\s+(?:e|eh)\s+(?:o\s+)?(?:seu|meu)\s+codigo\b")
_NAMED_CODE = re.compile(
    r"\b(?:token\s+d[aeo]\s+(?:banco|app|aplicativo|\w+)|codigo\s+d[aeo]\s+(?:sms|whatsapp|seguranca|acesso|verificacao)"
    r"|(?:o\s+)?segredo\s+d[aeo]\s+(?:cofre|cadeado))(?:\s*(?::|e|eh))?\s+(?P<value>\d(?:\s\d){3,7}|\d{2,8}(?:[\s-]\d{1,4}){0,6})(?![\w.,]*\d)"
)
_TURNS = re.compile(
    r"\b(?:cofre|cadeado|segredo)\b[^\n?!]{0,12}?(?P<value>(?:(?:direita|esquerda)\W+\d{1,3}[\s,]*(?:e\s+)?){2,6})"
)
"""A combination lock."""
_COMBINATION = re.compile(
    r"\b(?:combinacao|segredo)\s+d[aeo]\s+(?:cofre|cadeado|mala|armario)\b(?:\s+d[aeo]\s+\w+)?\s*(?::|e|eh)\s+"
    r"(?P<value>\d{1,3}(?:[\s,-]+(?:(?:direita|esquerda)[\s,]*)?(?:e\s+)?\d{1,3}){1,5}(?:[\s,]+(?:direita|esquerda))?)(?!\w)"
)
_WIFI = re.compile(rf"\bwi-?fi\b\s*:?\s*[^/\n]{{1,30}}/\s*(?P<value>{_CODE_WORD})")
_WORDS_OF = r"[a-z]{3,10}(?:[ ,]+[a-z]{3,10}){11,23}"
_WALLET_WORDS = re.compile(
    r"\b(?:seed(?:\s+phrase)?(?:\s+d[aeo]\s+\w+)?|frase\s+(?:semente|secreta|de\s+recuperacao|mnemonica)"
    rf"|(?:doze|12|vinte e quatro|24)\s+palavras(?:\s+d[aeo]\s+\w+)?)"
    rf"\s*(?::|(?:e|eh|sao)(?::|\s))\s*(?P<value>{_WORDS_OF})\b"
)
_FORMS = (
    (("senha", "password", "pin", "passe"), (_BEFORE_NAME, _AS_PASSWORD, _POINTED, _SPELLED, _HOW_WRITTEN, _CLOSING)),
    (("senha", "password", "pin", "passe"), (_SAID_BEHIND, _OTHER_ONE)),
    (("digit", "tecl"), (_TYPED, _TYPED_AT)),
    (("pass ",), (_WITH_LOGIN,)),
    (("wifi:",), (_WIFI_CODE,)),
    (("codigo", "token", "segredo"), (_ONE_TIME, _CODE_BEFORE, _NAMED_CODE)),
    (("cofre", "cadeado", "segredo", "combinacao"), (_TURNS, _COMBINATION)),
    (("wifi", "wi-fi"), (_WIFI,)),
    (("seed", "frase", "palavras"), (_WALLET_WORDS,)),
)


def find_said_passwords(source: ScannedText) -> Iterator[Finding]:
    """Every secret that is told in one of these ways."""
    for words, forms in _FORMS:
        if not any(word in source.folded for word in words):
            continue
        for form in forms:
            for match in form.finditer(source.folded):
                start, end = match.span("value")
                value = source.raw[start:end].rstrip(" .,\"'")
                if value:
                    yield Finding(Kind.PASSWORD, start, start + len(value), value, 0.93)
