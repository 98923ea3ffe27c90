"""Nouns in a Portuguese sentence: gender, number, article, and what a preposition makes of it.

noun("gata").after("de")      -> "da gata"
noun("Farol").after("em")     -> "no Farol"
noun("chefe", names).gender   -> as the facts tell: the chefe who is called Renata is a woman
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from aeon_plugin_ft.facts.wording.data import listed
from aeon_plugin_ft.privacy.folding import fold_accents

_JOINED = {"de": "d", "em": "n", "por": "pel"}
_TO = {"o": "pro", "a": "pra", "os": "pros", "as": "pras"}
_WORDS = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_FEMININE = re.compile(r"(?:a|as|[cs]ao|coes|soes|dade|dades|gem|gens|tude|ice|ie|ine|ene|ele|elle|ane|iz|is|ris)$")
_FEMININE_NOUN = re.compile(r"(?:a|as|[cs]ao|coes|soes|dade|dades|gem|gens|tude|ice)$")
_LEADING_ARTICLE = re.compile(r"(?i)^(os?|as?|um|uma|uns|umas)\s+(?=\S)")
_INFINITIVE = re.compile(r"(?:[aei]r|por)$")
_SHORT_VERBS = frozenset({"ler", "ver", "ter", "ser", "dar", "vir", "rir", "ir", "por"})
_TITLE = re.compile(
    r"^((?i:doutor|doutora|dona|seu|dr\.?|dra\.?|professor|professora|padre|pastor|tia|tio)) (?=[A-ZÀ-Ý])"
)
_OF_SOMEBODY = re.compile(r"\b(?:d[ao]s? |de [A-ZÀ-Ý][^\WA-ZÀ-Ý])")
_AND = re.compile(r"(,? e |, )")
_GRANDFATHER = re.compile(r"(?i)^(?:bis)?a?vôs?$")


class Gender(str, Enum):
    """Of a noun or of a person."""

    MASCULINE = "m"
    FEMININE = "f"


Names = Mapping[str, Gender]
"""What the facts tell of proper names and of nouns of two genders, folded; "" is the owner."""


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun phrase without article. `proper`: a name, which takes the plain article; a common noun of the owner's
    takes the possessive."""

    text: str
    gender: Gender
    plural: bool = False
    proper: bool = False
    being: bool = False

    @property
    def article(self) -> str:
        """o, a, os, as."""
        return self.pick("o", "a", "os", "as")

    def pick(self, masculine: str, feminine: str, masculines: str = "", feminines: str = "") -> str:
        """The form that agrees; the plural adds an "s" where it is not given."""
        one, many = (masculine, masculines) if self.gender is Gender.MASCULINE else (feminine, feminines)
        return (many or one + "s") if self.plural else one

    def after(self, preposition: str = "") -> str:
        """With its article, contracted with the preposition: "da gata", "no PC", "com a gata"."""
        return with_article(preposition, self.article, self.text)


def with_article(preposition: str, article: str, text: str) -> str:
    """Preposition, article ("" for none) and text: ("de", "a", "gata") is "da gata"."""
    if not article:
        return f"{preposition} {text}".strip()
    if preposition == "pra":
        return f"{_TO[article]} {text}"
    joined = _JOINED.get(preposition)
    start = f"{joined}{article}" if joined else f"{preposition} {article}".strip()
    return f"{start} {text}"


def contracted(preposition: str, text: str) -> str:
    """A preposition before text as it was written, which may begin with an article: "de" + "a chuva" = "da chuva"."""
    article = _LEADING_ARTICLE.match(text)
    if article is None or article[1].lower() in {"um", "uma", "uns", "umas"}:
        return f"{preposition} {text}"
    return with_article(preposition, article[1].lower(), text[article.end() :])


def with_articles(names: str, preposition: str = "", told: Names | None = None) -> str:
    """Names in a row, each with its article: "com a Bruna e a Kelly". What is no name, or has an article, stays as it
    is; so does all of it where the first is none."""
    parts = _AND.split(names)
    if not is_name(parts[0]):
        return f"{preposition} {names}".strip()
    first, *others = (noun(part, told).after(preposition if at == 0 else "") if is_name(part) else part
                      for at, part in enumerate(parts))  # fmt: skip
    return first + "".join(others)


def head_word(text: str) -> str:
    """The noun that the phrase is about, folded: "hd" of "HD de backup", "amiga" of "melhor amiga"."""
    parts = [fold_accents(word) for word in _WORDS.findall(text)]
    before = listed("gender", "before_noun")
    return next((word for word in parts if word not in before), parts[0] if parts else "")


@lru_cache(maxsize=512)
def _noun(text: str, told: Gender | None) -> Noun:
    head = head_word(text)
    proper = is_name(text)
    singular = head.endswith("s") and head in listed("gender", "singular")
    plural = not proper and not singular and (head in listed("gender", "plural") or _looks_plural(head))
    if _GRANDFATHER.match(text.split(" ")[0]):
        # Without its accent it is the grandmother.
        told = Gender.MASCULINE
    gender = told or (name_gender(text) if proper else noun_gender(head))
    return Noun(text, gender, plural, proper, is_being(head))


def noun(text: str, names: Names | None = None) -> Noun:
    """The noun phrase `text`; `names` tells the gender where the word does not, and what is a name though it was typed
    in small letters."""
    told = names.get(fold_accents(text)) if names else None
    if told is not None and text[:1].islower() and not is_either(text):
        text = text[:1].upper() + text[1:]
    return _noun(text, told)


def is_name(text: str) -> bool:
    """Whether it is called so, rather than being one: "Farol", but not "PC", "gata" or "Raspberry Pi"."""
    title = _TITLE.match(text)
    if title:
        return text[title.end() :][:1].isupper()
    if not text[:1].isupper():
        # "iPhone do trabalho" and "notebook Dell" begin with the noun.
        return False
    head = head_word(text)
    return head not in listed("things", "common") and not is_being(head)


def of_somebody(text: str) -> bool:
    """Whether it says already whose it is, or which: "cachorro da Lívia", "chave do carro" take no possessive."""
    return _OF_SOMEBODY.search(text) is not None


def is_being(head: str) -> bool:
    """Whether the noun, folded, is a person or an animal: "gata", "filhos"."""
    return head in listed("things", "beings") or head.removesuffix("s") in listed("things", "beings")


def is_infinitive(text: str) -> bool:
    """Whether it is something one does: "acordar", "dormir cedo"."""
    first = fold_accents(text.split()[0]) if text.split() else ""
    # "celular", "bar", "mulher" and "professor" are things; few nouns in -ar, -er, -ir are.
    nouns = {"celular", "bar", "mulher", "lar", "jantar", "mar", "par", "ar", "colar", "altar", "pomar", "cartaz"}
    return first in _SHORT_VERBS or (
        len(first) > 3 and _INFINITIVE.search(first) is not None and first not in nouns and not is_name(text)
    )


def noun_gender(head: str) -> Gender:
    """Of a common noun, folded."""
    # "reuniões" as "reunião", "aulas" as "aula".
    singular = head.removesuffix("oes") + "ao" if head.endswith("oes") else head.removesuffix("s")
    for form in (head, singular):
        if form in listed("gender", "feminine"):
            return Gender.FEMININE
        if form in listed("gender", "masculine"):
            return Gender.MASCULINE
    feminine = _FEMININE_NOUN.search(head) or _FEMININE_NOUN.search(singular)
    return Gender.FEMININE if feminine else Gender.MASCULINE


@lru_cache(maxsize=512)
def name_gender(name: str) -> Gender:
    """A guess from a proper name, by lists and endings."""
    title = _TITLE.match(name)
    if title:
        return Gender.FEMININE if title[1].lower().rstrip(".").endswith("a") else Gender.MASCULINE
    parts = [fold_accents(word) for word in _WORDS.findall(name)]
    first = parts[0] if parts else ""
    if first in listed("first_names", "masculine"):
        return Gender.MASCULINE
    if first in listed("first_names", "feminine") or first in listed("gender", "feminine"):
        return Gender.FEMININE
    return Gender.FEMININE if _FEMININE.search(first) else Gender.MASCULINE


def is_either(text: str) -> bool:
    """Whether the noun itself leaves the gender open: "chefe", "dentista", "cardiologista"."""
    head = head_word(text)
    things = {"lista", "revista", "pista", "vista", "entrevista", "conquista"}
    return head in listed("gender", "either") or (head.endswith(("ista", "iatra")) and head not in things)


def _looks_plural(head: str) -> bool:
    return len(head) > 3 and head.endswith("s") and not head.endswith(("ss", "us"))
