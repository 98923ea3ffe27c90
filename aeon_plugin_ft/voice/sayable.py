"""Numbers, times and names as words that a Brazilian voice reads well."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from aeon_plugin_ft.voice.control import BASE, TRAINED

_MONTHS = [
    "janeiro",
    "fevereiro",
    "março",
    "abril",
    "maio",
    "junho",
    "julho",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "dezembro",
]
_MARKUP = re.compile(r"https?://\S+|[`*_#<>\[\]{}|~^\\]+")
_TIME = re.compile(r"\b([01]?\d|2[0-3])(?:h|:(?=[0-5]\d\b))([0-5]\d)?\b")
_ABOUT = re.compile(r"\bsobre\s+([^.,;:!?\n]{2,80})", re.IGNORECASE)
_TOPIC_CHARS = 400
_FEMININE = {"um": "uma", "dois": "duas"}


def number(value: int, *, feminine: bool = False) -> str:
    """A whole number in words: 21 -> "vinte e um", feminine "vinte e uma"."""
    # num2words takes about 0.1 s to import, which must not fall on Aeon's start.
    from num2words import num2words

    spelt = str(num2words(value, lang="pt_BR")).replace(",", "")
    return _feminine(spelt) if feminine else spelt


def _feminine(spelt: str) -> str:
    words = spelt.split()
    for index, word in enumerate(words):
        # "dois milhões de conversas": millions are masculine whatever is counted.
        before_million = any(later.startswith("milh") for later in words[index + 1 :])
        if not before_million:
            words[index] = _FEMININE.get(word, re.sub(r"entos$", "entas", word))
    return " ".join(words)


def count(value: int, one: str, many: str, *, feminine: bool = True) -> str:
    """ "uma conversa", "duzentas conversas", "nenhuma conversa"."""
    if value == 0:
        return f"{'nenhuma' if feminine else 'nenhum'} {one}"
    return f"{number(value, feminine=feminine)} {one if value == 1 else many}"


def conversations(value: int) -> str:
    """So many conversations: "uma conversa", "duzentas conversas"."""
    return count(value, "conversa", "conversas")


def percent(share: float) -> str:
    """A share from 0 to 1 in words, rounded; one decimal below three per cent: "dois vírgula cinco por cento"."""
    value = abs(share) * 100
    tenths = round(value * 10)
    if value >= 3 or tenths % 10 == 0:
        return f"{number(round(value))} por cento"
    return f"{number(tenths // 10)} vírgula {number(tenths % 10)} por cento"


def duration(seconds: float) -> str:
    """ "menos de um minuto", "uns doze minutos", "uma hora e vinte minutos": as exact as an estimate deserves."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "menos de um minuto"
    if minutes < 60:
        return f"cerca de {count(minutes, 'minuto', 'minutos', feminine=False)}"
    hours, rest = divmod(minutes if minutes < 180 else round(minutes / 30) * 30, 60)
    hours_in_words = f"cerca de {count(hours, 'hora', 'horas')}"
    return f"{hours_in_words} e {count(rest, 'minuto', 'minutos', feminine=False)}" if rest else hours_in_words


def hour(value: int, minute: int = 0) -> str:
    """A time of day: "meia-noite", "meio-dia", "seis e meia", "vinte e duas horas"."""
    whole = {0: "meia-noite", 12: "meio-dia"}.get(value % 24, "")
    if minute == 0:
        return whole or count(value % 24, "hora", "horas")
    rest = "meia" if minute == 30 else number(minute)
    return f"{whole or number(value % 24, feminine=True)} e {rest}"


def window(text: str) -> str:
    """ "02:00-05:00" as "entre duas horas e cinco horas"."""
    begin, _, end = text.partition("-")
    return f"entre {hour(*_clock(begin))} e {hour(*_clock(end))}"


def _clock(text: str) -> tuple[int, int]:
    hours, _, minutes = text.partition(":")
    return int(hours), int(minutes or 0)


def moment(at: float, now: float | None = None) -> str:
    """A time near `now` in local time, both seconds since the epoch: "hoje às quinze horas", "no dia três de maio"."""
    then = datetime.fromtimestamp(at)
    today = datetime.fromtimestamp(time.time() if now is None else now)
    names = {-1: "ontem", 0: "hoje", 1: "amanhã"}
    distance = (then.date() - today.date()) // timedelta(days=1)
    if distance not in names:
        return f"no dia {day(at)}"
    before = {0: "à", 12: "ao"}.get(then.hour, "à" if then.hour == 1 else "às")
    return f"{names[distance]} {before} {hour(then.hour, then.minute)}"


def of_moment(at: float, now: float | None = None) -> str:
    """ "de hoje às quinze horas", "do dia três de maio"."""
    said = moment(at, now)
    return f"do {said.removeprefix('no ')}" if said.startswith("no ") else f"de {said}"


def topic(said: str, limit: int = 48) -> str:
    """What a conversation was about, by what the owner said in it: "sobre vulcões", or the beginning of their words."""
    about = _ABOUT.search(said[:_TOPIC_CHARS])
    subject = fact(about.group(1), limit) if about else ""
    if subject:
        return f"sobre {subject}"
    words = fact(said[:_TOPIC_CHARS], limit)
    return f"em que você disse: {words}" if words else ""


def day(at: float) -> str:
    """ "três de maio", "primeiro de abril"."""
    then = datetime.fromtimestamp(at)
    return f"{'primeiro' if then.day == 1 else number(then.day)} de {_MONTHS[then.month - 1]}"


def version(name: str) -> str:
    """A model with its article: "a versão sete", "o modelo base"."""
    if name == BASE:
        return "o modelo base"
    if name == TRAINED:
        return "o modelo treinado"
    digits = name.lstrip("v")
    return f"a versão {number(int(digits))}" if digits.isdecimal() else "um modelo de fora"


def join(parts: Sequence[str]) -> str:
    """ "a, b e c"."""
    return " e ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def spoken(text: str, limit: int = 80) -> str | None:
    """The owner's own words fit to be read back: no markup, digits in words; None when that would be too long."""
    clean = " ".join(_MARKUP.sub(" ", text).split()).rstrip(".")
    spoken_text = re.sub(r"\d+", lambda digits: _digits(digits.group()), clean)
    return spoken_text if spoken_text and len(spoken_text) <= limit else None


def fact(text: str, limit: int = 120) -> str:
    """A fact fit to be spoken: times and digits in words, no markup; the beginning of one that is very long."""
    timed = _TIME.sub(lambda clock: hour(int(clock[1]), int(clock[2] or 0)), text)
    clean = spoken(timed, limit=len(timed) * 20)
    if clean is None or len(clean) <= limit:
        return clean or ""
    return clean[:limit].rsplit(" ", 1)[0]


def _digits(digits: str) -> str:
    """A number, or digit by digit what is no quantity: leading zeros, or ten digits and more (a telephone)."""
    if len(digits) < 10 and (digits == "0" or not digits.startswith("0")):
        return number(int(digits))
    return " ".join(number(int(digit)) for digit in digits)
