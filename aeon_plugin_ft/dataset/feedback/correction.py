"""Corrections: "não, o certo é 9h30", "é Joinville, não Florianópolis", "eu disse dez minutos, não vinte"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aeon_plugin_ft.privacy.folding import fold_in_place


@dataclass(frozen=True, slots=True)
class Corrected:
    """What is right, in the owner's words, and what was wrong, where that was said too."""

    right: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to correct. `explicit`: it says that something was wrong, so it is no answer to a question;
    `quotes`: only when the wrong part really stands in the reply."""

    pattern: re.Pattern[str]
    explicit: bool = True
    quotes: bool = False


_CALL = r"(?:(?:aeon|cara|mano|putz|po|ah|olha|oh?|entao|poxa|velho|ih)[\s,]+){0,4}"
_NO = (
    r"(?:nao|nops?|negativo|errad[oa]|erro[ur]|errei|mentira|opa|calma|pera|perai|epa|ei|(?:ta|esta) errad[oa]"
    r"|(?:tu|voce|vc) errou|resposta errada|isso (?:ta|esta) errado)"
)
_OPEN = rf"^{_CALL}(?:{_NO}[\s,.!:;-]+)*{_CALL}"
_REFUSED = rf"^{_CALL}(?:{_NO}[\s,.!:;-]+)+{_CALL}"
_IS = r"(?:e|eh|sao|era|eram|foi|foram|seria|fica|ficava|tem|se chama|chama)"
_THING = (
    r"(?:resposta|nome|jeito|forma|comando|valor|data|hora|horario|numero|palavra|ano|dia|lugar|resultado|grafia|modo"
    r"|maneira|frase|informacao)"
)
_RIGHT_WORD = r"(?:mais\s+)?(?:cert[oa]|corret[oa]|verdade|verdadeir[oa])"
_RIGHT = r"(?P<right>[^\n]{1,200}?)"
_WRONG = r"(?P<wrong>[^,.;!?\n]{1,40})"
_END = r"[\s.!]*$"
_NOT_THAT = rf"(?:,\s+(?:e\s+)?nao\s+(?:{_IS}\s+)?{_WRONG})?"
_YOU = r"(?:(?:tu|voce|vc|isso)\s+)?"
_NO_FACT = (
    r"(?!(?:que|so|serio|brincadeira|melhor|isso|sim|assim|verdade|claro|obvio|pra|para|por|bom|boa|muito|mesmo|tipo"
    r"|nada|tu|voce|zoeira|outr[oa]|urgente|agora|depois|hoje|facil|dificil)\b)"
)
_WANTS = r"(?!eu\s+(?:queria|quero|preciso|precisava|acho|achei|tava|estava|gostaria|ia|vou|nao|prefiro|so)\b)"

_FORMS = (
    _Form(re.compile(rf"{_OPEN}eu\s+(?:disse|falei|pedi)\s+(?!que\b|isso\b|nada\b|nao\b){_RIGHT},?\s+(?:e\s+)?nao\s+{_WRONG}{_END}")),
    _Form(re.compile(rf"{_OPEN}nao\s+{_IS}\s+{_WRONG}[,;]?\s+(?:e\s+sim|mas\s+sim|{_IS})\s+{_RIGHT}{_END}")),
    _Form(re.compile(rf"{_OPEN}se\s+(?:escreve|fala|diz|pronuncia|chama)\s+{_RIGHT}(?:,?\s+(?:e\s+)?nao\s+{_WRONG})?{_END}")),
    _Form(re.compile(rf"{_OPEN}{_IS}\s+{_NO_FACT}{_RIGHT},?\s+(?:e\s+)?nao\s+(?:{_IS}\s+)?{_WRONG}{_END}")),
    _Form(
        re.compile(
            rf"{_OPEN}[oa]\s+(?:{_THING}\s+)?{_RIGHT_WORD}(?:\s+(?:aqui|nesse caso|mesmo|del[ea]|disso))?"
            rf"\s+{_IS}[:,]?\s+(?:que\s+)?{_RIGHT}{_NOT_THAT}{_END}"
        )
    ),
    _Form(
        re.compile(
            rf"{_OPEN}(?:na verdade|na real)[\s,:]+{_WANTS}"
            rf"(?:{_IS}\s+{_NO_FACT}|(?=(?:o|a|os|as|ele|ela|eu|meu|minha)\s)){_RIGHT}{_NOT_THAT}{_END}"
        )
    ),
    _Form(re.compile(rf"{_OPEN}(?:corrigindo|correcao|corrige)(?:\s+ai)?\s*[,:]\s*(?:{_IS}\s+)?{_RIGHT}{_END}")),
    _Form(
        re.compile(
            rf"{_OPEN}{_YOU}(?:era\s+(?:pra|para)|devia|deveria|tinha\s+que|tinha\s+de)\s+(?:(?:ser|dizer|responder|falar|usar)"
            rf"|ter\s+(?:sido|dito|respondido|falado|posto|usado))[:,]?\s+(?:que\s+)?{_RIGHT}{_END}"
        )
    ),
    _Form(
        re.compile(
            rf"{_OPEN}(?:(?:da|na)\s+proxima(?:\s+vez)?|quando eu perguntar isso)[\s,]+(?:me\s+)?"
            rf"(?:diz|diga|responde|responda|fala|fale|usa|use|chama)(?:\s+(?:assim|que))?[:,]?\s+{_RIGHT}{_END}"
        )
    ),
    _Form(re.compile(rf"{_OPEN}(?:responde|fala|diz|escreve)\s+assim\s*[:,]\s*{_RIGHT}{_END}")),
    _Form(
        re.compile(
            rf"{_REFUSED}(?:(?:o|a|ele|ela|isso|eu|(?:o\s+)?(?:nome\s+(?:del[ea]|d[eo]\s+\w+)|meu\s+\w+)|(?:a\s+)?minha\s+\w+)\s+)?"
            rf"(?:{_IS}|me chamo|moro|trabalho|uso|torco|acordo|durmo|nasci)\s+{_NO_FACT}{_RIGHT}{_END}"
        ),
        explicit=False,
    ),
    _Form(re.compile(rf"{_OPEN}{_RIGHT},?\s+(?:e\s+)?nao\s+{_WRONG}{_END}"), quotes=True),
)  # fmt: skip
_NOT_RIGHT = re.compile(r"^(?:que|se|porque|como|isso|assim|nada|o que)\b|\?$")
_PARTING = re.compile(
    r"[\s,.]+(?:ta|viu|ok|beleza|ne|hein|por favor|anota(?: ai)?|grava(?: ai)?|aprende(?: isso)?|cara|aeon|porra"
    r"|caramba|mano)\s*[.!]*$"
)
_SMALL_WORDS = re.compile(r"^(?:em|as|a|o|os|no|na|de|do|da|dia|no dia|ano|ano de|no ano de|la pelas|so|sao)\s+")


def corrected_words(folded: str, text: str, previous_reply: str | None) -> Corrected | None:
    """What the owner says is right; None when the sentence is no correction.

    `folded` is `text` in folded form, of the same length. After a reply that was a question, "não, é ..."
    may simply be the answer, so only forms that say what was wrong count.
    """
    if folded.rstrip().endswith("?"):
        return None
    asked = previous_reply is not None and previous_reply.rstrip().endswith("?")
    for form in _FORMS:
        match = form.pattern.match(folded)
        if not match or (asked and not form.explicit):
            continue
        right = _trimmed(text, match, "right")
        wrong = _trimmed(text, match, "wrong") if "wrong" in form.pattern.groupindex else ""
        if form.quotes and not (previous_reply and _places(wrong, previous_reply)):
            continue
        if right and not _NOT_RIGHT.search(fold_in_place(right)):
            return Corrected(right, wrong)
    return None


def _trimmed(text: str, match: re.Match[str], group: str) -> str:
    if match.group(group) is None:
        return ""
    start, _ = match.span(group)
    folded = match.group(group)
    while parting := _PARTING.search(folded):
        folded = folded[: parting.start()]
    return text[start : start + len(folded)].strip(" \t,.;:!\"'“”")


_SORTS = (
    re.compile(r"\b\d{1,2}\s?(?:h\d{2}|:\d{2}|h|horas)(?!\w)"),
    re.compile(r"\b\d{1,2}/\d{1,2}(?:/\d{2,4})?\b|\b\d{1,2} de [a-z]+\b"),
    re.compile(r"\b(?:1[89]|20)\d\d\b"),
    re.compile(r"\b\d+(?:[.,]\d+)?\b"),
)


def corrected_reply(corrected: Corrected, previous_reply: str | None) -> str:
    """The whole reply with its wrong part put right, where that part is certain; else the owner's words.

    Certain: the owner named the wrong part and it stands in the reply once; or what is right is a time, a
    date, a year or a number, and the reply has exactly one of that sort.
    """
    if not previous_reply:
        return corrected.right
    places = _places(corrected.wrong, previous_reply)
    if len(places) == 1:
        return _replaced(previous_reply, places[0], corrected.right)
    core = fold_in_place(corrected.right)
    while small := _SMALL_WORDS.match(core):
        core = core[small.end() :]
    for sort in _SORTS:
        if sort.fullmatch(core):
            places = [match.span() for match in sort.finditer(fold_in_place(previous_reply))]
            right = corrected.right[len(corrected.right) - len(core) :]
            return _replaced(previous_reply, places[0], right) if len(places) == 1 else corrected.right
    return corrected.right


def _places(wrong: str, reply: str) -> list[tuple[int, int]]:
    if not wrong:
        return []
    return [
        match.span() for match in re.finditer(rf"(?<!\w){re.escape(fold_in_place(wrong))}(?!\w)", fold_in_place(reply))
    ]


def _replaced(reply: str, place: tuple[int, int], right: str) -> str:
    """`right` in place of a part; words that follow the part and end `right` too are not said twice."""
    start, end = place
    following = fold_in_place(reply[end:])
    for cut in range(len(right)):
        if right[cut] == " " and re.match(re.escape(fold_in_place(right[cut:])) + r"(?!\w)", following):
            end += len(right) - cut
            break
    if right[:1].islower() and reply[start : start + 1].isupper():
        right = right[:1].upper() + right[1:]
    return reply[:start] + right + reply[end:]
