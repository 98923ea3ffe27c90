"""The rules of data/rules.toml, applied to one clause."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aeon_plugin_ft.facts.grammar.checks import CHECKS, Candidate
from aeon_plugin_ft.facts.grammar.clauses import Clause
from aeon_plugin_ft.facts.grammar.lexicon import member, read_toml
from aeon_plugin_ft.facts.grammar.subjects import Subject, Voice
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.facts.grammar.values import (
    acceptable,
    in_class,
    parts,
    trimmed,
    with_state,
    without_date,
    without_more,
    without_relative,
    without_shift,
)
from aeon_plugin_ft.facts.model import MANY, Claim, Relation

ENDED = "ended"
USE = "o que faz"
"""The attribute of what a thing does: "um bot que **avisa quando chove**"."""
_NAMED_ONLY = 0.7
"""How sure a claim is about "o Farol", which may be anybody's: its reader should know the name as the owner's."""
_UP_TO_RELATIVE = frozenset(
    {Relation.NAME, Relation.CALLED, Relation.LIVES_IN, Relation.FROM, Relation.AGE, Relation.WORKS_AT, Relation.JOB,
     Relation.STUDIES, Relation.TRAIT, Relation.ALLERGY, Relation.HAS, Relation.USES, Relation.PLACE, Relation.WITH,
     Relation.BIRTHDAY}
)  # fmt: skip
"""A value of these ends before "que": what follows tells of it."""
_PLACES = frozenset({Relation.FROM, Relation.LIVES_IN, Relation.WORKS_AT})
_SHIFTED = frozenset({Relation.WORKS_AT, Relation.STUDIES, Relation.JOB})
_TOWNS = frozenset({Relation.FROM, Relation.LIVES_IN})
_VALUE_GROUPS = ("value", "range", "bare")
_MORE_NAMES = re.compile(r"(?:, (?:(?:o|a) )?[A-ZÀ-Ý]\w+)+,? e (?:(?:o|a) )?[A-ZÀ-Ý]\w+(?=$|[.,;!])")
"""Of whom there are several: "são Kiko**, Chaves e Florinda**"."""
_WHENCE = re.compile(
    r"(?P<name>(?:(?:dona|seu|tio|tia|dr|dra) )?[A-ZÀ-Ý]\w+(?: [A-ZÀ-Ý]\w+)*) (?:d[ao]s?|aqui|ali|l[aá]) [^A-ZÀ-Ý]"
)
"""From where somebody is known: "sou o Everaldo **da contabilidade**"."""
_NO_PLACE = re.compile(
    r" e (?:(?:o|a) )?(?:meu|minha|seu|sua|teu|tua) | no dia |"
    r" em (?:janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro)\b"
)
"""When, and who is elsewhere: "mora no Canadá **e minha irmã em Recife**", "nasci em Crato **no dia 2**"."""
_IN_TOWN = re.compile(r" em (?P<town>[A-ZÀ-Ý])")
_CUT_SHORT = {
    Relation.NAME: re.compile(r" ou "),
    Relation.DAY: re.compile(r" e (?:segunda|terca|quarta|quinta|sexta|sabado|domingo)\b"),
}
"""What may not follow a value: "é a Fork **ou a Mimi**", and half of "terça **e sexta**"."""
_MACRO = re.compile(r"\{([a-z]\w*)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the fields are explained at the head of data/rules.toml."""

    of: frozenset[str]
    match: str
    relation: str
    negated: str
    attribute: str
    must: str
    must_not: tuple[str, ...]
    check: tuple[str, ...]
    split: bool
    more: bool
    swap: bool
    reply: bool
    owners: bool
    ends: bool
    sure: float

    @property
    def pattern(self) -> re.Pattern[str]:
        """Compiled at the first use: most verbs are never said in a day."""
        return _compiled(self.match)


@lru_cache(1)
def macros() -> dict[str, str]:
    """The macros, each with those that it uses put in."""
    known: dict[str, str] = {}
    for name, pattern in read_toml("rules.toml")["macros"].items():
        known[name] = _MACRO.sub(lambda match: known.get(match[1], match[0]), pattern)
    return known


@lru_cache(None)
def _compiled(match: str) -> re.Pattern[str]:
    return re.compile(expanded(match))


def expanded(pattern: str) -> str:
    """A pattern with its macros put in."""
    return _MACRO.sub(lambda match: macros().get(match[1], match[0]), pattern)


@lru_cache(1)
def rules() -> dict[str, tuple[Rule, ...]]:
    """Verb to its rules, in their order."""
    by_verb: dict[str, list[Rule]] = {}
    for raw in read_toml("rules.toml")["rule"]:
        rule = _rule(raw)
        for verb in [raw["verb"]] if isinstance(raw["verb"], str) else raw["verb"]:
            by_verb.setdefault(verb, []).append(rule)
    return {verb: tuple(listed) for verb, listed in by_verb.items()}


def _listed(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """A class or several."""
    return (value,) if isinstance(value, str) else tuple(value)


def _rule(raw: dict[str, Any]) -> Rule:
    return Rule(
        of=frozenset(raw["of"]), match=raw["match"], relation=raw["relation"], negated=raw.get("negated", ""),
        attribute=raw.get("attribute", ""), must=raw.get("is", ""), must_not=_listed(raw.get("isnt", ())),
        check=tuple(raw.get("check", ())), split=raw.get("split", False), more=raw.get("more", False),
        swap=raw.get("swap", False), reply=raw.get("reply", False),
        owners=raw.get("owners", False), ends=raw.get("ends", False), sure=raw.get("sure", 1.0),
    )  # fmt: skip


class RuleReader:
    """Applies the rules to the clauses of one sentence."""

    def __init__(self, sentence: Sentence, voice: Voice) -> None:
        self.sentence, self.voice = sentence, voice

    def read(self, clause: Clause, start: int | None = None, end: int | None = None) -> list[Claim]:
        """What the clause says; with `start` and `end` what is said beside it: "tua gata é a Fork, **a preta**"."""
        start, end = clause.rest if start is None else start, clause.end if end is None else end
        claims: list[Claim] = []
        if clause.never:  # "nunca deixo louça na pia" is no place of hers
            return claims
        for rule in rules().get(clause.verb, ()):
            if not rule.of & clause.subject.kinds or (rule.reply and self.voice is Voice.OWNER):
                continue
            match = rule.pattern.match(self.sentence.folded, start, end)
            got = list(self._claims(rule, clause, match)) if match else []
            if all(claim.attribute == USE for claim in got):  # what it does, but not what it is
                got = []
            claims += _new(got, claims)
            if got and not rule.more:
                break
        return claims

    def _claims(self, rule: Rule, clause: Clause, match: re.Match[str]) -> Iterator[Claim]:
        relation, ended = rule.relation, False
        if clause.negated:
            ended = clause.ended and (rule.negated == ENDED or Relation(rule.relation or "likes") in MANY)
            relation = rule.relation if ended else rule.negated
            if clause.ended and rule.relation == "name":
                return
        if relation in {"", ENDED}:
            return
        if rule.ends:
            yield Claim(clause.subject.text, Relation(relation), "", ended=True, start=clause.start, end=match.end())
            return
        group = (
            "subject"
            if rule.swap
            else next((name for name in _VALUE_GROUPS if name in match.re.groupindex and match[name] is not None), "")
        )
        if not group:
            return
        spans = [match.span(group)]
        if relation == Relation.KIND.value:
            spans, does = _kind_and_use(self.sentence.folded, *spans[0])
            yield from self._use(clause, does)
        if rule.split:
            spans = list(parts(self.sentence.folded, *spans[0]))
        for index, span in enumerate(spans):
            claim = self._claim(rule, clause, match, span, Relation(relation), ended)
            if claim is not None:
                yield claim
            elif index == 0:
                return

    def _use(self, clause: Clause, does: tuple[int, int] | None) -> Iterator[Claim]:
        if does is not None:
            start, end = trimmed(self.sentence.text, self.sentence.folded, *does, keep=True)
            value = self.sentence.text[start:end]
            yield Claim(clause.subject.text, Relation.PROPERTY, value, USE, sure=0.7, start=clause.start, end=end)

    def _claim(
        self, rule: Rule, clause: Clause, match: re.Match[str], span: tuple[int, int], relation: Relation, ended: bool
    ) -> Claim | None:
        group = "blood" in clause.subject.kinds  # "o negativo", of which the "o" is no article
        start, end = span if group else self._value(clause, relation, span)
        value, folded = self.sentence.text[start:end], self.sentence.folded[start:end]
        if relation in _CUT_SHORT and _CUT_SHORT[relation].match(self.sentence.folded, end):
            return None
        named, _ = self._group(match, "subject")
        if not self._holds(rule, Candidate(value, folded, clause.subject, match.groupdict(), named), relation, ended):
            return None
        if relation is Relation.BIRTHDAY and match.groupdict().get("month"):
            value = f"{value} de {self._group(match, 'month')[0]}"
        subject = named or ("" if rule.owners else clause.subject.text)
        if rule.swap:
            value = clause.subject.text
        if ended and relation not in MANY:
            value = ""
        attribute = self._attribute(rule, clause.subject, clause.verb, match)
        if relation is Relation.FAVOURITE and not attribute:
            return None
        only_named = "bare" in clause.subject.kinds and "event" not in clause.subject.kinds
        sure = min(rule.sure, _NAMED_ONLY if only_named else 1)
        return Claim(subject, relation, value, attribute, ended=ended, sure=sure, start=clause.start, end=end)

    def _value(self, clause: Clause, relation: Relation, span: tuple[int, int]) -> tuple[int, int]:
        """Where the value stands of what the rule has matched: each relation's ends where something else begins."""
        text, folded = self.sentence.text, self.sentence.folded
        start, end = trimmed(text, folded, *span)
        if relation is Relation.NAME and clause.person == "3p":
            names = _MORE_NAMES.match(text, end, self.sentence.end)
            end = names.end() if names else end
        if relation in _UP_TO_RELATIVE:
            end = without_relative(folded, start, end)
        if relation is Relation.NAME and self.sentence.caseless:
            end = without_more(text, folded, start, end)
        if relation is Relation.NAME and clause.subject.kinds & {"owner", "person"}:
            whence = _WHENCE.match(text, start, end)
            end = whence.end("name") if whence else end
        if relation is Relation.JOB:
            end = _without_town(text, folded, start, end)
        if relation in _TOWNS:
            end = without_date(folded, start, end)
        if relation in _PLACES:
            other = _NO_PLACE.search(folded, start, end)
            end = other.start() if other else end
        if relation in _SHIFTED:
            end = without_shift(folded, start, end)
        if relation in _TOWNS:
            end = with_state(folded, start, end, self._limit(end))
        return start, end

    def _holds(self, rule: Rule, candidate: Candidate, relation: Relation, ended: bool) -> bool:
        """Whether the value is one that the rule takes."""
        value, folded = candidate.value, candidate.folded
        if not acceptable(value, folded) or (rule.must and not in_class(rule.must, folded)):
            return False
        refused = not ended and any(in_class(name, folded) for name in rule.must_not)
        if refused and not _proper(relation, value, folded):
            return False
        return all(CHECKS[name](candidate) for name in rule.check)

    def _limit(self, end: int) -> int:
        """How far a town and its state may reach: over one comma."""
        follows = (place for place in self.sentence.breaks if place > end)
        return next(follows, self.sentence.end)

    def _attribute(self, rule: Rule, subject: Subject, verb: str, match: re.Match[str]) -> str:
        if rule.attribute == "@verb":
            return verb
        if rule.attribute == "@deed":
            return f"{verb} {self.sentence.text[slice(*match.span('deed'))]}"
        if rule.attribute == "@head":
            return subject.head or subject.text
        if rule.attribute:
            return rule.attribute
        return self._group(match, "attribute")[0]

    def _group(self, match: re.Match[str], name: str) -> tuple[str, int]:
        """A group as it was written, without its article."""
        if name not in match.re.groupindex or match[name] is None:
            return "", 0
        start, end = trimmed(self.sentence.text, self.sentence.folded, *match.span(name))
        return self.sentence.text[start:end], start


def _without_town(text: str, folded: str, start: int, end: int) -> int:
    """Where a job ends before its town, "bombeiro militar **em Maringá**" (but "técnico em Radiologia"), and before
    another one: "juíza de futebol **e contadora**"."""
    other = folded.find(" e ", start, end)
    if other > 0 and member("job", folded[other + len(" e ") : end]):
        end = other
    town = _IN_TOWN.search(text, start, end)
    return end if town is None or member("course", folded[town.start("town") : end]) else town.start()


def _new(claims: list[Claim], before: list[Claim]) -> list[Claim]:
    """Those that say nothing of a side that an earlier rule has read."""
    read = {one.key for one in before}
    return [one for one in claims if one.key not in read]


def _proper(relation: Relation, value: str, folded: str) -> bool:
    """ "seu Arnaldo" is a name and "Boa Vista" a town, although they begin with words that name nothing."""
    if relation is Relation.NAME:
        called = re.match(r"seu \w{3,}$", folded)
        return called is not None and (value[4:5].isupper() or bool(member("first_name", folded[4:])))
    capitals = [word for word in value.split() if word[:1].isupper()]
    return relation in _PLACES and (len(capitals) > 1 or bool(member("town", folded)))


def _kind_and_use(folded: str, start: int, end: int) -> tuple[list[tuple[int, int]], tuple[int, int] | None]:
    """Where "bot em Python" stands, and where "avisa quando chove" behind its "que"."""
    joint = folded.find(" que ", start, end)
    return ([(start, end)], None) if joint < 0 else ([(start, joint)], (joint + len(" que "), end))
