"""What is had and kept: "tenho uma moto e um fusca", "tenho um papagaio chamado Zeca", "minha gata tem ..."."""

from __future__ import annotations

import re
from functools import lru_cache

from aeon_plugin_ft.facts.grammar.clauses import Clause
from aeon_plugin_ft.facts.grammar.lexicon import classes, member
from aeon_plugin_ft.facts.grammar.rules import expanded
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.facts.grammar.values import acceptable, parts, trimmed, without_relative
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents

VERBS = frozenset({"ter", "comprar", "vender"})
_CALLED = re.compile(r",? (?:que (?:se )?chama|chamad[oa]s?|de nome|com o nome de) (?P<name>.+)$")
_AGED = re.compile(r",? (?:de|com|que tem) (?P<age>\d{1,2} (?:anos?|meses)|\w+ anos)\b")
_DISTANT = re.compile(r"(?:prim|ti|cunhad|sobrinh)[oa]s? que ")
"""Those of whom people tell, when they "have" them: "tenho um primo que trabalha na Google"."""
_ERRAND = re.compile(r" pr?a(?:ra)? \w+[aei]r$")
"""Of all that is listed: "um Corinthians e Palmeiras **pra ver**"."""
_FOR_OTHERS = re.compile(r" (?:pra|pro|para) (?:o |a )?(?:meu|minha|ele|ela|voce|dar|presente)")
_BESIDE = re.compile(r" (?:(?:aqui |la )?em casa|de presente|de (?:aniversario|natal))$")
_INSIDE = re.compile(r" n[ao] (?P<name>[\w-]+)$")


@lru_cache(1)
def _passing() -> re.Pattern[str]:
    """What tells that a thing is only there, or had for now: "um gato miando na janela", "uma moto pra vender"."""
    states = "|".join(sorted(classes()["passing_state"]))
    return re.compile(
        rf"^\S+ (?:{states})\b|\b\w+[aei]ndo\b|\bpra (?:\w+ )?\w+[aei]r\b|"
        r"\bn[ao] (?:minha )?(?:frente|porta|rua|esquina|janela|linha)\b|^cachorros?[- ]quentes?\b|\bperto\b"
    )


@lru_cache(1)
def _item() -> re.Pattern[str]:
    return re.compile(
        expanded(r"(?:so |apenas |tambem )?(?P<count>{n} |uns |umas |varios |varias )?(?:(?:o|a) )?(?P<noun>.+)")
    )


class PossessionReader:
    """Reads what somebody has from the clauses of one sentence."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence

    def read(self, clause: Clause) -> list[Claim]:
        """One claim a thing, and its name and age where they are said."""
        if clause.verb not in VERBS or not (clause.subject.owner or "person" in clause.subject.kinds):
            return []
        if _ERRAND.search(self.sentence.folded, clause.rest, clause.end):
            return []
        if clause.verb == "comprar" and _FOR_OTHERS.search(self.sentence.folded, clause.rest, clause.end):
            return []
        ended = clause.verb == "vender" or clause.ended
        if clause.verb == "vender" or (clause.negated and not clause.ended):
            return []
        claims: list[Claim] = []
        for index, (start, end) in enumerate(parts(self.sentence.folded, clause.rest, clause.end)):
            some = self._thing(clause, start, end, ended)
            if not some and index == 0:
                return []
            claims += some
        return claims

    def _thing(self, clause: Clause, start: int, end: int, ended: bool) -> list[Claim]:
        text, folded = self.sentence.text, self.sentence.folded
        claims: list[Claim] = []
        called = _CALLED.search(folded, start, end)
        name = None
        if called:
            begin, stop = called.span("name")
            name = trimmed(text, folded, begin, without_relative(folded, begin, stop))
        end = called.start() if called else end
        aged = _AGED.search(folded, start, end)
        end = aged.start() if aged else end
        match = _item().match(folded, start, end)
        if not match or not self._kept(match, clause):
            return []
        start, end = match.span("noun")
        noun = trimmed(text, folded, start, without_relative(folded, start, end))
        beside = _BESIDE.search(folded, *noun)
        noun = (noun[0], beside.start()) if beside else noun
        head = text[noun[0] : noun[1]].split(" ")[0]
        owner, noun = self._inside(clause, noun)
        value = text[noun[0] : noun[1]]
        if (match["count"] or "").strip() not in {"um", "uma", ""}:
            value = text[match.start("count") : noun[1]]
        if not acceptable(value, value.lower()):
            return []
        claims.append(Claim(owner, Relation.HAS, value, ended=ended, start=clause.start, end=end))
        if name:
            claims.append(Claim(head, Relation.NAME, text[name[0] : name[1]], start=clause.start, end=name[1]))
        if aged:
            age = text[aged.start("age") : aged.end("age")]
            claims.append(Claim(head, Relation.AGE, age, start=clause.start, end=aged.end()))
        return claims

    def _kept(self, match: re.Match[str], clause: Clause) -> bool:
        """Whether it is a thing that is kept, and no errand, mood or meeting."""
        noun = match["noun"]
        if _passing().search(noun) or _DISTANT.match(noun):
            return False
        if member("condition", noun):
            return clause.verb == "ter" and not match["count"]
        kinds: tuple[str, ...] = ("pet", "kin", "possession", "kind")
        if not clause.subject.owner and not member("kin", fold_accents(clause.subject.text)):
            return False
        if not clause.subject.owner:
            kinds = ("pet", "possession", "kind")
        known = any(member(name, noun) for name in kinds)
        original = self.sentence.text[match.start("noun") : match.end("noun")]
        made = original[:1].isupper() and clause.verb == "ter"
        if not match["count"]:
            return (known or made) and clause.ended
        return known or made

    def _inside(self, clause: Clause, noun: tuple[int, int]) -> tuple[str, tuple[int, int]]:
        """ "uma GTX 1660 no Jaburu" is the Jaburu's."""
        inside = _INSIDE.search(self.sentence.folded, *noun)
        if (
            inside
            and self.sentence.text[inside.start("name")].isupper()
            and any(map(str.isdigit, inside.string[slice(*noun)]))
        ):
            return self.sentence.text[inside.start("name") : inside.end("name")], (noun[0], inside.start())
        return clause.subject.text, noun
