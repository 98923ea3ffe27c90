"""Short answers, read with their question: "quem é a minha gata?" and "Cara, é a Fork." say together what neither says.

A question about the owner's world is turned into the claim that an answer would complete; a yes/no question ("minha
cor favorita é azul?") is one with a value already, which the answer confirms or replaces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from aeon_plugin_ft.facts.grammar.lexicon import leads, member, read_toml, says_something
from aeon_plugin_ft.facts.grammar.reader import read, without_personal_data
from aeon_plugin_ft.facts.grammar.rules import expanded
from aeon_plugin_ft.facts.grammar.subjects import Voice
from aeon_plugin_ft.facts.grammar.values import in_class, trimmed
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_in_place

LONGEST_QUESTION = 120
LONGEST_ANSWER = 200
_MOST_WORDS = 6
_SURE = 0.9

_MACRO = re.compile(r"\{([a-z]+)\}")
_TAIL = re.compile(r"(?:[\s,]+(?:mesmo|agora|ai|por favor|pf|cara|aeon|hein|ne|tu sabe|voce sabe))*[\s?!.]*$")
_YES = re.compile(
    r"(?:sim|isso(?: mesmo| ai)?|exato|exatamente|certo|claro|correto|e sim|e|tem|pode crer|afirmativo)"
    r"[\s,.!]*(?:$|(?=[,.!]))"
)
_AGREES = re.compile(r"\b(?:sim|isso|exato|certo|claro)\b")
"""Among the openings of a reply: "É sim."."""
_NO = re.compile(r"(?:nao|negativo|nada disso|errado)(?=[,.!]|$)[\s,.!]*")
_NO_ANSWER = re.compile(
    r"(?:nao|nem|sei la|ess[ae]|isso|ainda|depende|pergunta|acho|talvez|voce|vc|tu|eu|quem|se|que|qual|quando|hoje|"
    r"ontem|amanha|so|pra que|boa pergunta|desculpe|infelizmente|agora|chama|olha)\b"
)
_BESIDE = re.compile(r"(?:atras|embaixo|debaixo|dentro|em cima|ao lado|do lado|perto) d[eoa]s? ")
_SAYS_MORE = re.compile(r"\b(?:eu|tu|voce|vc|nao|sei|sabe)\b")
"""No answer: "a dupla eu sei, a música não"."""
_COPULA = re.compile(
    r"(?:(?:e|eh|sao|foi|fica|ficam|comeca|sai|cai|vence|se chama|chama|sei|lembro|roda|mora|trabalha|torce)\b"
    r"[:,]?\s+)+(?:(?:que e|e)\s+)?"
)
_ABOUT = re.compile(
    r"(?:[Oo]|[Aa]|[Nn][oa]|[Tt]eu|[Tt]ua|[Ss]eu|[Ss]ua) [\w-]+(?: [\w-]+){0,3}? (?:é|eh|tem|fica|roda|mora)(?= )\s+"
)
"""What the answer is about, said again: "**o Jaburu tem** 16 GB"."""
_MONTH_FIRST = re.compile(r"(?:em )?(?P<month>[a-z]+),? (?:no )?dia (?P<day>\d{1,2})(?!\d)")
_INTO = re.compile(r"(?:em|n[ao]s?|num|numa|pr[ao]|pra o|pel[ao]|com|d[aeo]|dia|no dia|as|a|ao|aos|o|os)\s+")
_ARTICLES = frozenset({"o", "a", "os", "as"})
_BREAK = re.compile(r"(?<!\d)[,;:](?=\s)|[.!?…—–(](?=\s|$)|\n")
_VERBS = {"acord": "acordar", "durm": "dormir", "dorm": "dormir", "levant": "levantar", "almoc": "almoçar",
          "jant": "jantar", "deit": "deitar"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks for. `claim` lacks its value, but for a yes/no question; `answer` is the sort of answer;
    `lead` words that the value begins with ("pedalo" of "quando eu pedalo?")."""

    claim: Claim
    answer: str
    lead: str = ""


@lru_cache(1)
def _asks() -> tuple[tuple[re.Pattern[str], dict[str, Any]], ...]:
    raw = read_toml("questions.toml")
    known: dict[str, str] = raw["macros"]
    listed = []
    for ask in raw["ask"]:
        alternatives = _MACRO.sub(lambda match: known.get(match[1], match[0]), ask["match"])
        listed.append((re.compile(_numbered(alternatives)), ask))
    return tuple(listed)


def _numbered(pattern: str) -> str:
    """The alternatives of a question name one group; `re` wants each name once: subject, subject_1, ..."""
    counts: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = re.sub(r"\d+$", "", match[1])
        counts[name] = counts.get(name, -1) + 1
        return f"(?P<{name}>" if not counts[name] else f"(?P<{name}_{counts[name]}>"

    return re.sub(r"\(\?P<(\w+)>", number, pattern)


def asked(question: str) -> Asked | None:
    """What the owner asks about his own world; None for any other question."""
    if not question.strip() or len(question) > LONGEST_QUESTION:
        return None
    folded = fold_in_place(question)
    start = _opening(folded)
    end = len(_TAIL.sub("", folded))
    for pattern, ask in _asks():
        match = pattern.fullmatch(folded, start, end)
        if match:
            one = _of(question, match, ask)
            if one is not None:
                return one
    return _yes_or_no(question)


def _opening(folded: str) -> int:
    at = len(folded) - len(folded.lstrip())
    while match := leads()["filler"].match(folded, at):
        at = match.end()
    return at


def _of(question: str, match: re.Match[str], ask: dict[str, Any]) -> Asked | None:
    subject = _group(question, match, "subject")
    attribute = ask.get("attribute") or _group(question, match, "attribute")
    folded_subject, folded_attribute = fold_in_place(subject), fold_in_place(attribute)
    if "of" in ask and not any(member(name, folded_subject) for name in ask["of"]):
        return None
    if "is" in ask and not member(ask["is"], folded_attribute):
        return None
    if member("secret", folded_subject):
        return None
    if ask.get("bare"):
        attribute = ""
    verb = match.groupdict().get("verb")
    if verb:
        attribute = next(infinitive for stem, infinitive in _VERBS.items() if verb.startswith(stem))
    claim = Claim(subject, Relation(ask["relation"]), "", attribute, sure=_SURE)
    return Asked(claim, ask["answer"], _group(question, match, "habit"))


def _group(question: str, match: re.Match[str], name: str) -> str:
    for group in match.re.groupindex:
        if (group == name or group.startswith(f"{name}_")) and match[group] is not None:
            return question[match.start(group) : match.end(group)].strip()
    return ""


def _yes_or_no(question: str) -> Asked | None:
    if not question.rstrip().endswith("?"):
        return None
    told = read(question.rstrip(" ?"), Voice.OWNER)
    return Asked(replace(told[0], sure=_SURE), "same") if len(told) == 1 and told[0].value else None


def answered(reply: str, question: str) -> list[Claim]:
    """The claim that a short reply completes; empty where it says nothing, or says it in a sentence of its own."""
    one = asked(question)
    if one is None:
        return []
    text = reply[:LONGEST_ANSWER]
    folded = fold_in_place(text)
    at = _opening(folded)
    refused = _NO.match(folded, at)
    if one.answer == "same" and not refused and (_YES.match(folded, at) or _AGREES.search(folded, 0, at)):
        return [replace(one.claim, start=0, end=at)]
    if refused:
        at = refused.end()
    about = _ABOUT.match(text, at)
    at = about.end() if about and one.claim.relation is not Relation.NAME else at
    copula = _COPULA.match(folded, at)
    at = copula.end() if copula else at
    stop = _BREAK.search(folded, at)
    end = stop.start() if stop else len(folded)
    if (refused and one.answer != "same") or (stop and stop.group() == "?") or _NO_ANSWER.match(folded, at):
        return []
    claim = _completed(one, text, folded, at, end)
    return [] if claim is None else without_personal_data(text, [claim])


def _completed(one: Asked, text: str, folded: str, at: int, end: int) -> Claim | None:
    turned = _MONTH_FIRST.match(folded, at) if one.claim.relation is Relation.BIRTHDAY else None
    if turned and re.match(expanded("{month}$"), turned["month"]):
        value = f"{turned['day']} de {text[turned.start('month') : turned.end('month')]}"
        return replace(one.claim, value=value, start=at, end=turned.end())
    into = _INTO.match(folded, at, end)
    start, end = trimmed(text, folded, into.end() if into else at, end)
    value, folded_value = text[start:end], folded[start:end]
    if one.claim.attribute and folded_value.startswith(fold_in_place(one.claim.attribute) + " "):
        start += len(one.claim.attribute) + 1
        value, folded_value = text[start:end], folded[start:end]
    if fold_in_place(one.claim.attribute) == "cor" and not in_class("colour", folded_value):
        return None
    if not value or len(value.split()) > _MOST_WORDS or says_something(value) or in_class("pronoun", folded_value):
        return None
    sort = _sort_of(one)
    if sort.startswith("{"):
        match = re.compile(expanded(sort)).match(folded_value)
        if not match:
            return None
        value = value[: match.end()]
    elif not _fits(sort, value, folded_value, bool(into and into.group().strip() not in _ARTICLES)):
        return None
    return replace(one.claim, value=f"{one.lead} {value}".strip(), start=at, end=end)


_SAME = {
    Relation.NAME: "name", Relation.LIVES_IN: "proper", Relation.WORKS_AT: "proper", Relation.FROM: "proper",
    Relation.BIRTHDAY: "{date}", Relation.TIME: "{hour}", Relation.DAY: "{days}", Relation.AGE: "age",
    Relation.JOB: "job", Relation.WITH: "proper", Relation.PLACE: "spot", Relation.FAVOURITE: "free",
    Relation.USES: "free", Relation.PROPERTY: "free", Relation.KIND: "free", Relation.STUDIES: "free",
}  # fmt: skip
"""For "não, é verde": what the right answer must look like; what is missing here cannot be put right in a word."""


def _sort_of(one: Asked) -> str:
    return _SAME.get(one.claim.relation, "none") if one.answer == "same" else one.answer


def _fits(sort: str, value: str, folded: str, into: bool) -> bool:
    """Whether the words look like an answer of their sort; `into`: a preposition stood before them."""
    if sort == "name":
        named = value[:1].isupper() or bool(member("title", folded) and value.split()[-1][:1].isupper())
        return named and not into and len(value.split()) <= 4
    if sort == "proper":
        return value[:1].isupper()
    if sort == "age":
        return bool(re.match(expanded(r"{n} (?:anos?|meses)(?!\w)"), folded))
    if sort == "job":
        return bool(member("job", folded))
    if sort == "spot":
        return (into or bool(_BESIDE.match(folded))) and any(
            member("spot", word) for word in re.findall(r"[\w-]+", folded)
        )
    if sort == "count":
        return bool(re.match(expanded(r"{n} \w"), folded))
    return sort == "free" and not _SAYS_MORE.search(folded)
