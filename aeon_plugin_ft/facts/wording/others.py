"""Values that are not so, for questions whether something wrong is so: the neighbour's first, since that is what a
small model confuses; else one that is near (half an hour later), else one from data/never.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aeon_plugin_ft.facts.marking.readings import stem
from aeon_plugin_ft.facts.model import MANY, Relation
from aeon_plugin_ft.facts.wording.data import listed, read_toml
from aeon_plugin_ft.facts.wording.nouns import Gender, head_word, noun
from aeon_plugin_ft.facts.wording.topics import Topic
from aeon_plugin_ft.facts.wording.values import count_of
from aeon_plugin_ft.privacy.folding import fold_accents

_CLOCK = re.compile(r"^(?:[àa]s? )?(\d{1,2})(?:\s*h\s*|:)(\d{2})?(?: ?horas?)?$")
_DAYS = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")
_MONTHS = ("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro",
           "novembro", "dezembro")  # fmt: skip
_DATE = re.compile(rf"(?i)^(?:dia )?(\d{{1,2}})(?:º)?( de )({'|'.join(_MONTHS)}|marco)(.*)$")
_DAY = re.compile(r"(?i)\b(segunda|ter[çc]a|quarta|quinta|sexta|s[áa]bado|domingo)")
_NUMBER = re.compile(r"\d+")
_DECIMAL = re.compile(r"(\d[.,])(\d\d)(?!\d)")
_HOURS = ("uma", "duas", "três", "quatro", "cinco", "seis", "sete", "oito", "nove", "dez", "onze", "doze")
_CLOSED = {Relation.KIND, Relation.TRAIT, Relation.HAS}
"""Relations with several values of which another value can be told to be wrong all the same."""
_COMPUTED = {Relation.TIME, Relation.DAY, Relation.BIRTHDAY, Relation.AGE}


def wrong_values(about: Topic, beside: Sequence[Topic]) -> list[str]:
    """Values that are wrong in the place of the topic's (of a habit: times), the likeliest mistake first; [] where no
    other value can be called wrong, such as what else somebody likes. `beside` are the topics that say the same of
    others: those of its shape and attribute, itself among them."""
    relation = about.claim.relation
    if relation in MANY and relation not in _CLOSED and not about.when and not about.attribute:
        return []
    true = {_stems(one.answer) for one in beside if one.subject == about.subject} | {_stems(about.answer)}
    made = dict.fromkeys([*_neighbours(about, beside), *_near(about), *_listed(about)])
    return [value for value in made if _stems(value) not in true]


def _stems(value: str) -> tuple[str, ...]:
    """ "roxo" and "roxa" are one value."""
    return tuple(stem(word) for word in fold_accents(value).split())


def _neighbours(about: Topic, beside: Sequence[Topic]) -> Iterator[str]:
    """What the same relation says of another subject."""
    if about.claim.relation in {Relation.HAS, Relation.TRAIT, Relation.HABIT}:
        return
    animal = _is_animal(about)
    for one in beside:
        if one.subject != about.subject and not _is_same(one, about) and _is_animal(one) is animal:
            yield one.value


def _is_animal(about: Topic) -> bool:
    return head_word(about.subject) in listed("things", "animals")


def _is_same(one: Topic, about: Topic) -> bool:
    """Whether the other's value is this subject, or says the same with more or fewer words: "Volvo", "Volvo FH"."""
    stems, others = set(_stems(about.value)), set(_stems(one.value))
    return fold_accents(one.value) == fold_accents(about.subject) or stems <= others or others <= stems


def _near(about: Topic) -> Iterator[str]:
    value = about.answer
    clock, date = _CLOCK.match(value), _DATE.match(value)
    if clock:
        hour, minute = int(clock[1]), clock[2] or ""
        later = (hour + 1) % 24
        if ":" in value:
            yield f"{later:02}:{minute}"
        else:
            yield f"{later}h{minute}"
            yield f"{hour}h30" if minute != "30" else f"{hour}h"
    elif date:
        day, month = int(date[1]), date[3]
        yield f"{day % 28 + 1}{date[2]}{month}{date[4]}"
        at = [fold_accents(name) for name in _MONTHS].index(fold_accents(month))
        yield f"{day}{date[2]}{_MONTHS[(at + 3) % 12]}{date[4]}"
    elif _DAY.search(value):
        yield _DAY.sub(_next_day, value)
    elif about.shape.startswith("time"):
        yield from _other_hour(value)
    elif _DECIMAL.search(value):
        yield _DECIMAL.sub(lambda match: f"{match[1]}{(int(match[2]) + 90) % 100:02}", value, count=1)
    elif _NUMBER.search(value) and about.shape.startswith(("amount", "age", "property")):
        yield _NUMBER.sub(lambda match: _other_number(match[0]), value, count=1)
    elif counted := count_of(value):
        yield f"{counted[0] + 1} {counted[1]}"


def _next_day(match: re.Match[str]) -> str:
    names = [fold_accents(day) for day in _DAYS]
    return _DAYS[(names.index(fold_accents(match[1])) + 2) % 7]


def _other_hour(value: str) -> Iterator[str]:
    words = value.split()
    for at, word in enumerate(words):
        if fold_accents(word) in [fold_accents(hour) for hour in _HOURS]:
            names = [fold_accents(hour) for hour in _HOURS]
            yield " ".join([*words[:at], _HOURS[(names.index(fold_accents(word)) + 1) % 12], *words[at + 1 :]])
            return


def _other_number(text: str) -> str:
    number = int(text)
    # Doubled where that is how such things come (16 GB), else a few more.
    return str(number * 2 if number >= 4 and number & (number - 1) == 0 else number + max(1, number // 10))


def _listed(about: Topic) -> Iterator[str]:
    """From the lists, by the attribute's noun, else the shape, else the relation."""
    relation, lists = about.claim.relation, read_toml("never.toml")["others"]
    if relation is Relation.TRAIT:
        yield from _opposites(about.value, lists["traits"])
    elif about.shape == "name_being":
        sort = "animal" if _is_animal(about) else "person"
        yield from lists[f"{sort}_{noun(about.subject, about.names).gender.value}"]
    elif relation is Relation.KIND and noun(about.subject).being:
        yield from lists["raca"]
    elif relation is Relation.JOB:
        yield from _jobs(about, lists["job"])
    elif relation not in _COMPUTED and relation is not Relation.HAS and not about.when:
        attribute = head_word(about.attribute)
        if attribute or relation not in {Relation.PROPERTY, Relation.FAVOURITE}:
            yield from lists.get(attribute) or lists.get(about.shape) or _of_relation(relation, lists)


def _jobs(about: Topic, names: Sequence[str]) -> Iterator[str]:
    told = (about.names or {}).get("") if not about.subject else noun(about.subject, about.names).gender
    for name in names:
        feminine = {"o": name[:-1] + "a", "r": name + "a"}.get(name[-1], name)
        yield feminine if told is Gender.FEMININE else name


def _of_relation(relation: Relation, lists: dict[str, list[str]]) -> list[str]:
    return [] if relation in {Relation.PROPERTY, Relation.FAVOURITE} else lists.get(relation.value, [])


def _opposites(value: str, pairs: Sequence[str]) -> Iterator[str]:
    """ "canhota" is the opposite of "destra": in the gender of the value."""
    folded = fold_accents(value)
    for pair in pairs:
        one, other = pair.split("|")
        if folded in {fold_accents(one), fold_accents(one)[:-1] + "a"}:
            yield other[:-1] + "a" if folded.endswith("a") and other.endswith("o") else other
