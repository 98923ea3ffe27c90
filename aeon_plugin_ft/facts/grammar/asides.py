"""What is said beside a clause, between commas: "tua gata é a Fork, **a preta**"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from aeon_plugin_ft.facts.grammar.clauses import Clause
from aeon_plugin_ft.facts.grammar.lexicon import member
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.facts.grammar.values import in_class, trimmed
from aeon_plugin_ft.facts.model import Claim, Relation

_NAMES = re.compile(r"(?:(?:o|a) [A-ZÀ-Ý]\w+|[A-ZÀ-Ý]\w+(?= e ))(?:(?:, | e )(?:(?:o|a) )?[A-ZÀ-Ý]\w+)*$")
"""With an article or several: a bare "Caio" behind a comma is who is spoken to."""
_COLOUR = re.compile(r"(?:(?:o|a|os|as|toda|todo|bem) )?(?P<value>[\w-]+)$")
_KIND = re.compile(r"(?:um|uma) (?P<value>.+)$")
_WITH = re.compile(r"com (?:o |a |os |as )?(?P<value>.+)$")
_AT = re.compile(r"(?:n[ao]s?|em|num|numa) (?P<value>.+)$")
_SIDE = re.compile(r"(?P<side>switch|motor|tela|cor|raca|sistema|placa|processador) (?P<value>[\w -]+)$")
_NAME = re.compile(r"(?:que )?(?:se )?chamad[oa]s? (?P<value>.+)$")


def aside(sentence: Sentence, clause: Clause, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    """The claims of the words at `start` to `end`, which follow a clause that said `before`."""
    if not before:
        return []
    subject = _of_what(clause, before)
    if subject is None:
        return []
    for read in (_names, _side, _colour, _kind, _company, _place):
        claims = read(sentence, subject, before, start, end)
        if claims:
            return claims
    return []


Reader = Callable[[Sentence, str, Sequence[Claim], int, int], list[Claim]]


def _of_what(clause: Clause, before: Sequence[Claim]) -> str | None:
    """Whom the aside is about: the thing that was named or had, else the clause's subject."""
    first = before[0]
    if first.relation is Relation.HAS and first.subject == "":
        words = first.value.split(" ")
        return words[-1] if member("number", first.value.lower()) else words[0]
    return None if clause.subject.owner else first.subject


def _claim(sentence: Sentence, subject: str, relation: Relation, place: tuple[int, int], attribute: str = "") -> Claim:
    start, end = trimmed(sentence.text, sentence.folded, *place)
    return Claim(subject, relation, sentence.text[start:end], attribute, sure=0.9, start=start, end=end)


def _names(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    if before[0].relation is not Relation.HAS or not _NAMES.match(sentence.text, start, end):
        return []
    return [_claim(sentence, subject, Relation.NAME, (start, end))]


def _side(sentence: Sentence, subject: str, before: Sequence[Claim], start: int, end: int) -> list[Claim]:
    match = _SIDE.match(sentence.folded, start, end)
    if not match:
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
    return [_claim(sentence, subject, Relation.KIND, match.span("value"))]


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
