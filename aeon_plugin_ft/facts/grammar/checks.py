"""Conditions that rules.toml puts on a value, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aeon_plugin_ft.facts.grammar.lexicon import classes, member
from aeon_plugin_ft.facts.grammar.subjects import Subject
from aeon_plugin_ft.facts.grammar.values import in_class
from aeon_plugin_ft.privacy.folding import fold_accents


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value as it was written and folded, the subject, and the groups of the rule's pattern (folded); `named` is the
    text of the group "subject" as it was written."""

    value: str
    folded: str
    subject: Subject
    groups: Mapping[str, str | None]
    named: str = ""


Check = Callable[[Candidate], bool]
_PREPOSITION = re.compile(r"(?:de|do|da|em|no|na|pra|para|com|sem|por|as|meu|minha|teu|tua|seu|sua|que|quem)\b")
_DIGIT = re.compile(r"\d")


def _capital(one: Candidate) -> bool:
    """A make or a name: a capital letter or a digit somewhere."""
    return any(letter.isupper() or letter.isdigit() for letter in one.value)


def _caps(one: Candidate) -> bool:
    return one.value[:1].isupper()


def _lower(one: Candidate) -> bool:
    return not one.value[:1].isupper()


def _kindly(one: Candidate) -> bool:
    """ "um Gol 2012", "um pastor alemão", but not "um problema"."""
    return _capital(one) or in_class("kind", one.folded)


def _named(one: Candidate) -> bool:
    """ "sou a Neide": a name, and neither what somebody is nor a figure of speech."""
    words = one.folded.split()
    return (
        _caps(one)
        and len(words) <= 3
        and not _PREPOSITION.match(one.folded)
        and not any(in_class(name, one.folded) for name in ("insult", "job", "trait", "pronoun", "person"))
    )


def _naming(one: Candidate) -> bool:
    """ "meu chefe é o Anselmo": a name; without a capital only for whom a name is usual, and one or two words."""
    if re.match(r"seu [A-ZÀ-Ý]", one.value):  # "o seu Osvaldo"
        return True
    if _PREPOSITION.match(one.folded) or _DIGIT.search(one.folded):
        return False
    if any(in_class(name, one.folded) for name in ("insult", "colour", "pronoun", "job", "trait", "person", "kind")):
        return in_class("person", one.folded) and not _lower(one)
    if _caps(one) or in_class("title", one.folded):
        return len(one.folded.split()) <= 5
    return bool(one.subject.kinds & {"person", "pet"}) and len(one.folded.split()) <= 2


def _not_an_hour(one: Candidate) -> bool:
    return bool(re.search(r"[a-z]{2}", one.folded)) and not _PREPOSITION.match(one.folded)


def _is_job(one: Candidate) -> bool:
    return bool(member("job", one.groups.get("job") or ""))


def _is_tool(one: Candidate) -> bool:
    return bool(member("tool", one.groups.get("attribute") or ""))


def _is_course(one: Candidate) -> bool:
    return bool(member("course", one.groups.get("course") or ""))


def _using(one: Candidate) -> bool:
    """ "uso Neovim", "uso óculos"; not "uso o de sempre"."""
    return (_capital(one) or in_class("usable", one.folded)) and not _PREPOSITION.match(one.folded)


def _spot(one: Candidate) -> bool:
    """Somewhere in the house, where things are kept."""
    return any(member("spot", word) for word in re.findall(r"[\w-]+", one.folded))


def _one_of_many(one: Candidate) -> bool:
    """ "a gata mais velha": without "minha" it is the owner's all the same."""
    return bool(re.search(r" (?:mais \w+|do meio|cacula)$", fold_accents(one.subject.text)))


def _subject_caps(one: Candidate) -> bool:
    return one.named[:1].isupper()


def _team(one: Candidate) -> bool:
    """ "meu time é o Galo", not "meu time é horrível"."""
    team = one.subject.head.lower() in classes()["favourite_noun"]
    return not team or _caps(one) or bool(one.groups.get("the"))


CHECKS: dict[str, Check] = {
    "capital": _capital,
    "caps": _caps,
    "iscourse": _is_course,
    "isjob": _is_job,
    "istool": _is_tool,
    "kindly": _kindly,
    "lower": _lower,
    "named": _named,
    "naming": _naming,
    "notas": _not_an_hour,
    "spot": _spot,
    "oneofmany": _one_of_many,
    "subjectcaps": _subject_caps,
    "team": _team,
    "using": _using,
}
