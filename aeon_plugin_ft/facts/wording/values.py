"""How a value stands in a sentence: "às 9h30", "na sexta", "em Joinville", "um bot em Python".

A value that brings its own preposition ("na gaveta", "de manhã") is left as it was said.
"""

from __future__ import annotations

import re

from aeon_plugin_ft.facts.wording.data import listed
from aeon_plugin_ft.facts.wording.nouns import contracted, head_word, noun, with_article
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.number_words import HUNDREDS, TEENS, TENS, UNITS

_PLACED = re.compile(
    r"(?i)(?:em|n[oa]s?|num|numa|d[oa]s?|de|a|à|às|ao|aos|atr[aá]s|perto|longe|dentro|fora|embaixo|debaixo|em cima"
    r"|por|pel[oa]s?|com|entre|ali|aqui|l[aá]|junto|sobre|sob|antes|depois|desde|at[eé]|sem|para|pra)\b"
)
_AT = re.compile(r"(?i)^(?:às|as|à|a|aos|ao|pelas|pela|l[aá] pelas)\s+(?=\S)")
_PART_OF_DAY = re.compile(
    r"(?i)^(?:de manh|de madrug|de noite|de tarde|à noite|à tarde|a noite|a tarde|cedo|tarde|depois|antes|entre|das? "
    r"|por volta|no |na |todo|toda)"
)
_DAY = re.compile(r"(?i)^(?:de manh|de madrug|de noite|de tarde|à noite|à tarde|a noite|a tarde|cedo|tarde|depois"
                          r"|antes|entre|das? |por volta|no |na |todo|toda)")  # fmt: skip
_DAY = re.compile(r"(?i)^(segunda|ter[çc]a|quarta|quinta|sexta|s[aá]bado|domingo)(-feira)?s?$")
_SCHEDULE = re.compile(
    r"(?i)\s*,?\s+((?:(?:tod[oa]s?(?: (?:os|as|santo))?|aos?|às|n[oa]s?|de|à|em|cada|dia|só|pela|durante|antes|depois"
    r"|(?:uma|duas|três|tres|quatro|cinco|\d+) vez(?:es)?)\s+)*"
    r"(?:segunda|ter[çc]a|quarta|quinta|sexta|s[aá]bados?|domingos?|dias?(?: \d+)?|manh[ãa]s?|noites?|tardes?|madrugada"
    r"|semanas?|m[eê]s|meses|anos?|fins? de semana|finais de semana|fds|almo[çc]o|jantar|dormir|\d{1,2}h(?:\d\d)?"
    r"|\d{1,2}:\d\d)(?:-feira)?s?\b.*)$"
)
_MEASURED = re.compile(r"\d+(?:[.,]\d+)?\s*[^\W\d]|\d+[.,]\d")
_FIELD = re.compile(r"(?:[^r]ia|cao|agem|istica|ing|ade|ura)$")
_FIELDS = frozenset(
    {"ti", "rh", "vendas", "fretes", "design", "moda", "saude", "dados", "software", "seguros", "obras"}
)
_COUNTED = re.compile(r"(?i)^(\d+|[a-zçêáéíóúãõâô]+(?: e [a-zçêáéíóúãõâô]+)?)\s+(\S.*)$")
_MONTHS = frozenset(
    {"janeiro", "fevereiro", "marco", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro",
     "dezembro"}
)  # fmt: skip
_DETERMINERS = frozenset(
    {"um", "uma", "uns", "umas", "o", "a", "os", "as", "meu", "minha", "varios", "varias", "muitos", "muitas"}
)
NUMBER_WORDS = {**UNITS, **TEENS, **TENS, **HUNDREDS} | {"meia": 0, "par": 2, "mil": 1000}
"""Folded; "meia" is no number of things."""


def plain(value: str) -> str:
    """Without the blanks and the stop around it."""
    return value.strip().strip(".,;!?").strip()


def at_time(value: str) -> str:
    """ "9h30" is "às 9h30", "meio-dia" "ao meio-dia", "de manhã cedo" as it is."""
    value = plain(value)
    if _PART_OF_DAY.search(value):
        return value
    bare = _AT.sub("", value)
    folded = fold_accents(bare)
    if folded.startswith("meio"):
        return f"ao {bare}"
    if folded.startswith(("meia-noite", "meia noite")):
        return f"à {bare}"
    # "1h", "uma", "1 da tarde"; but "1h30" of the clock's "uma e meia" alike.
    return f"à {bare}" if re.match(r"(?:uma|1)\b|1h", folded) else f"às {bare}"


def on_day(value: str) -> str:
    """ "sexta" is "na sexta", "12 de março" "em 12 de março", "terça e quinta" as it is."""
    value = plain(value)
    day = _DAY.match(value)
    if day and value.endswith("s"):
        return f"{'aos' if fold_accents(day[1].lower()) in {'sabado', 'domingo'} else 'às'} {value}"
    if day:
        return f"{'no' if fold_accents(day[1].lower()) in {'sabado', 'domingo'} else 'na'} {value}"
    return f"em {value}" if value[:1].isdigit() or fold_accents(value) in _MONTHS else value


def in_place(value: str) -> str:
    """ "Joinville" is "em Joinville", "Rio de Janeiro" "no Rio de Janeiro", "roça" "na roça"."""
    return _place("em", plain(value))


def of_place(value: str) -> str:
    """ "Joinville" is "de Joinville", "Bahia" "da Bahia"."""
    return _place("de", plain(value))


def _place(preposition: str, value: str) -> str:
    if _PLACED.match(value):
        return value
    folded = fold_accents(value)
    # "Curitiba, no Paraná": the place is what stands first.
    first = re.split(r"[,(]| - ", folded)[0].strip()
    for key, article in (("masculine", "o"), ("feminine", "a"), ("masculine_plural", "os")):
        if first in listed("places", key) or (head_word(value) in {"rua", "avenida", "praca"} and article == "a"):
            return with_article(preposition, article, value)
    if head_word(value) in listed("places", "dwellings"):
        return noun(value).after(preposition)
    return f"{preposition} {value}"


def where(value: str) -> str:
    """Where a thing is: "gaveta da cozinha" is "na gaveta da cozinha", "HD Cofre" "no HD Cofre"."""
    value = plain(value)
    if not _PLACED.match(value) and (value[:1].islower() or head_word(value) in listed("things", "common")):
        return noun(value).after("em")
    return _place("em", value)


def at_company(value: str) -> str:
    """ "Moedeira" is "na Moedeira", "hospital municipal" "no hospital municipal"."""
    value = plain(value)
    if _PLACED.match(value):
        return value
    head = head_word(value)
    if fold_accents(value) == "casa":
        return "em casa"
    if value[:1].islower():
        return noun(value).after("em")
    if head in listed("companies", "masculine_plural"):
        return f"nos {value}"
    if head in listed("companies", "feminine"):
        return f"na {value}"
    masculine = head in listed("companies", "masculine") or head.endswith(("o", "u"))
    return f"{'no' if masculine else 'na'} {value}"


def count_of(value: str) -> tuple[int, str] | None:
    """(2, "gatos") of "dois gatos" and "2 gatos"; None where nothing is counted. "um", "uma" are articles here."""
    match = _COUNTED.match(plain(value))
    if match is None:
        return None
    words = fold_accents(match[1]).split(" e ")
    if words[0].isdecimal():
        return int(words[0]), match[2]
    parts = [NUMBER_WORDS.get(word) for word in words]
    if any(part is None for part in parts):
        return None
    number = sum(part for part in parts if part is not None)
    return (number, match[2]) if number > 1 else None


def a_thing(value: str) -> str:
    """ "bot em Python" is "um bot em Python"; what is counted, or has its article, is left as it is."""
    value = plain(value)
    first = fold_accents(value).split(" ")[0] if value else ""
    if first in _DETERMINERS or first.isdecimal() or count_of(value) or first in listed("gender", "uncountable"):
        return value
    thing = noun(value[:1].lower() + value[1:] if value[:2].istitle() and " " in value else value)
    return value if thing.plural else f"{thing.pick('um', 'uma')} {value}"


def is_amount(value: str) -> bool:
    """Whether it is measured, with its unit or a fraction: "16 GB", "1,80", "dois metros"; "42" may be a size."""
    return _MEASURED.match(plain(value)) is not None or count_of(value) is not None


def is_field(job: str) -> bool:
    """Whether a job is told by its field, "logística", rather than by what one is, "enfermeira"."""
    first = fold_accents(plain(job)).split(" ")[0]
    return first in _FIELDS or _FIELD.search(first) is not None


def of(value: str) -> str:
    """Behind "de": "café" is "de café", "a chuva" "da chuva"."""
    return contracted("de", plain(value))


def scheduled(phrase: str) -> tuple[str, str] | None:
    """("pedalo", "terça e quinta") of "pedalo terça e quinta"; None where no time is said."""
    match = _SCHEDULE.search(plain(phrase))
    if match is None or not match.start():
        return None
    return plain(phrase)[: match.start()], match[1]
