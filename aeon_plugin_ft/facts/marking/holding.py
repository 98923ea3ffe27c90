"""Whether a reply says a value: tolerant of wording, strict on the value.

"É às nove e meia" says "9h30", "dezesseis gigas" says "16 GB", "não é a Fork, é a Mia" does not say "Fork".
"""

from __future__ import annotations

import re
from functools import lru_cache

from aeon_plugin_ft.facts.marking.readings import Reading, is_content, read, replies, stem, units
from aeon_plugin_ft.privacy.folding import fold_accents

LONG_VALUE = 4
"""From so many words on a value may be told in part ..."""
SHARE = 0.7
"""... of at least this share; names and numbers always."""
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_CLAUSE = re.compile(r"\s*(?:[,;:()—–]|\s-\s|\bmas\b|\be sim\b|\bporque\b)\s*")
_DECIMAL = re.compile(r"(?<=\d)[.,](?=\d)")
_TAG = re.compile(r"(?i)(?:,\s*)?\b(?:né|ne|certo|não é|nao é|nao e|lembra|viu|hein|tá|ta|ok|sabia|esqueceu)\s*\?$")
_BRACKETS = re.compile(r"\s*\([^)]*\)")
_STARTS = re.compile(r"^(nao|sim) (?=(?:tu|tua|teu|voce|vc|sua|seu|o|a|os|as|na|no|ele|ela|quem)\b)")
_OR = re.compile(r"\bou\b")


def sentences(reply: str) -> list[str]:
    """The sentences of a reply."""
    return [part.strip() for part in _SENTENCE.split(reply) if part.strip()]


def is_question(sentence: str) -> bool:
    """Whether it asks, rather than states with "né?" behind it."""
    return sentence.endswith("?") and _TAG.search(sentence) is None


def says(reply: str, value: str) -> bool:
    """Whether the reply states the value: says it, does not deny it, does not ask it and does not leave a choice."""
    for name in _names(value):
        if not _mentions(reply, name):
            continue
        whole = sentences(reply)
        for at, one in enumerate(whole):
            if not is_question(one) and _states(one, name):
                return True
            # "É mecânico. Switch marrom."
            if at + 1 < len(whole) and not is_question(one) and not _mentions(one, name):
                both = f"{one.rstrip('.!')}, {whole[at + 1]}"
                if not is_question(whole[at + 1]) and not _mentions(whole[at + 1], name) and _states(both, name):
                    return True
    return False


def mentions(text: str, value: str) -> bool:
    """Whether the value occurs, denied or not."""
    return any(_mentions(text, name) for name in _names(value))


@lru_cache(maxsize=512)
def _names(value: str) -> tuple[str, ...]:
    """The value and what else it is called."""
    other = replies()["aliases"].get(fold_accents(value.strip()), ())
    bare = _BRACKETS.sub("", value).strip() or value
    return tuple(dict.fromkeys([bare, *other, *_without_kind(bare)]))


def _without_kind(value: str) -> list[str]:
    """ "HD Cofre" is called "Cofre" as well, and "Hospital São Lucas" "São Lucas"."""
    first, _, rest = value.partition(" ")
    kinds = {"hd", "hospital", "empresa", "banda", "time", "rua", "avenida", "escola", "colegio", "bar", "restaurante",
             "padaria", "mercado", "academia", "faculdade", "bairro", "doutor", "doutora", "dr.", "dra.", "dona", "seu",
             "professor", "professora", "transportadora", "loja"}  # fmt: skip
    return [rest] if rest[:1].isupper() and fold_accents(first) in kinds else []


def _states(sentence: str, value: str) -> bool:
    return _mentions(sentence, value) and not _denied(sentence, value) and not _left_open(sentence, value)


@lru_cache(maxsize=1024)
def _mentions(text: str, value: str) -> bool:
    wanted, told = read(value), read(text)
    times = told.times or (_bare_hours(told) if wanted.times else ())
    if not all(any(clock.same(other) for other in times) for clock in wanted.times):
        return False
    if not all(date in told.dates for date in wanted.dates) or _of_another_hour(wanted, told):
        return False
    # What is part of a time or a date has been compared as such; "12 de" of the value is nothing by itself.
    return _words_in(wanted, value, told, text)


def _of_another_hour(wanted: Reading, told: Reading) -> bool:
    """Whether the one number that is wanted stands in the reply as a part of a time, and of another: "nove" is not said
    by "9h30"."""
    number = next(iter(wanted.numbers), "")
    needed = [token for token in wanted.rest if is_content(token)]
    if wanted.times or needed != [number] or number in told.rest or not told.times:
        return False
    hours = read(f"às {number[1:]}").times
    return not any(hour.same(clock) for hour in hours for clock in told.times)


def _bare_hours(told: Reading) -> tuple:  # type: ignore[type-arg]
    hours = [token[1:] for token in told.rest if token.startswith("#") and token[1:].isdigit()]
    return tuple(clock for hour in hours if int(hour) <= 24 for clock in read(f"às {hour}").times)


def _words_in(wanted: Reading, value: str, told: Reading, text: str) -> bool:
    needed = [token for token in wanted.rest if is_content(token)]
    if not needed:
        return bool(wanted.times or wanted.dates) or fold_accents(value).strip() in fold_accents(text)
    if _run_together(value) in _run_together(text) and len(_run_together(value)) > 3 and _whole(value, text):
        return True
    names = {fold_accents(word) for word in re.findall(r"[^\W\d_]+", value) if word[:1].isupper()} - units()
    stems = {stem(token) if not token.startswith(("sem:", "#")) else token for token in told.tokens}
    sure = [token for token in needed if token in names or token.startswith(("#", "sem:"))]
    here = [token for token in needed if _token_in(token, needed, told, stems, names)]
    if any(token not in here for token in sure):
        return False
    return len(here) == len(needed) or (len(needed) >= LONG_VALUE and len(here) >= SHARE * len(needed))


def _token_in(token: str, needed: list[str], told: Reading, stems: set[str], names: set[str]) -> bool:
    if token.startswith("#"):
        return _number_in(token, needed, told)
    if token in names:
        return token in told.tokens
    if token.startswith("sem:"):
        return token in told.tokens
    return stem(token) in stems or _is_unit_of(token, needed, told)


def _is_unit_of(token: str, needed: list[str], told: Reading) -> bool:
    """A unit, or what is counted, may go unsaid where the number is right: "dois" for "dois filhos"."""
    at = needed.index(token)
    return at > 0 and needed[at - 1].startswith("#") and _number_in(needed[at - 1], needed, told)


def _number_in(number: str, needed: list[str], told: Reading) -> bool:
    """Whether the number is said of the same thing: the "dois" of "três filhos e dois gatos" is not of filhos."""
    at = needed.index(number)
    thing = stem(needed[at + 1]) if at + 1 < len(needed) and not needed[at + 1].startswith("#") else ""
    if not thing:
        # "34" is said by "34 anos"; "Ryzen 5" by "Ryzen 5".
        return number in told.tokens or (number == "#1" and bool({"um", "uma"} & set(told.tokens)))
    for where, token in enumerate(told.tokens):
        if token != number:
            continue
        behind = told.tokens[where + 1 : where + 3]
        stems = [stem(other) for other in behind]
        if thing in stems or not behind or not behind[0][0].isalnum() or not is_content(behind[0]):
            return True
    return False


def _run_together(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", fold_accents(text))


def _whole(value: str, text: str) -> bool:
    """Whether the value stands in the text as whole words, however they are parted: "vscode", "VS Code", "Wi-Fi"."""
    letters = [re.escape(letter) for letter in _run_together(value)]
    pattern = r"(?<![a-z0-9])" + r"[\s.\-_/]?".join(letters) + r"(?![a-z0-9])"
    return re.search(pattern, fold_accents(text)) is not None


def _denied(sentence: str, value: str) -> bool:
    """Whether every mention is denied: "não é a Fork"; but "não, é a Fork" and "não vive sem Sepultura" say it."""
    folded = _STARTS.sub(r"\1, ", fold_accents(_DECIMAL.sub("\x00", sentence)))
    clauses = [part.replace("\x00", ".") for part in _CLAUSE.split(folded) if part]
    holding = [clause for clause in clauses if _mentions(clause, value)]
    if not holding:
        # Told over several clauses ("em agosto, dia 8"): the first with a part of it.
        holding = [clause for clause in clauses if _part_of(clause, value)][:1]
    return bool(holding) and all(_negated(clause, value) for clause in holding)


def _part_of(clause: str, value: str) -> bool:
    told = read(clause)
    wanted = read(value)
    return bool({stem(token) for token in told.tokens if is_content(token)}
                & {stem(token) for token in wanted.tokens if is_content(token)})  # fmt: skip


def _negated(clause: str, value: str) -> bool:
    rules = replies()["negation"]
    if _NOT_BEHIND.search(clause) and _mentions(_NOT_BEHIND.split(clause)[0], value):
        return True
    negation = re.search(rules["word"], clause)
    if negation is None or re.search(rules["despite"], clause):
        return False
    # "a Fork não late": what is denied stands behind the value.
    return not _mentions(clause[: negation.start()], value)


_NOT_BEHIND = re.compile(r"\b(?:nao e|nao se chama|nao mora)\b")


def _left_open(sentence: str, value: str) -> bool:
    """Whether it is one of two: "a Fork ou a Mia"."""
    folded = fold_accents(sentence)
    for clause in _CLAUSE.split(folded):
        if _OR.search(clause) and any(_mentions(part, value) for part in _OR.split(clause)):
            return not all(_mentions(part, value) for part in _OR.split(clause))
    return False
