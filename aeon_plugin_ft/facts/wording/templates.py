"""The small language of data/questions.toml, filled with a topic's words.

    fill("qual é o nome {de S}?", topic, Speech(Person.EU))   -> "qual é o nome da minha gata?"

A template whose words the topic does not have ("{quando}" of a habit without a time) gives None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from aeon_plugin_ft.facts.wording import values
from aeon_plugin_ft.facts.wording.nouns import Gender, Noun, is_infinitive, noun, with_articles
from aeon_plugin_ft.facts.wording.persons import Doing, Speech, doing, doing_infinitive, turned
from aeon_plugin_ft.facts.wording.topics import Topic
from aeon_plugin_ft.privacy.folding import fold_accents

_SLOT = re.compile(r"\{(?:(?P<prefix>[^\s{}:]+) )?(?P<name>[^\s{}:]+)(?::(?P<form>\w+))?\}"
                   r"|\[(?P<agrees>[save]):(?P<forms>[^\]]+)\]|<(?P<counts>[sa]):(?P<numbers>[^>]+)>")  # fmt: skip
_OWN_WORD = re.compile(r"(?i)^(?:[oa]s? )?(meus?|minhas?|noss[oa]s?)\b")
_ADJECTIVE = re.compile(r"(?i)^(pret|branc|amarel|rox|vermelh|dourad|pratead|rajad|malhad|pintad|escur|clar)[oa](s?)$")
_SECOND = re.compile(r" e [oa]s? ")
CHOICE = " | "
"""Between the values of a question that leaves a choice."""


class _Missing(Exception):
    """The topic has no such word."""


def fill(template: str, about: Topic, speech: Speech) -> str | None:
    """The template with the topic's words, spoken by or to whom `speech` says."""
    words = _Words(about, speech)
    try:
        return "".join(part if isinstance(part, str) else words.of(part) for part in _parts(template))
    except _Missing:
        return None


@lru_cache(maxsize=2048)
def _parts(template: str) -> tuple[str | re.Match[str], ...]:
    parts: list[str | re.Match[str]] = []
    at = 0
    for slot in _SLOT.finditer(template):
        parts += [template[at : slot.start()], slot]
        at = slot.end()
    return (*parts, template[at:])


class _Words:
    """The words of one topic, each made when a template asks for it."""

    def __init__(self, about: Topic, speech: Speech) -> None:
        self.about = about
        self.speech = replace(speech, names=about.names)

    def of(self, slot: re.Match[str]) -> str:
        if slot["agrees"]:
            return self._agreeing(slot["agrees"]).pick(*slot["forms"].split("|"))
        if slot["counts"]:
            one, many = slot["numbers"].split("|")
            return many if self._agreeing(slot["counts"]).plural else one
        name, prefix = slot["name"], slot["prefix"] or ""
        if name == "meu":
            return self._meu(slot["form"] or "m")
        if name in {"S", "s"}:
            return self.speech.thing(self._subject(), prefix, article=name == "S")
        if name == "A":
            return self._attribute(prefix)
        if name == "V":
            return self._value(prefix)
        return self._simple(name)

    def _agreeing(self, which: str) -> Noun:
        if which == "s":
            return self._subject()
        if which == "a":
            return noun(self.about.attribute, self.about.names)
        if which == "e":
            return Noun("", (self.about.names or {}).get("", Gender.MASCULINE))
        counted = values.count_of(self.about.value)
        return noun(counted[1] if counted else self.about.value, self.about.names)

    def _subject(self) -> Noun:
        if not self.about.subject:
            raise _Missing
        one = noun(self.about.subject, self.about.names)
        what, beside, whom = one.text.partition(" com ")
        if not _SECOND.search(whom):
            return one
        # The grammar leaves out an article where a noun phrase begins, and so the first one's.
        return replace(one, text=f"{what} {with_articles(whom, beside.strip(), self.about.names)}")

    def _meu(self, form: str) -> str:
        return self.speech.possessive(Noun("", Gender(form)))

    def _attribute(self, prefix: str) -> str:
        if not self.about.attribute:
            raise _Missing
        if is_infinitive(self.about.attribute):
            return f"{prefix} {self.about.attribute}".strip()
        one = noun(self.about.attribute)
        if prefix == "meu":
            return f"{self.speech.possessive(one)} {one.text}"
        if prefix == "um":
            return f"{one.pick('um', 'uma', 'uns', 'umas')} {one.text}"
        return one.after("" if prefix == "o" else prefix) if prefix else one.text

    def _value(self, prefix: str) -> str:
        shown = [self._one_value(prefix, part) for part in self.about.value.split(CHOICE)]
        return " ou ".join(shown)

    def _one_value(self, prefix: str, value: str) -> str:
        if prefix == "vira":
            return turned(value, self.speech)
        own = _OWN_WORD.match(value)
        if own and not own[0].lower().startswith(("o ", "a ", "os ", "as ")) and prefix:
            value = f"{noun(own[1]).pick('o', 'a')} {value}"
        value = turned(value, self.speech, verbs=False)
        if prefix in {"é", "sou"}:
            return self._job(value, prefix)
        if prefix == "cor":
            return self._colour(value)
        if prefix in {"o", "com"}:
            return self._named(value, "" if prefix == "o" else prefix)
        return _PREFIXES[prefix](value) if prefix else value

    def _job(self, value: str, verb: str) -> str:
        """What somebody is, or the field: "é enfermeira", "trabalha com logística"."""
        several = bool(self.about.subject) and self._subject().plural
        if values.is_field(value):
            return f"{'trabalho' if verb == 'sou' else 'trabalham' if several else 'trabalha'} com {value}"
        return f"{'são' if several else verb} {value}"

    def _colour(self, value: str) -> str:
        """A colour that agrees with what has it: "vermelha" of "a cor é vermelha" is "o carro é vermelho"."""
        told = _ADJECTIVE.match(value)
        return f"{told[1]}{self._subject().pick('o', 'a')}" if told and self.about.subject else value

    def _named(self, value: str, preposition: str) -> str:
        """A person, a pet or a thing by name, with the article; several with theirs."""
        told = dict(self.about.names or {})
        # Of several ("meus pais são a Ana e o João") the noun tells no gender.
        if self.about.shape == "name_being" and " e " not in value:
            told.setdefault(fold_accents(value), self._subject().gender)
        return with_articles(value, preposition, told)

    def _simple(self, name: str) -> str:
        about = self.about
        if name in {"faço", "faz", "fazer"}:
            forms = self._doing()
            return {"faço": forms.first, "faz": forms.third, "fazer": forms.infinitive}[name]
        counted = values.count_of(about.value)
        found = {
            "eu": self.speech.owner,
            "dono": self.speech.of_owner,
            "comigo": self.speech.with_owner,
            "subject": about.subject,
            "quando": " ou ".join(about.when.split(CHOICE)),
            "N": counted[1] if counted else "",
        }[name]
        if not found and name != "dono":
            raise _Missing
        return found

    def _doing(self) -> Doing:
        deed = self.about.deed
        forms = doing_infinitive(deed, self.speech) if is_infinitive(deed) else doing(deed, self.speech)
        if forms is None:
            raise _Missing
        return forms


def _years(value: str) -> str:
    return value if re.search(r"(?i)anos?|m[eê]s|meses|semanas?|dias?", value) else f"{value} anos"


_PREFIXES: dict[str, Callable[[str], str]] = {
    "de": values.of,
    "em": values.in_place,
    "no": values.where,
    "da": values.of_place,
    "na": values.at_company,
    "às": values.at_time,
    "dia": values.on_day,
    "um": values.a_thing,
    "anos": _years,
}
