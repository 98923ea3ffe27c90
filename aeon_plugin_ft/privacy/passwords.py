"""Passwords, said aloud or written: "minha senha é girassol42", "a senha do wifi é quatro três dois um"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aeon_plugin_ft.privacy.model import Finding, Kind
from aeon_plugin_ft.privacy.number_words import ALL as NUMBER_WORDS
from aeon_plugin_ft.privacy.passwords_said import find_said_passwords
from aeon_plugin_ft.privacy.text import ScannedText, vocabulary

_NAME = (
    r"(?:senhas?|password|passwd|passphrase|pwd|pin|puk|palavra[- ]passe"
    r"|palavra (?:secreta|de seguranca)(?=\s+d[aeo]\s+(?:familia|casa|alarme|cofre|conta)|\s+que\s+(?:eu|a gente))"
    r"|contras?[- ]?senha|pass(?=\s*[:=])|seed phrase"
    r"|frase (?:secreta|semente)"
    r"|codigo do (?:cofre|alarme|portao|celular|sms)"
    r"|codigo de (?:verificacao|confirmacao|acesso))"
)
_OF = (
    r"(?:\s+(?:nova|antiga|atual|mestra|mestre|padrao|certa|correta|secreta))?"
    r"(?:\s+(?:d[aeo]s?|n[ao]|pr[ao]|para\s+[oa])\s+(?:meus?|minhas?|seus?|suas?|[ao]\s+)?\s*(?![a-z]+[\d_])[\w\-./]+"
    r"(?:\s+d[aeo]\s+\w+)?){0,2}(?:\s+(?:la|aqui|daqui|ali)(?:\s+(?:d[aeo]|em|n[ao])\s+\w+)?)?"
)
_IS = (
    r"(?:\s+(?:q|que)\s+(?:eu\s+)?\w+(?:\s+(?:n[ao]s?|em|pr[ao]|d[aeo])\s+\w+)?\s+(?:e|eh)\s+"
    r"|(?:\s+\w+)?[\"']?\s*(?:=(?!=)|:|->)\s*)"
    r"|\s+(?P<verb>e|eh|is|agora\s+e|virou|mudou\s+pr[ao])\s*:?\s+"
    r"|\s+(?P<past>sera|vai\s+ser|ficou|continua|era|foi)\s*:?\s+"
    r"|(?P<bare>\s+)(?=\S*\d)"
)
_CHANGES = (
    r"(?:troqu(?:ei|e|ou)|mud(?:ei|e|ou|a)|troca|alter(?:ei|e|ou|a)|coloqu(?:ei|e)|coloca|bot(?:ei|a|e)|defin(?:i|e|a))"
)
_SAID = re.compile(rf"(?:(?<!\w)|(?<=[a-z]_)(?=passw|pwd|senha)){_NAME}{_OF}(?:{_IS})(?P<value>[^\n]{{1,80}})")
_CHANGED = re.compile(
    rf"{_CHANGES}\s+(?:a\s+|minha\s+|essa\s+|como\s+)*{_NAME}{_OF}\s+(?:pr[ao]|para|como|por)\s+(?P<value>[^\n]{{1,80}})"
)
_WITH = re.compile(
    r"(?:entr(?:a|o|e|ar)|log(?:a|o|ue|ar)|acess(?:a|o|e|ar))\s+com\s+(?:a\s+)?senha\s+(?P<value>[^\n]{1,80})"
)
_ASKED = re.compile(
    r"(?<!\w)(?:qual|quais|lembra|sabe|cade|diz|diga|fala|fale|passa|passe|manda|mande|mostra|esqueci|quero|preciso)(?!\w)"
    r"[^?!.\n]{0,40}?(?<!\w)(?:senhas?|password|palavra[- ]passe|contra[- ]?senha"
    r"|codigo do (?:cofre|alarme|portao|celular))(?!\w)"
)
_BARE = re.compile(r"(?<!\w)[\w!@#$%&*+\-.]{3,39}\w(?!\w)")
_CLOCK = re.compile(r"\d{1,2}h\d{2}")
_MEASURE = re.compile(r"\d+(?:[.,]\d+)?(?:[GMK]?Hz|[GMKT]B|Mbps|mega|m|cm|km|kg|V|W|h|%)", re.IGNORECASE)
_MODEL = re.compile(
    r"\b(?:modelo|vers[aã]o|canal|firmware|s[eé]rie|andar|p[aá]gina)\s+(?:[\w-]+\s+){0,2}$", re.IGNORECASE
)
_ANSWER_CHARS = 160
"""A longer answer says more than the password, and explains what its numbers are."""
_CLAUSE_END = re.compile(
    r"[,;\n\"”{}<>\]\\]|[!?](?![\w!?@#$%&*])|\.(?:\s|$)"
    r"|\s(?:e|mas|porque|pra|para|que|guarda|anota|lembra|nao|ta|ok|viu|beleza|por|salva|quando|so|depois|ai|aeon"
    r"|obrigado|valeu)(?=\s|$)"
)
_TICKET = re.compile(r"[a-z]{0,2}\d{1,4}")
_QUEUE = re.compile(
    r"\b(?:cham(?:ou|aram|a|ada)|pegu?(?:ei|a|ou)|retir(?:ei|a|ou)|fila|painel|guiche|senha d[ae] (?:fila|espera))\b"
)
"""A number in a queue is a "senha" too."""
_CODE = re.compile(r"[\w.]+[\[(]")
_CODE_WORDS = vocabulary(
    "bool int none null str string bytes value password input field text true false optional secret"
)
_SAID_ABOUT = vocabulary(
    "minimo maximo caracteres letras numeros numero simbolos maiuscula maiusculas login usuario obrigatorio"
    " obrigatorios obrigatoria opcional case sensitive pelo pela aplicativo fila guiche intransferivel confirmar"
    " botao enviar env failure piada lenda historia problema parte sistema use usar deve precisa tem ter ser foi vai"
    " pode quem quando reinicia reiniciar esqueci agora biometria digital facial email e-mail telefone celular cpf"
    " codigo pin senha banco palavra antiga"
    " alguem ninguem todo toda todos prioridade preferencial chave seguranca acesso conta"
    " padrao fabrica roteador modem data nome aniversario gata gato cachorro filho filha mae pai"
)
"""What a password is said to be or to have, in talk about passwords."""
_INSIDE = vocabulary(
    "de da do com sem por para pra em no na nos nas ao aos pelo pela que quem se ou nem como quando onde"
)
_QUALITY = re.compile(r"\w{3,}(?:ndo|vel|veis|oso|osa|ivo|iva|ario|aria|orio|oria)|\w{3,}[aei]d[ao]s?")
_QUOTES = "\"'“”‘’`"
_SHORTEST_BARE = 4
_ORDINARY = vocabulary(
    "muito muita mais menos bem tao fraca forte fracas fortes boa ruim otima pessima igual mesma mesmo nova velha"
    " antiga dificil facil longa curta grande pequena secreta segura insegura importante pessoal obrigatoria necessaria"
    " invalida incorreta errada certa correta essa esta aquela minha tua sua nossa dele dela deles delas coisa algo"
    " que qual como uma um o a os as de do da pra para por so nao sempre nunca ja ainda tipo assim outra outro"
    " diferente unica unico sensivel padrao ruins sagrada sigilo segredo confidencial criptografada guardada salva"
    " trocada mudada esquecida vazada pedida solicitada exigida alterada expirada vencida bloqueada no na nos nas em"
    " onde aqui la ali melhor pior simples complicada complexa temporaria provisoria sigilosa privada publica"
    " impossivel possivel"
)


def find_passwords(source: ScannedText) -> Iterator[Finding]:
    """What is said to be a password; "minha senha é muito fraca" says none."""
    for pattern in (_SAID, _CHANGED, _WITH):
        for match in _each(pattern, source.folded):
            start = match.start("value")
            # The quotes are not part of it; the placeholder stands between them.
            while start < match.end("value") and source.raw[start] in _QUOTES:
                start += 1
            end = _value_end(source, start, match.end("value"))
            value = source.raw[start:end].rstrip(_QUOTES + ". ")
            folded = source.folded[start : start + len(value)]
            if value.strip() and _is_secret(value, folded) and not _is_ordinary_use(source, match, folded):
                yield Finding(Kind.PASSWORD, start, start + len(value), value, 0.92)

    yield from find_said_passwords(source)


def _each(pattern: re.Pattern[str], folded: str) -> Iterator[re.Match[str]]:
    """Every match, also one that begins within the value of the one before: "o pin é 0427 e o puk é 88213940"."""
    match = pattern.search(folded)
    while match:
        yield match
        match = pattern.search(folded, match.start("value"))


def asks_for_password(text: str) -> bool:
    """Whether somebody wants to be told one: "qual é a senha do wifi?". Then a bare "girassol42" is the answer."""
    return _ASKED.search(ScannedText(text).folded) is not None


def find_bare_passwords(text: str) -> Iterator[Finding]:
    """What looks like a password in a short answer to that question: digits, with or without letters."""
    if len(text) > _ANSWER_CHARS:
        return
    for match in _BARE.finditer(text):
        value = match.group()
        told_as_other = _CLOCK.fullmatch(value) or _MEASURE.fullmatch(value) or _MODEL.search(text, 0, match.start())
        if any(char.isdigit() for char in value) and not told_as_other:
            yield Finding(Kind.PASSWORD, match.start(), match.end(), value, 0.1)


def _joins(source: ScannedText, match: re.Match[str]) -> bool:
    """Whether the "e" in front of the value is "and" and no "é": it has no accent."""
    return bool(match.groupdict().get("verb")) and source.raw[match.start("verb")] in "eE" and match["verb"] == "e"


def _may_be_a_password(folded: str) -> bool:
    """Whether words without a figure may be a password, and are not what somebody says about one: "a senha é pessoal e
    intransferível", "senha: mínimo de 8 caracteres", "a senha continua valendo"."""
    words = re.findall(r"[\w-]+", folded)
    if words and words[0] in NUMBER_WORDS:
        return True
    if any(word in _SAID_ABOUT for word in words) or (words and words[0] in _INSIDE):
        return False
    return not (words and _QUALITY.fullmatch(words[0]) and len(words) <= 2)


def _is_ordinary_use(source: ScannedText, match: re.Match[str], folded: str) -> bool:
    """In "a senha foi resetada" something is said about it; in "pin 13 do arduino" a short number follows; in
    "password=get_password()" it is a name in a program."""
    groups = match.groupdict()
    first = folded.split()[0]
    coded = re.search(r"\d|[!@#$%&*_]", first) is not None
    if _joins(source, match) and not coded and first not in NUMBER_WORDS:
        return True
    if not coded and not _may_be_a_password(folded):
        return True
    if _TICKET.fullmatch(first) and _QUEUE.search(source.folded[max(0, match.start() - 40) : match.end()]):
        return True
    if _CODE.match(folded) or (match.group().startswith(("pass", "pwd", "senha:")) and _named_in_code(match, folded)):
        return True
    if groups.get("past") and re.fullmatch(r"\w+[aei]d[ao]s?", first):
        return True
    return bool(groups.get("bare")) and len(re.sub(r"\W", "", first)) < _SHORTEST_BARE


def _named_in_code(match: re.Match[str], folded: str) -> bool:
    """An unquoted name without a digit after "password" and in front of code's punctuation, or a type."""
    value = match.group("value")
    if re.match(r"\s*(?:process|os|self|this|config|settings|env|req|request)\.", value):
        return True
    if re.search(r"[\d\"']", value[: len(folded) + 1]):
        return False
    return bool(re.match(r"\s*[()\[\]{}|,:]", value[len(folded) :])) or folded.split()[0].rstrip(")") in _CODE_WORDS


def _value_end(source: ScannedText, start: int, limit: int) -> int:
    """The end of the clause; number words and joining words of a dictated password do not end it."""
    position = start
    while match := _CLAUSE_END.search(source.folded, position, limit):
        following = source.folded[match.end() : limit].split()
        joins = match.group().strip() == "e" and bool(following) and following[0] in NUMBER_WORDS
        if not joins:
            return match.start()
        position = match.end()
    return limit


def _is_secret(value: str, folded: str) -> bool:
    parts = folded.split()
    if parts[0] in {"a", "o"} and len(parts) > 1 and (len(parts[1]) == 1 or parts[1] in NUMBER_WORDS):
        return True
    if len(parts) > 1 and all(part in NUMBER_WORDS or part.isdigit() for part in parts[:2]):
        return True
    if parts[0].startswith("["):
        return False
    if parts[0] in _ORDINARY or parts[0].strip(".:") in _ORDINARY:
        return False
    if len(parts) > 8 and not any(word in NUMBER_WORDS or re.search(r"\d", word) for word in parts):
        return False
    return len(re.sub(r"\W", "", value)) >= 3 or any(word in NUMBER_WORDS for word in parts)
