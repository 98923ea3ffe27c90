"""What a turn says in passing: whether a reply repeats something that another one told.

A grammar reads "o Jaburu tem uma GTX 1660" and leaves "teu PC é o Jaburu. Ryzen 5, 16 GB e uma GTX 1660 que já viu dias
melhores" alone. Both say the same, and a reply is believed once another one repeats it. So the words of each turn are
kept, as stems: those that its reply states, and those that it or the question names. A value is repeated by a turn that
states every word of it and names what it is a value of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from functools import lru_cache

from aeon_plugin_ft.facts.asking import stem, vocabulary
from aeon_plugin_ft.facts.marking.holding import LONG_VALUE, SHARE, is_question, sentences
from aeon_plugin_ft.facts.marking.readings import is_content, read
from aeon_plugin_ft.facts.model import OWNER, Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents

MOST = 200
"""Words of a turn that are kept; a longer reply explains something and tells nothing of the owner."""
STATED = "="
"""Before a word that the reply states. Without it: named, in the question or the reply."""
OF_OWNER = "@owner"
"""Among the words of a turn that speaks of the owner: "eu", "meu", "tu", "teu"."""
_WHOLE = frozenset({Relation.HABIT, Relation.NEVER, Relation.NOTE})
"""Their value is a sentence, which needs nothing around it to be understood."""
_HALF_DAY = 720
"""Minutes."""
_CLAUSE = re.compile(r"[,;:](?!\d)|[()—–]|\s-\s|\b(?:mas|porque)\b")
_OPEN = re.compile(r"\b(?:nao|nem|nunca|jamais|ou|se|talvez|acho|parece|deve|sera)\b")
"""What a clause with one of these says is denied, or left open."""
_OWNER_ASKS = re.compile(r"\b(?:eu|me|mim|meus?|minhas?|comigo|gente|nos|noss[oa]s?)\b")
_TO_OWNER = re.compile(r"\b(?:tu|te|ti|teus?|tuas?|contigo|voces?|vc|ce|seus?|suas?)\b")


def heard(question: str, reply: str) -> frozenset[str]:
    """The words of a turn."""
    stated: list[str] = []
    named = [*words(question), *words(reply)]
    for sentence in sentences(reply):
        for clause in [] if is_question(sentence) else _CLAUSE.split(fold_accents(sentence)):
            if not _OPEN.search(clause):
                stated += words(clause)
    owner = _OWNER_ASKS.search(fold_accents(question)) or _TO_OWNER.search(fold_accents(reply))
    kept = [*(STATED + word for word in stated), *([OF_OWNER] if owner else []), *named]
    return frozenset(list(dict.fromkeys(kept))[:MOST])


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """What a text says, as stems, times of half a day ("t:120"), dates ("d:8/8") and numbers, by themselves and with
    the word before and behind ("#16", "#16 gb")."""
    return (*_moments(text), *(form for forms in _spoken(text) for form in forms))


def _needed(text: str) -> tuple[str, ...]:
    """The words that say a value: a number with what it counts, else with what it is the number of ("ryzen #5")."""
    return (*_moments(text), *(forms[-1] for forms in _spoken(text)))


def _moments(text: str) -> list[str]:
    reading = read(text)
    times = [f"t:{clock.minutes % _HALF_DAY}" for clock in reading.times]
    return [*times, *(f"d:{day}/{month}" for day, month in reading.dates)]


def _spoken(text: str) -> list[tuple[str, ...]]:
    """Each word of a text in every form that it may be known again by, the one that says most last."""
    tokens = read(text).rest
    said: list[tuple[str, ...]] = []
    for at, token in enumerate(tokens):
        if not is_content(token):
            continue
        if not token.startswith("#"):
            said.append((_word(token),))
            continue
        beside = (tokens[at - 1] if at else "", tokens[at + 1] if at + 1 < len(tokens) else "")
        before, behind = (_word(other) if other[:1].isalpha() and is_content(other) else "" for other in beside)
        forms = (token, f"{before} {token}" if before else "", f"{token} {behind}" if behind else "")
        said.append(tuple(form for form in forms if form))
    return said


def _word(token: str) -> str:
    return token if token.startswith("sem:") else stem(token)


@lru_cache(maxsize=8192)
def said_by(relation: Relation, value: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words that say a value, and those of them that may not be missing: names, numbers and times. Both are empty
    where too little is said to know it again."""
    timed = f"às {value}" if relation is Relation.TIME and not read(value).times else value
    every = frozenset(_needed(timed))
    if len(every) < (2 if relation in _WHOLE else 1):
        return frozenset(), frozenset()
    if len(every) < LONG_VALUE:
        return every, every
    names = {stem(fold_accents(word)) for word in re.findall(r"(?<!^)\b[^\W\d_]+", value) if word[:1].isupper()}
    return every, frozenset(word for word in every if word in names or ":" in word or "#" in word)


def key_words(relation: Relation, value: str) -> list[str]:
    """Words of which every turn that repeats a value states one; none where too little is said to know it again."""
    every, sure = said_by(relation, value)
    missing = 0 if sure else len(every) - math.ceil(SHARE * len(every))
    longest = sorted(sure or every, key=lambda word: (-len(word), word))
    return [f"{STATED}{word}" for word in longest[: missing + 1]]


def repeats(claim: Claim, subjects: Iterable[str], turn: Container[str]) -> bool:
    """Whether a turn with these words says again what a claim says of its subject; `subjects` are all that it is
    called."""
    every, sure = said_by(claim.relation, claim.value)
    stated = [word for word in every if STATED + word in turn]
    if not stated or any(STATED + word not in turn for word in sure) or len(stated) < SHARE * len(every):
        return False
    return _is_about(claim, subjects, turn)


def _is_about(claim: Claim, subjects: Iterable[str], turn: Container[str]) -> bool:
    if claim.subject != OWNER:
        # The name itself does not tell what it is the name of.
        own = said_by(claim.relation, claim.value)[0] if claim.relation is Relation.NAME else frozenset()
        return any(word in turn and word not in own for subject in subjects for word in words(subject))
    if OF_OWNER not in turn:
        return False
    if claim.relation in _WHOLE or any(word in turn for word in words(claim.attribute)):
        return True
    if claim.attribute and claim.relation is not Relation.FAVOURITE:
        return False
    return any(word in turn for word in _asking_for(claim.relation))


@lru_cache(maxsize=64)
def _asking_for(relation: Relation) -> tuple[str, ...]:
    return tuple(word for word, relations in vocabulary().relations.items() if relation in relations)
