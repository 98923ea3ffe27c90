"""What is done again and again, at its hour, or never: read from verbs of doing.

Values are in the first person, as the owner would say them ("tomo café coado"), also where the assistant said "tu toma
café coado": what both say is then one fact.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from aeon_plugin_ft.facts.grammar.clauses import Clause
from aeon_plugin_ft.facts.grammar.lexicon import first_person, member, read_toml, verb_class
from aeon_plugin_ft.facts.grammar.rules import expanded
from aeon_plugin_ft.facts.grammar.subjects import Voice
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.facts.grammar.values import acceptable, in_class, trimmed
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.text import vocabulary

LONGEST_HABIT = 90
_SPORT = vocabulary("pedalar correr nadar treinar malhar caminhar surfar lutar")
_INHERENT = {"fazer": "hobby", "tocar": "instrument", "tomar": "drink", "beber": "drink", "criar": "pet"}


@lru_cache(None)
def _pattern(name: str) -> re.Pattern[str]:
    """A pattern of data/habits.toml, compiled at its first use."""
    return re.compile(expanded(_raw()[name]))


@lru_cache(1)
def _raw() -> dict[str, str]:
    return dict(read_toml("habits.toml")["patterns"])


class HabitReader:
    """Reads habits, hours and things never done from the clauses of one sentence."""

    def __init__(self, sentence: Sentence, voice: Voice) -> None:
        self.sentence, self.voice = sentence, voice

    def read(self, clause: Clause) -> list[Claim]:
        """At most one thing done, and with whom."""
        if not (clause.subject.owner or clause.subject.kinds & {"person", "pet"}):
            return []
        if clause.ended:
            return self._ended(clause)
        if clause.never or clause.negated:
            return self._never(clause) if clause.subject.owner else []
        hour = self._at_its_hour(clause)
        if hour is not None:
            return [hour]
        return self._habit(clause)

    def _ended(self, clause: Clause) -> list[Claim]:
        """ "não faço **mais** balé": what it is must be said, since "não bebo mais" may as well be a rule."""
        rest = self.sentence.folded[clause.rest : clause.end]
        if (
            not rest.strip()
            or clause.verb == "trabalhar"
            or clause.verb not in verb_class("habit")
            or _pattern("empty").match(rest)
        ):
            return []
        if _pattern("one_off").search(rest) or (clause.verb == "ir" and _pattern("infinitive").match(rest)):
            return []
        return [replace(one, ended=True) for one in self._doing(clause, Relation.HABIT)]

    def _never(self, clause: Clause) -> list[Claim]:
        rest = self.sentence.folded[clause.rest : clause.end]
        if clause.never:
            if not self._present(clause):
                return []
        elif clause.verb not in verb_class("abstain") | verb_class("habit") or not self._for_good(clause, rest):
            return []
        if _pattern("empty").match(rest) or _pattern("for_now").search(rest):
            return []
        if _pattern("one_off").search(rest) or (clause.verb == "ir" and _pattern("infinitive").match(rest)):
            return []
        return self._doing(clause, Relation.NEVER)

    def _present(self, clause: Clause) -> bool:
        """ "nunca faço", "nunca me liga"; not "nunca vi", "nunca consigo"."""
        if clause.verb:
            return clause.verb in verb_class("habit") | verb_class("abstain")
        word = self.sentence.folded[clause.verb_start : clause.rest].strip()
        past = word == "me" and _pattern("past").match(self.sentence.folded, clause.rest, clause.end)
        return bool(_pattern("present").match(word)) and not past

    def _for_good(self, clause: Clause, rest: str) -> bool:
        if clause.verb == "beber" and member("drink", rest):
            return True
        if clause.verb in {"beber", "fumar", "dirigir", "nadar", "cozinhar"}:
            return not rest or bool(_pattern("limit").search(rest)) or clause.verb == "dirigir"
        if clause.verb in {"comer", "tomar", "usar"}:
            return bool(rest) and not re.match(r"nao\b", rest)
        return bool(_pattern("limit").search(rest) and _pattern("limit_in_time").search(rest))

    def _at_its_hour(self, clause: Clause) -> Claim | None:
        if clause.verb not in verb_class("daily"):
            return self._with_object(clause)
        folded, text = self.sentence.folded, self.sentence.text
        limit = self._with_tail(clause, r", (?=(?:(?:la )?pel[ao]s |as |a |ao )?\w)")
        match = _pattern("hour").match(folded, clause.rest, limit)
        if not match:
            return self._with_object(clause)
        if clause.verb == "chegar" and not match["where"]:  # "chego às 8" is said on the way
            return None
        start, end = match.span("value")
        doing = clause.verb
        if match["where"]:
            doing += " " + text[match.start("where") : match.end("where")].strip()
        return Claim(clause.subject.text, Relation.TIME, text[start:end].strip(), doing, start=clause.start, end=end)

    def _with_object(self, clause: Clause) -> Claim | None:
        """ "tomo o remédio da pressão às 8h": what is done at one hour, and on no day of its own."""
        if clause.verb not in verb_class("habit") | verb_class("daily") or clause.front[1] or clause.never:
            return None
        folded, text = self.sentence.folded, self.sentence.text
        match = _pattern("hour_of_doing").fullmatch(folded, clause.rest, clause.end)
        if not match or (clause.verb in verb_class("once") and not (match["daily"] or match["tail"] or clause.always)):
            return None
        deed = match["deed"].strip()
        if _pattern("no_routine").search(deed) or not self._routine(clause.verb, deed):
            return None
        if _pattern("often").search(deed) or _pattern("single_day").search(deed) or _pattern("one_off").search(deed):
            return None
        deed = text[slice(*match.span("deed"))].strip()
        told_whole = clause.verb == "costumar" or (clause.verb == "ir" and _pattern("infinitive").match(deed))
        doing = deed if told_whole else f"{clause.verb} {deed}".strip()
        start, end = match.span("value")
        return Claim(clause.subject.text, Relation.TIME, text[start:end].strip(), doing, start=clause.start, end=end)

    @staticmethod
    def _routine(verb: str, deed: str) -> bool:
        """Somebody is fetched every day, a car is brought to the garage once."""
        if verb not in {"levar", "buscar", "pegar", "deixar"}:
            return True
        return bool(_pattern("transport").search(deed)) or any(member("kin", word) for word in deed.split())

    def _habit(self, clause: Clause) -> list[Claim]:
        rest = self.sentence.folded[clause.rest : clause.end]
        if (
            clause.verb not in verb_class("habit")
            or (_pattern("empty").match(rest) and not clause.always)
            or _pattern("one_off").search(rest)
            or (clause.verb == "ir" and _pattern("infinitive").match(rest))
        ):
            return []
        if (self._often(clause, rest) and rest) or self._by_nature(clause.verb, rest, clause.subject.owner):
            return self._doing(clause, Relation.HABIT)
        return []

    def _often(self, clause: Clause, rest: str) -> bool:
        """Whether the clause says how often, or on which day."""
        mood = clause.verb in {"acordar", "dormir"}  # "sempre acordo cansado"
        return (
            (clause.always and not mood)
            or clause.front[1] > 0
            or clause.verb == "costumar"
            or bool(_pattern("often").search(rest))
            or (clause.verb in _SPORT and bool(_pattern("single_day").search(rest)))
        )

    def _by_nature(self, verb: str, rest: str, owner: bool) -> bool:
        """Whether it is done again and again without saying so: "faço crochê", "tomo café coado"."""
        if owner and _pattern("by_nature").match(f"{verb} {rest.strip()}"):
            return True
        kind = _INHERENT.get(verb)
        bare = re.sub(r"^(?:o |a |meu |minha )", "", rest)
        return kind is not None and bool(member(kind, bare)) and (kind != "drink" or " " in rest)

    def _doing(self, clause: Clause, relation: Relation) -> list[Claim]:
        """The verb and what follows it, in the first person."""
        text, folded = self.sentence.text, self.sentence.folded
        end = self._with_tail(clause, r", (?:sem|e) ")
        company = _pattern("company").search(folded, clause.rest, end) if relation is Relation.HABIT else None
        _, end = trimmed(text, folded, clause.rest, end) if clause.rest < end else (0, clause.rest)
        what = text[clause.rest : end].strip()
        verb = self._verb(clause)
        value = " ".join(part for part in ("sempre" if clause.always else "", verb, what, self._front(clause)) if part)
        if not acceptable(value, value) or len(value) > LONGEST_HABIT:
            return []
        claims = [Claim(clause.subject.text, relation, value, start=clause.start, end=max(end, clause.rest))]
        if company is not None and "," in company.group() and not in_class("pronoun", company["value"]):
            claims.append(self._company(clause, company.start("value"), company.end("value")))
        return claims

    def _company(self, clause: Clause, start: int, end: int) -> Claim:
        value = self.sentence.text[start:end]
        return Claim(clause.subject.text, Relation.WITH, value, clause.verb, start=clause.start, end=end)

    def _verb(self, clause: Clause) -> str:
        others = self.voice is Voice.ASSISTANT or clause.person == "3"  # "tu joga", "a gente joga"
        if others and clause.subject.owner and clause.verb:
            return first_person(clause.verb)
        verb = self.sentence.text[clause.verb_start : clause.rest].strip().lower()
        return verb.removesuffix(" mais") if clause.ended else verb

    def _front(self, clause: Clause) -> str:
        start, end = clause.front
        words = self.sentence.text[start:end].strip(" ,")
        return "" if words.lower() in {"sempre", "geralmente", "normalmente"} else words[:1].lower() + words[1:]

    def _with_tail(self, clause: Clause, joint: str) -> int:
        """The clause's end, or that of the part behind its comma where the joint says that it belongs to it."""
        follows = re.compile(joint).match(self.sentence.folded, clause.end)
        if not follows or self.sentence.text[follows.end() - 2 : follows.end()] == "é ":  # ", é regra"
            return clause.end
        return next((place for place in self.sentence.breaks if place > clause.end), self.sentence.end)
