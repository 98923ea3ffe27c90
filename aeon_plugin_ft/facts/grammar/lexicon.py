"""The words that the grammar knows, read once from data/: classes of nouns, forms of verbs, patterns.

Nothing is read before the first sentence, so that importing the package costs nothing.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from aeon_plugin_ft.privacy.folding import fold_accents
from aeon_plugin_ft.privacy.text import vocabulary

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).parent / "data"
LONGEST_PHRASE = 4
"""Words of the longest entry of a class and of the longest verb form."""

BEFORE_NOUN = vocabulary("do da de dos das no na nos nas o a os as um uma meu minha teu tua seu sua")
"""Behind these a word is a noun, also where a verb is spelt like it: "a mesa da cozinha"."""

_INFLECTED = frozenset(
    {"person", "pet", "thing", "possession", "kind", "job", "trait", "condition", "spot", "keepsake", "kin"}
)
"""Classes of nouns of which also plurals and diminutives are meant; "Taís" is no plural of "tal"."""
_SHORTEST_PLURAL = 3
_PLURALS = (
    ("s", ""),
    ("oes", "ao"),
    ("aes", "ao"),
    ("ns", "m"),
    ("res", "r"),
    ("zes", "z"),
    ("ais", "al"),
    ("eis", "el"),
)
_DIMINUTIVES = (("quinha", "ca"), ("quinho", "co"), ("zinho", ""), ("zinha", ""), ("inho", "o"), ("inha", "a"))
_ENTRY = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True, slots=True)
class VerbForm:
    """`verb` is the infinitive; `person` "1" (I), "1p" (we), "3", "3p", "0" for what no rule may read."""

    verb: str
    person: str


def read_toml(name: str) -> dict[str, Any]:
    """A file of data/ as it stands."""
    with (DATA / name).open("rb") as file:
        return cast("dict[str, Any]", tomllib.load(file))


@lru_cache(1)
def classes() -> dict[str, frozenset[str]]:
    """Class to its words and phrases, folded."""
    raw = read_toml("words.toml")["classes"]
    return {name: frozenset(fold_accents(m[1] or m[2]) for m in _ENTRY.finditer(text)) for name, text in raw.items()}


@lru_cache(1)
def job_endings() -> tuple[str, ...]:
    """Endings that make a word a profession."""
    return tuple(read_toml("words.toml")["suffixes"]["job"])


def member(name: str, folded: str) -> str:
    """The longest entry of a class that the folded text begins with, "" when there is none."""
    entries = classes()[name]
    words = folded.split(maxsplit=LONGEST_PHRASE)[:LONGEST_PHRASE]
    for count in range(len(words), 0, -1):
        phrase = " ".join(words[:count]).rstrip(",.;:!")
        if phrase in entries:
            return phrase
        if name in _INFLECTED and any(
            " ".join((base, *words[1:count])).rstrip(",.;:!") in entries for base in _bases(words[0])
        ):
            return phrase
    if name == "job" and words and words[0].rstrip(",.").endswith(job_endings()):
        return words[0].rstrip(",.")
    return ""


@lru_cache(4096)
def _bases(word: str) -> tuple[str, ...]:
    """What a noun may be the plural or the diminutive of: "calopsitas", "barraquinha"."""
    word = word.rstrip(",.;:!")
    singulars = [word] if len(word) > _SHORTEST_PLURAL else []
    for ending, singular in _PLURALS if singulars else ():
        if word.endswith(ending):
            singulars.append(word.removesuffix(ending) + singular)
    small = [
        one.removesuffix(ending) + base
        for one in singulars
        for ending, base in _DIMINUTIVES
        if one.endswith(ending) and len(one) > len(ending) + 2
    ]
    return (*singulars[1:], *small)


@lru_cache(1)
def verb_forms() -> dict[str, VerbForm]:
    """Folded form ("moro", "se chama") to the verb and its person."""
    raw = read_toml("verbs.toml")
    forms: dict[str, VerbForm] = {}
    for verb in (*raw["irregular"], *raw["regular"]["read"].split(), *raw["regular"]["habit"].split()):
        for form, person in zip(_present(verb), ("1", "3", "3p", "1p"), strict=True):
            forms.setdefault(fold_accents(form), VerbForm(verb, person))
    for form, (verb, person) in raw["forms"].items():
        forms[fold_accents(form)] = VerbForm(verb, person)
    return forms


def says_something(text: str) -> bool:
    """Whether a verb stands in the text, as it was written: then it is no bare noun phrase."""
    before = ""
    for word in text.split():
        folded = fold_accents(word.strip(",.;:!?"))
        form = verb_forms().get(folded) if word != "e" and before not in BEFORE_NOUN else None
        if form is not None and form.person in {"3", "3p"}:
            return True
        before = folded
    return False


@lru_cache(None)
def verb_class(name: str) -> frozenset[str]:
    """Infinitives of a class of verbs.toml: "habit", "abstain", "daily"."""
    return frozenset(read_toml("verbs.toml")["regular"][name].split())


@lru_cache(256)
def first_person(verb: str) -> str:
    """ "faço" for "fazer"."""
    return _present(verb)[0]


def _present(verb: str) -> tuple[str, str, str, str]:
    """I, he, they, we; of an irregular verb as the data says."""
    irregular = _irregular().get(verb)
    if irregular:
        return irregular
    stem, ending = verb[:-2], verb[-2:]
    theme = {"ar": "a", "er": "e", "ir": "e"}.get(ending, "a")
    return f"{stem}o", f"{stem}{theme}", f"{stem}{theme}m", f"{verb[:-1]}mos"


@lru_cache(1)
def _irregular() -> dict[str, tuple[str, str, str, str]]:
    return {verb: (a, b, c, d) for verb, (a, b, c, d) in read_toml("verbs.toml")["irregular"].items()}


@lru_cache(1)
def leads() -> dict[str, re.Pattern[str]]:
    """What may come before a statement, by what it means."""
    return {name: re.compile(pattern) for name, pattern in read_toml("leads.toml").items()}


@lru_cache(1)
def refusals() -> dict[str, dict[str, re.Pattern[str]]]:
    """Patterns that make a sentence or a clause say nothing, by scope and name."""
    raw = read_toml("refusals.toml")
    return {scope: {name: re.compile(pattern) for name, pattern in patterns.items()} for scope, patterns in raw.items()}
