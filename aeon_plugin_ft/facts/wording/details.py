"""Open questions about what the owner does, likes and has, of which the plain shapes only ask whether it is so.

tomo café coado, sem açúcar   "como eu tomo café?"           odeio Java             "que linguagem eu odeio?"
tomo três xícaras de café     "quantas xícaras eu tomo?"     o PC tem uma GTX 1660  "que placa de vídeo tem o PC?"
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import head_word, is_being, is_name, noun
from aeon_plugin_ft.facts.wording.persons import Person, Speech
from aeon_plugin_ft.facts.wording.phrases import Use, open_questions
from aeon_plugin_ft.facts.wording.templates import fill
from aeon_plugin_ft.facts.wording.topics import Topic
from aeon_plugin_ft.facts.wording.values import count_of
from aeon_plugin_ft.privacy.folding import fold_accents

_EU = Speech(Person.EU)
_DEED = re.compile(r"^(?P<verb>[^\W\d_]+) (?P<thing>[^\W\d_]+)(?P<rest>[ ,].+)$")
_COUNTED = re.compile(r"^(?P<verb>[^\W\d_]+) (?P<rest>.+)$")
_SMALL = frozenset({"o", "a", "os", "as", "um", "uma", "de", "da", "do", "em", "na", "no", "com", "pra", "para", "por"})


def detail_questions(about: Topic) -> list[str]:
    """Open questions for lessons; [] for what has questions of its own, or of which nothing more is known."""
    match about.shape:
        case "habit_owner":
            return _of_deed(about)
        case "has_other":
            sort = sort_of(about.value)
            return open_questions(replace(about, shape="property_other", attribute=sort), Use.LESSON) if sort else []
        case "likes_owner" | "dislikes_owner":
            sort = sort_of(about.value)
            return _filled(about.shape.removesuffix("_owner"), replace(about, attribute=sort)) if sort else []
        case "kind_other" if is_name(about.subject):
            short = about.with_value(about.value.split(" ")[0])
            return list(dict.fromkeys(_filled("kind", short) + _filled("kind", about)))
        case "trait_other" if not is_being(head_word(about.subject)):
            return _filled("trait", about)
    return []


@lru_cache(maxsize=512)
def sort_of(value: str) -> str:
    """What sort of thing a value names: "processador" of "Ryzen 5"; "" where its words do not tell."""
    folded = f" {fold_accents(value)} "
    return next((sort for sort, words in _sorts() if any(f" {word} " in folded for word in words)), "")


@lru_cache(maxsize=1)
def _sorts() -> tuple[tuple[str, tuple[str, ...]], ...]:
    listed = read_toml("details.toml")["sorts"].items()
    parts = ((sort, text.replace("\n", "|").split("|")) for sort, text in listed)
    return tuple((sort, tuple(fold_accents(word.strip()) for word in words if word.strip())) for sort, words in parts)


def _of_deed(about: Topic) -> list[str]:
    """Of "tomo café coado": how; of "tomo três xícaras de café": how many. Nothing where what is done is all there is
    ("rego as plantas")."""
    counted = _COUNTED.match(about.deed)
    count = count_of(counted["rest"]) if counted else None
    if counted and count:
        things = re.split(r",| (?:por|ao|todo|toda|no|na|de manhã|de tarde|de noite) ", count[1])[0]
        thing = things.rsplit(" de ", 1)[-1] if " de " in things else ""
        return _with_words("count", replace(about, value=counted["rest"]), counted["verb"], thing, things)
    deed = _DEED.match(about.deed)
    if deed is None or fold_accents(deed["thing"]) in _SMALL:
        return []
    return _with_words("how", about, deed["verb"], deed["thing"], "")


def _with_words(part: str, about: Topic, verb: str, thing: str, things: str) -> list[str]:
    own = noun(thing)
    words = {
        "{verb}": verb, "{things}": things, "{thing}": thing,
        "{meu}": own.pick("o meu", "a minha"), "{do meu}": own.pick("do meu", "da minha"),
    }  # fmt: skip
    made = []
    for template in read_toml("details.toml")[part]["ask"]:
        slots = {slot for slot in words if slot in template}
        if all(words[slot] for slot in slots):
            made.append(_replaced(template, words))
    return [text for text in (fill(one, about, _EU) for one in made) if text]


def _replaced(template: str, words: dict[str, str]) -> str:
    for slot, word in words.items():
        template = template.replace(slot, word)
    return template


def _filled(part: str, about: Topic) -> list[str]:
    texts: Iterable[str | None] = (fill(one, about, _EU) for one in read_toml("details.toml")[part]["ask"])
    return [text for text in texts if text]
