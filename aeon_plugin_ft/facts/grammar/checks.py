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
_OLDEST = 125
"""Years; also months of a baby."""


def _first_name(folded: str) -> bool:
    return bool(member("first_name", folded))


def _by_title(one: Candidate) -> bool:
    """ "dona Lurdes", "doutor Haruo": a title and whose it is."""
    title = member("title", one.folded)
    rest = one.value[len(title) + 1 :]
    return bool(title) and bool(rest) and (rest[:1].isupper() or _first_name(fold_accents(rest)))


def _spouse(one: Candidate) -> bool:
    """ "sou casado com a colheitadeira" is a joke."""
    mate = one.groups.get("mate") or ""
    return not any(member(name, mate) for name in ("possession", "thing", "abstract", "event", "no_match"))


def _blood(one: Candidate) -> bool:
    """A blood type is one: "meu sangue é leite condensado"."""
    return one.subject.head != "tipo sanguíneo" or bool(re.match(r"(?:a|b|ab|o)\b", one.folded))


def _titled(one: Candidate) -> bool:
    """ "minha sogra é **dona Neusa**", also typed without capitals: "seu antonio"."""
    name = one.value.split(maxsplit=1)[1]
    return name[:1].isupper() or _first_name(fold_accents(name))


def _after_trait(one: Candidate) -> bool:
    """ "sou canhoto **e míope**": what comes first is a trait as well."""
    return bool(member("trait", one.groups.get("first") or ""))


def _capital(one: Candidate) -> bool:
    """A make or a name: a capital letter or a digit somewhere."""
    return any(letter.isupper() or letter.isdigit() for letter in one.value)


def _caps(one: Candidate) -> bool:
    return one.value[:1].isupper()


def _lower(one: Candidate) -> bool:
    """A common noun; also one that is a word of capitals, as TI and RH are."""
    return not one.value[:1].isupper() or (one.value.isupper() and len(one.value) == len("TI"))


def _kindly(one: Candidate) -> bool:
    """ "um Gol 2012", "um pastor alemão", but not "um problema"."""
    if "thing" in one.subject.kinds and in_class("pet", one.folded):  # "meu carro é uma tartaruga"
        return False
    return _capital(one) or in_class("kind", one.folded)


def _named(one: Candidate) -> bool:
    """ "sou a Neide": a name, and neither what somebody is nor a figure of speech."""
    words = one.folded.split()
    if _by_title(one) or re.match(r"seu [A-ZÀ-Ý]\w+$", one.value):  # "o senhor é o seu Nelson"
        return True
    return (
        (_caps(one) or _first_name(one.folded))
        and len(words) <= 3
        and not _PREPOSITION.match(one.folded)
        and not any(in_class(name, one.folded) for name in _NO_NAMES)
    )


_NO_NAMES = ("insult", "job", "trait", "pronoun", "person", "team", "figure", "demonym", "abstract", "sign")


def _known_name(one: Candidate) -> bool:
    """ "sou Neide": without an article only what people are called, since "sou Corinthians" and "sou Lula" are said as
    well; every word with a capital or none."""
    words = one.value.split()
    return _first_name(one.folded) and (all(word[:1].isupper() for word in words) or len(words) == 1)


def _naming(one: Candidate) -> bool:
    """ "meu chefe é o Anselmo": a name; without a capital only for whom a name is usual, and one or two words."""
    if re.match(r"seu [A-ZÀ-Ý]", one.value) or _by_title(one):  # "o seu Osvaldo", "a irmã Lúcia"
        return True
    if _PREPOSITION.match(one.folded) or _DIGIT.search(one.folded):
        return False
    if any(in_class(name, one.folded) for name in ("insult", "colour", "pronoun", "job", "trait", "person", "kind")):
        return in_class("person", one.folded) and not _lower(one)
    if _caps(one) or _by_title(one):
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
    named = _capital(one) or in_class("usable", one.folded)
    return named and not _PREPOSITION.match(one.folded) and not _first_name(one.folded)


def _spot(one: Candidate) -> bool:
    """Somewhere in the house, where things are kept."""
    return any(member("spot", word) for word in re.findall(r"[\w-]+", one.folded))


def _one_of_many(one: Candidate) -> bool:
    """ "a gata mais velha": without "minha" it is the owner's all the same."""
    return bool(re.search(r" (?:mais \w+|do meio|cacula)$", fold_accents(one.subject.text)))


def _age(one: Candidate) -> bool:
    """No joke: "tenho 300 anos"."""
    digits = re.match(r"\d+", one.folded)
    return not digits or int(digits.group()) <= _OLDEST


def _demonym(one: Candidate) -> bool:
    return bool(member("demonym", one.groups.get("demonym") or ""))


def _origin(one: Candidate) -> bool:
    """ "sou de Sobral", "sou do Piauí", "sou do interior"; not "sou do contra"."""
    return one.groups.get("of") == "de" or _caps(one) or in_class("region", one.folded)


def _something_owned(one: Candidate) -> bool:
    """ "o Thor é meu cachorro"; not "a Bia é minha vida"."""
    named = fold_accents(one.named)
    return not any(in_class(name, named) for name in ("abstract", "idle"))


def _named_event(one: Candidate) -> bool:
    """ "tenho **terapia** toda quarta"."""
    return bool(member("event", fold_accents(one.named)))


def _company(one: Candidate) -> bool:
    """Somebody, and no thing that is had: "mora com o marido", "com a Bia"."""
    value = re.sub(r"^(?:(?:o|a|os|as|meu|minha|meus|minhas|seu|sua|seus|suas|teu|tua|um|uma) )+", "", one.folded)
    return (
        _caps(one) or _by_title(one) or _first_name(one.folded) or bool(member("person", value) or member("pet", value))
    )


def _keepsake(one: Candidate) -> bool:
    """A thing that stays where it is put: "os documentos estão na gaveta"; a telephone does not."""
    return bool(one.groups.get("always")) or bool(member("keepsake", fold_accents(one.subject.text)))


def _subject_caps(one: Candidate) -> bool:
    return one.named[:1].isupper()


def _team(one: Candidate) -> bool:
    """ "meu time é o Galo", not "meu time é horrível"."""
    team = one.subject.head.lower() in classes()["favourite_noun"]
    return not team or _caps(one) or bool(one.groups.get("the"))


CHECKS: dict[str, Check] = {
    "age": _age,
    "company": _company,
    "demonym": _demonym,
    "keepsake": _keepsake,
    "knownname": _known_name,
    "blood": _blood,
    "capital": _capital,
    "caps": _caps,
    "iscourse": _is_course,
    "isjob": _is_job,
    "istool": _is_tool,
    "kindly": _kindly,
    "lower": _lower,
    "named": _named,
    "namedevent": _named_event,
    "origin": _origin,
    "somethingowned": _something_owned,
    "naming": _naming,
    "notas": _not_an_hour,
    "spot": _spot,
    "spouse": _spouse,
    "oneofmany": _one_of_many,
    "subjectcaps": _subject_caps,
    "aftertrait": _after_trait,
    "team": _team,
    "titled": _titled,
    "using": _using,
}
