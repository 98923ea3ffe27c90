"""Capitals for a text that has none: speech recognition writes "minha filha conceição é cozinheira".

The rules tell a name from its noun by its capital. Where a text has no capital at all, the words that stand where a
name stands (data/casing.toml) and may be one are given theirs; a text keeps its length, so every place stays. A word
that may as well say what somebody is like ("minha filha **caçula**") is left as it is, since half a name is a wrong
fact and a missed one is only missed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

from aeon_plugin_ft.facts.grammar.lexicon import BEFORE_NOUN, classes, member, read_toml, verb_forms
from aeon_plugin_ft.privacy.text import vocabulary

_NO_NAME = (
    "person", "pet", "thing", "event", "job", "trait", "colour", "number", "pronoun", "insult", "kin", "quality",
    "demonym", "passing_state", "weekday", "breed", "figure", "sign", "abstract", "kind", "condition", "possession",
    "thing_trait", "unnamed",
)  # fmt: skip
"""Classes whose words are told of somebody and are no name."""
_JOINTS = vocabulary("de da do dos das")
_WORD = re.compile(r"[^\W\d_][\w'-]*")
_FOREIGN = frozenset("kwy")
_PLURAL = re.compile(r"\b(?:sao|chamam)\b")
_SECOND = re.compile(r" e (?:[oa] )?(?P<name>[^\W\d_]+)")
_LONGEST_NAME = 4
"""Words."""


def with_capitals(text: str, folded: str) -> str:
    """The text with the capitals of its names; `folded` is as long. As it was where there is a capital already."""
    if text != text.lower():
        return text
    capitals = {start for start, _ in names(folded)}
    return "".join(letter.upper() if at in capitals else letter for at, letter in enumerate(text)) if capitals else text


def names(folded: str) -> set[tuple[int, int]]:
    """Where the words of names stand in a text without capitals."""
    words: set[tuple[int, int]] = set()
    for pattern, sort in _patterns():
        for match in pattern.finditer(folded):
            name = _name(folded, match.start("name"), sort)
            words |= name
            if name and _PLURAL.search(match.group()):  # "meus filhos são o davi e a laura"
                second = _SECOND.match(folded, max(end for _, end in name))
                words |= _name(folded, second.start("name"), sort) if second else set()
    return words


def broken(text: str, folded: str) -> set[int]:
    """Where the commas would stand around a name beside its noun: "meu filho mais velho, o Heitor, passou",
    "a Gislaine, minha esposa, é". `text` with its capitals."""
    places: set[int] = set()
    for match in _apposed().finditer(folded):
        for name in ("after", "first"):
            if match[name] is None:
                continue
            start = match.start(name)
            if name == "after" and (run := NAME_RUN.match(text, start + len("o "))):
                places |= {start - 1, run.end()} if run.end() < len(text) else set()
            if name == "first" and (run := NAME_RUN.match(text, start + len("o "))) and run.end() == match.end(name):
                places |= {match.end(name), match.end()}
    return places


NAME_RUN = re.compile(r"[^\W\d_a-zà-ÿ][\w'-]*(?: (?:d[aeo]s? )?[^\W\d_a-zà-ÿ][\w'-]*)*")
"""Words with capitals, and what joins them."""


@lru_cache(1)
def _apposed() -> re.Pattern[str]:
    raw = read_toml("casing.toml")
    return re.compile("|".join(_filled(one, raw) for one in raw["apposed"]))


def _filled(pattern: str, raw: dict[str, Any]) -> str:
    """A pattern with its macros and classes put in."""
    groups = {name: "|".join(sorted(map(re.escape, classes()[name]), key=len, reverse=True)) for name in raw["use"]}
    macros = {**groups, **raw["macros"]}
    return re.sub(r"\{([a-z]\w*)\}", lambda m: f"(?:{macros[m[1]]})" if m[1] in macros else m[0], pattern)


@lru_cache(1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    raw = read_toml("casing.toml")
    return tuple(
        (re.compile(rf"\b{_filled(one, raw)}(?P<name>\w)"), sort)
        for sort, alternatives in raw["patterns"].items()
        for one in alternatives
    )


def _name(folded: str, start: int, sort: str) -> set[tuple[int, int]]:
    """The words of the name that begins at `start`; none where it may be another word."""
    words = list(_words(folded, start))
    if not words:
        return set()
    first, *rest = words
    if member("title", folded[slice(*first)]) and rest and sort != "before":
        first, *rest = rest
        sort = "here"
    if not _stands_for_a_name(sort, folded[slice(*first)], _verb_follows(folded, rest)):
        return set()
    return {first, *_surnames(folded, rest)}


def _stands_for_a_name(sort: str, folded: str, alone: bool) -> bool:
    """Whether a word at such a place is a name; `alone`: a verb follows it."""
    if sort == "behind":
        return _surely(folded)
    if sort == "pet_behind":
        return alone and _pet_name(folded)
    return _may_name(folded)


def _words(folded: str, start: int) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    at = start
    while len(places) <= _LONGEST_NAME and (match := _WORD.match(folded, at)):
        places.append(match.span())
        at = match.end() + 1
        if folded[match.end() : at] != " ":
            break
    return places


def _surnames(folded: str, words: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """What follows a first name and belongs to it: "da Silva", "Clara", "Almeida"."""
    taken: set[tuple[int, int]] = set()
    for place in words:
        word = folded[slice(*place)]
        if word in _JOINTS:
            continue
        before = next((one for one, two in pairwise(words) if two == place), None)
        joined = before is not None and folded[slice(*before)] in _JOINTS
        if not member("surname", word) and (joined or not _given(word)):
            break
        taken.add(place)
    return taken


def _given(word: str) -> bool:
    return bool(member("first_name", word)) and not any(member(name, word) for name in ("colour", "weekday", "number"))


def _surely(folded: str) -> bool:
    """Whether a word right behind "minha filha" is her name: one that people have, or one in letters that Portuguese
    keeps for names and loans."""
    return _given(folded) or (_may_name(folded) and not _FOREIGN.isdisjoint(folded))


def _pet_name(word: str) -> bool:
    """Animals are called anything: Princesa, Mingau; but no breed or colour, nor what they are like."""
    likely = ("pet", "colour", "breed", "quality", "unnamed", "passing_state", "number", "kind", "thing_trait")
    return word not in BEFORE_NOUN and word not in verb_forms() and not any(member(name, word) for name in likely)


def _verb_follows(folded: str, words: list[tuple[int, int]]) -> bool:
    """Whether the noun phrase ends here; a bare "e" does not tell."""
    form = verb_forms().get(folded[slice(*words[0])]) if words else None
    adverb = bool(words) and folded[slice(*words[0])] in {"so", "ja", "nao", "nunca", "sempre", "tambem", "ainda"}
    return adverb or (form is not None and form.verb != "ser" and form.person in {"3", "3p"})


def _may_name(word: str) -> bool:
    if _given(word):
        return True
    if word in BEFORE_NOUN or len(word) < len("Zé") or any(member(name, word) for name in _NO_NAME):
        return False
    return word not in verb_forms()
