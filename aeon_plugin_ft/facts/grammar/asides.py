"""What is said beside a clause, between commas: "tua gata é a Fork, **a preta**"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from aeon_plugin_ft.facts.grammar.clauses import Clause
from aeon_plugin_ft.facts.grammar.lexicon import member, verb_forms
from aeon_plugin_ft.facts.grammar.rules import expanded
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.facts.grammar.values import in_class, parts, trimmed
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents

_NAMES = re.compile(
    r"(?:(?:o|a) [A-ZÀ-Ý]\w+|[A-ZÀ-Ý]\w+(?=(?:, (?:(?:o|a) )?[A-ZÀ-Ý]\w+)* e ))"
    r"(?:(?:, | e )(?:(?:o|a) )?[A-ZÀ-Ý]\w+)*(?=$|, (?!(?:o|a) [A-ZÀ-Ý]))"
)
"""With an article or several: a bare "Caio" behind a comma is who is spoken to."""
_COLOUR = re.compile(r"(?:(?:o|a|os|as|toda|todo|bem) )?(?P<value>[\w-]+)$")
_KIND = re.compile(
    r"(?:um|uma) (?P<value>.+?)(?= (?:mo|muito|bem|super|mega|que|tod[oa]|mais|tao|chei[oa]|lind[oa]|fof[oa]|docil|"
    r"brav[oa]|velh[oa]|enorme|pequen[oa]|gigante|(?:de|com) \d{1,2} (?:anos|meses))\b|$)"
    r"(?: (?:de|com) (?P<age>\d{1,2} (?:anos|meses))$)?"
)
_WITH = re.compile(r"com (?:o |a |os |as )?(?P<value>.+)$")
_AT = re.compile(r"(?:n[ao]s?|em|num|numa) (?P<value>.+)$")
_SIDE = re.compile(
    r"(?P<side>switch|motor|tela|cor|raca|sistema|processador|ano|modelo|aro|tamanho|versao|peso|cambio) "
    r"(?P<value>[\w -]+)$"
)
_ABOVE_ALL = re.compile(
    r"(?:principalmente|sobretudo|especialmente|em especial) (?:(?:o|a|os|as|de|do|da|dos|das) )?(?P<value>.+)$"
)
_ITEM = r"(?:d[eoa]s? |[oa]s? )?[\w-]+(?: [\w-]+){0,3}?"
_ITEMS = re.compile(rf"(?:{_ITEM}, ){{0,5}}?{_ITEM},? e (?:tambem )?{_ITEM}(?=$)")
_LISTED = frozenset({Relation.LIKES, Relation.DISLIKES, Relation.ALLERGY})
_AGED = re.compile(r"(?:de |com |que tem |tem )?(?P<value>\d{1,3} (?:anos|aninhos|meses))$")
_NAME = re.compile(r"(?:que )?(?:se )?chamad[oa]s? (?P<value>.+)$")


def aside(sentence: Sentence, clause: Clause, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    """The claims of the words at `start` to `end`, which follow a clause that said `before`."""
    if not before:
        return []
    more = _above_all(sentence, before[0], start, end) or _list(sentence, before, start, end)
    if more:
        return more
    subject = _of_what(clause, before)
    if subject is None:
        return []
    for read in (_names, _side, _colour, _kind, _company, _place, _hour, _aged, _job):
        claims = read(sentence, subject, before, start, end)
        if claims:
            return claims
    return []


Reader = Callable[[Sentence, str, Sequence[Claim], int, int], list[Claim]]


def _of_what(clause: Clause, before: Sequence[Claim]) -> str | None:
    """Whom the aside is about: the thing that was named or had, else the clause's subject."""
    had = next((one for one in reversed(before) if one.relation is Relation.HAS), None)
    if had is not None and had.subject == "":
        words = had.value.split(" ")
        counted = len(words) > 1 and (words[0].isdigit() or member("number", fold_accents(had.value)))
        return words[1] if counted else words[0]
    return None if clause.subject.owner else before[0].subject


def _claim(sentence: Sentence, subject: str, relation: Relation, place: tuple[int, int], attribute: str = "") -> Claim:
    start, end = trimmed(sentence.text, sentence.folded, *place)
    return Claim(subject, relation, sentence.text[start:end], attribute, sure=0.9, start=start, end=end)


def _names(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    names = _NAMES.match(sentence.text, start, sentence.end)
    if all(one.relation not in {Relation.HAS, Relation.KIND} for one in before) or names is None or names.end() < end:
        return []
    return [_claim(sentence, subject, Relation.NAME, names.span())]


def _above_all(sentence: Sentence, before: Claim, start: int, end: int) -> list[Claim]:
    """ "amo k-pop, **principalmente Stray Kids**"."""
    match = _ABOVE_ALL.match(sentence.folded, start, end)
    if match is None or before.relation not in {Relation.LIKES, Relation.DISLIKES, Relation.ALLERGY}:
        return []
    return [_claim(sentence, before.subject, before.relation, match.span("value"))]


def _list(sentence: Sentence, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    """ "curto rock, **metal e hardcore**": bare nouns to the end of the sentence, the last two joined by "e"."""
    relation = before[-1].relation
    match = _ITEMS.match(sentence.folded, start, sentence.end)
    if match is None or match.end() < end or relation not in _LISTED or _verb_in(sentence, start, match.end()):
        return []
    places = list(parts(sentence.folded, *match.span()))
    claims = [_claim(sentence, before[-1].subject, relation, place, before[-1].attribute) for place in places]
    return [one for one in claims if not in_class("pronoun", fold_accents(one.value))]


def _verb_in(sentence: Sentence, start: int, end: int) -> bool:
    forms = verb_forms()
    return any(word.folded in forms and word.folded != "e" for word in sentence.words if start <= word.start < end)


@lru_cache(1)
def _hour_alone() -> re.Pattern[str]:
    return re.compile(expanded(r"(?:(?:sempre )?{at} )?(?P<value>{hour})$"))


def _hour(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _hour_alone().match(sentence.folded, start, end)
    if match is None or before[0].relation is not Relation.DAY:
        return []
    return [_claim(sentence, subject, Relation.TIME, match.span("value"))]


def _job(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    """ "minha esposa é a Márcia, **professora**"."""
    told = before[0].relation is Relation.NAME and member("person", fold_accents(subject))
    if not told or not member("job", sentence.folded[start:end]) or _verb_in(sentence, start, end):
        return []
    return [_claim(sentence, subject, Relation.JOB, (start, end))]


def _aged(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _AGED.match(sentence.folded, start, end)
    if match is None or before[0].relation not in {Relation.NAME, Relation.HAS}:
        return []
    return [_claim(sentence, subject, Relation.AGE, match.span("value"))]


def _side(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _SIDE.match(sentence.folded, start, end)
    if not match or (match["side"] == "cor" and not in_class("colour", match["value"])):
        return []
    side = sentence.text[match.start("side") : match.end("side")]
    return [_claim(sentence, subject, Relation.PROPERTY, match.span("value"), side)]


def _colour(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _COLOUR.match(sentence.folded, start, end)
    if not match or not in_class("colour", match["value"]):
        return []
    return [_claim(sentence, subject, Relation.PROPERTY, match.span("value"), "cor")]


def _kind(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _KIND.match(sentence.folded, start, end)
    if not match or before[0].relation is not Relation.NAME or not in_class("kind", match["value"]):
        return []
    claims = [_claim(sentence, subject, Relation.KIND, match.span("value"))]
    if match["age"]:
        claims.append(_claim(sentence, subject, Relation.AGE, match.span("age")))
    return claims


def _company(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _WITH.match(sentence.folded, start, end)
    if (
        not match
        or before[0].relation not in {Relation.TIME, Relation.DAY, Relation.KIND}
        or in_class("pronoun", match["value"])
    ):
        return []
    return [_claim(sentence, subject, Relation.WITH, match.span("value"))]


def _place(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _AT.match(sentence.folded, start, end)
    if not match or before[0].relation not in {Relation.TIME, Relation.DAY}:
        return []
    return [_claim(sentence, subject, Relation.PLACE, match.span("value"))]
