"""Forms that are no clause of the usual kind: "pode me chamar de Rô", "aqui é o Valdir", "filme favorito: Bacurau"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from aeon_plugin_ft.facts.grammar.lexicon import member, read_toml
from aeon_plugin_ft.facts.grammar.rules import expanded
from aeon_plugin_ft.facts.grammar.subjects import Subject, Voice
from aeon_plugin_ft.facts.grammar.text import Sentence
from aeon_plugin_ft.facts.grammar.values import acceptable, in_class, trimmed, without_more, without_relative
from aeon_plugin_ft.facts.model import OWNER, Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import vocabulary

_BEFORE_CALL = vocabulary("e mas entao favor ai pode so que prefiro gosto voce vc tu bom melhor")


@dataclass(frozen=True, slots=True)
class Special:
    """What such a form says, and the characters that are read with it."""

    claim: Claim
    start: int
    end: int


@lru_cache(None)
def _pattern(name: str) -> re.Pattern[str]:
    """A pattern of data/specials.toml, compiled at its first use."""
    return re.compile(expanded(read_toml("specials.toml")[name]))


class SpecialReader:
    """Reads such forms in one sentence, from a place on; `last` is whom the text spoke of before."""

    def __init__(self, sentence: Sentence, voice: Voice, last: Subject | None) -> None:
        self.sentence, self.voice, self.last = sentence, voice, last

    def read(self, begin: int) -> list[Special]:
        """At most one of each form."""
        forms = (self._called, self._here, self._entry, self._purpose, self._cannot, self._age, self._team, self._most)
        owners = forms if self.voice is Voice.OWNER else ()
        made = [special for form in owners for special in form(begin)]
        return made or [special for form in (self._never_on, self._date_of) for special in form(begin)]

    def _search(self, name: str, begin: int) -> re.Match[str] | None:
        return _pattern(name).search(self.sentence.folded, begin, self.sentence.end)

    def _value(self, match: re.Match[str], group: str = "value") -> str:
        text, folded = self.sentence.text, self.sentence.folded
        start, end = match.span(group)
        start, end = trimmed(text, folded, start, without_relative(folded, start, end))
        return text[start:end]

    def _made(self, subject: str, relation: Relation, value: str, match: re.Match[str], attribute: str = "") -> Special:
        start, end = match.span()
        return Special(Claim(subject, relation, value, attribute, start=start, end=end), start, end)

    def _called(self, begin: int) -> Iterator[Special]:
        matches = _pattern("called").finditer(self.sentence.folded, begin, self.sentence.end)
        match = next((one for one in matches if self._asked_for(begin, one)), None)
        by_all = self._search("called_by", begin)
        if by_all is not None:
            match = by_all if self.sentence.text[by_all.start("value")].isupper() else None
        if match is None or in_class("pronoun", match["value"]) or in_class("insult", match["value"]):
            return
        value = self._value(match)
        cut = _pattern("called_until").search(fold_accents(value))
        value = value[: cut.start()] if cut else value
        if acceptable(value, value):
            yield self._made(OWNER, Relation.CALLED, value, match)

    def _asked_for(self, begin: int, match: re.Match[str]) -> bool:
        """Whether the owner asks to be called so; "meu marido **me chama de** Flor" does not."""
        before = self.sentence.folded[begin : match.start()].rstrip()
        return not before or before[-1] in ",;:" or before.split()[-1] in _BEFORE_CALL

    def _here(self, begin: int) -> Iterator[Special]:
        match = self._search("here", begin)
        if match is None:
            alone = _pattern("name_here").match(self.sentence.folded, begin, self.sentence.end)
            if alone is not None and member("first_name", alone["value"]):
                yield self._made(OWNER, Relation.NAME, self._value(alone), alone)
            return
        value = self._value(match)
        if self.sentence.caseless:  # "aqui é o valmir sou operador"
            start, end = match.span("value")
            end = without_more(self.sentence.text, self.sentence.folded, start, end)
            value = self.sentence.text[start:end]
        folded = fold_accents(value)
        greeted = value[:1].isupper() and _pattern("greeting").search(self.sentence.folded) is not None
        named = greeted or member("first_name", folded) or member("title", folded) or not match["place"]
        if acceptable(value, value) and named and not in_class("team", fold_accents(value)):
            made = self._made(OWNER, Relation.NAME, value, match)
            yield replace(made, end=match.start("value") + len(value)) if self.sentence.caseless else made

    def _entry(self, begin: int) -> Iterator[Special]:
        """ "Filme favorito: Central do Brasil", as in a form."""
        match = _pattern("entry").match(self.sentence.folded, begin, self.sentence.end)
        if match is not None:
            value = self._value(match)
            if acceptable(value, value) and not in_class("pronoun", fold_accents(value)):
                head = self.sentence.text[match.start("attribute") : match.end("attribute")].lower()
                yield self._made(OWNER, Relation.FAVOURITE, value, match, head)

    def _purpose(self, begin: int) -> Iterator[Special]:
        """ "Pra editar vídeo eu uso o CapCut"."""
        match = self._search("purpose", begin)
        if match is not None:
            value = self._value(match)
            made = any(letter.isupper() for letter in value) or in_class("usable", fold_accents(value))
            if acceptable(value, value) and made:
                purpose = self.sentence.text[match.start("attribute") : match.end("attribute")]
                yield self._made(OWNER, Relation.USES, value, match, purpose.strip())

    def _cannot(self, begin: int) -> Iterator[Special]:
        match = self._search("cannot", begin)
        if match is None:
            return
        who = match["subject"] or ""
        value = self._value(match)
        if (not who or member("person", who) or member("pet", who)) and acceptable(value, fold_accents(value)):
            subject = self.sentence.text[slice(*match.span("subject"))] if who else OWNER
            if not in_class("pronoun", fold_accents(value)):
                yield self._made(subject, Relation.ALLERGY, value, match)

    def _team(self, begin: int) -> Iterator[Special]:
        match = self._search("team", begin)
        if match is not None and member("team", match["value"]):
            yield self._made(OWNER, Relation.FAVOURITE, self._value(match), match, "time")

    def _most(self, begin: int) -> Iterator[Special]:
        match = _pattern("most").match(self.sentence.folded[begin : self.sentence.end])
        if match is not None:
            start, end = (begin + place for place in match.span("value"))
            start, end = trimmed(self.sentence.text, self.sentence.folded, start, end)
            value = self.sentence.text[start:end]
            if acceptable(value, value) and not in_class("pronoun", fold_accents(value)):
                yield Special(Claim(OWNER, Relation.LIKES, value, start=begin, end=end), begin, end)

    def _age(self, begin: int) -> Iterator[Special]:
        match = self._search("age", begin)
        if match is not None:
            start, end = next(match.span(name) for name in ("value", "value_1", "value_2") if match[name])
            start -= len("tenho ")
            value = self.sentence.text[start + len("tenho ") : end]
            yield Special(Claim(OWNER, Relation.AGE, value, start=start, end=end), start, end)

    def _date_of(self, begin: int) -> Iterator[Special]:
        match = self._search("date_of", begin)
        if match is not None and self.last is not None and not self.last.owner:
            yield self._made(self.last.text, Relation.BIRTHDAY, self._value(match), match)

    def _never_on(self, begin: int) -> Iterator[Special]:
        """ "sexta não tem deploy": as the owner would say it, "faço deploy na sexta" under NEVER."""
        text, folded, end = self.sentence.text, self.sentence.folded, self.sentence.end
        for first, stop in self.sentence.segments():
            start = max(self.sentence.words[first].start, begin)
            match = (
                _pattern("never_on").match(folded, start, self.sentence.words[stop - 1].end) if start < end else None
            )
            if match:
                what, day = next(
                    (match.start(f"what{n}"), match.start(f"day{n}")) for n in ("", "_1", "_2") if match[f"what{n}"]
                )
                value = f"faço {_word(text, what)} na {_word(text, day).lower()}"
                yield self._made(OWNER, Relation.NEVER, value, match)
                return


def _word(text: str, start: int) -> str:
    """The word that begins at a place."""
    match = re.compile(r"[\w-]+").match(text, start)
    return match.group() if match else ""
