"""What a claim is about, as the wordings see it: which questions fit it, and the words that they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, Relation
from aeon_plugin_ft.facts.wording.data import read_toml
from aeon_plugin_ft.facts.wording.nouns import (
    Gender,
    Names,
    head_word,
    is_either,
    is_infinitive,
    is_name,
    name_gender,
    noun,
    noun_gender,
)
from aeon_plugin_ft.facts.wording.persons import Person, Speech, doing, verb_forms
from aeon_plugin_ft.facts.wording.values import count_of, is_amount, plain, scheduled
from aeon_plugin_ft.privacy.folding import fold_accents

_FEMALE = re.compile(
    r"(?:mae|esposa|mulher|avo|dona|tia|medica|tecnica|mecanica|diabetica|catolica|alergica|solteira|viuva"
    r"|\w+(?:eira|ora|ada|ana|iva|osa|eta|inha|ega))\b"
)
_FOR = re.compile(r"(?i)^(?:pra|para|de)\s+(?=\S)")
_EU = Speech(Person.EU)
_DOING = {Relation.TIME: "time", Relation.DAY: "day", Relation.PLACE: "place", Relation.WITH: "with"}
_SIDES = {
    "cor": "property_colour",
    "idade": "age_other",
    "": "trait_other",
    "o que faz": "does_other",
    "feito em": "made_other",
}
"""Shapes of attributes that are no plain noun."""
_STATE = re.compile(r"(?i)(?:[ai]d[oa]|noiv[oa]|junt[oa])$")
"""casado, noiva: what one is with somebody."""
_PEOPLE_ONLY = {Relation.NAME, Relation.CALLED, Relation.BIRTHDAY, Relation.AGE, Relation.KIND}
"""Of these an attribute of the owner's names whose it is."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A claim ready to be worded. `shape` names its questions (data/questions.toml); `deed` is what is done, in the
    owner's first person or the infinitive, and `when` the time that goes with it. `names` are genders that the facts
    tell."""

    claim: Claim
    shape: str
    subject: str
    value: str
    attribute: str = ""
    deed: str = ""
    when: str = ""
    names: Names = field(default_factory=dict)

    @property
    def answers_no(self) -> bool:
        """Whether the right answer to "do I do this?" is no."""
        return self.shape.startswith("never")

    @property
    def answer(self) -> str:
        """What an open question asks for: the value, or only the time of a habit."""
        return self.when or self.value

    def with_value(self, value: str) -> Topic:
        """The same with another value in its place; of a habit, with another time."""
        return replace(self, when=value) if self.when else replace(self, value=value)


def topic(claim: Claim, names: Names | None = None) -> Topic:
    """The claim with its shape; `names` as `genders` gives them."""
    value, subject = plain(claim.value), claim.subject
    attribute = _FOR.sub("", plain(claim.attribute)) if claim.relation is not Relation.PROPERTY else claim.attribute
    if subject == OWNER and attribute and claim.relation in _PEOPLE_ONLY:
        subject, attribute = attribute, ""
    made = Topic(claim, "", subject, value, attribute, names={**_own_genders(claim), **(names or {})})
    return _owners(made) if subject == OWNER else _others(made)


def genders(facts: Iterable[Fact]) -> dict[str, Gender]:
    """What the facts tell of the gender of names: Fork is a gata, Renata is the chefe; "" is the owner."""
    told: dict[str, Gender] = {}
    for fact in facts:
        for word, gender in _own_genders(fact.claim).items():
            told.setdefault(word, gender)
    return told


def _own_genders(claim: Claim) -> dict[str, Gender]:
    relation, subject, value = claim.relation, claim.subject, plain(claim.value)
    if subject == OWNER:
        if relation is Relation.NAME and not claim.attribute:
            return {"": name_gender(value)}
        # "sou vegetariana", "sou enfermeira": the owner says which she is. "Dentista", "jornalista" leave it open.
        told = relation in {Relation.TRAIT, Relation.JOB, Relation.CALLED} and _FEMALE.match(fold_accents(value))
        return {"": Gender.FEMININE} if told else {}
    if relation is Relation.NAME and value:
        gender = name_gender(value) if is_either(subject) else noun(subject).gender
        return {fold_accents(value): gender, **({fold_accents(subject): gender} if is_either(subject) else {})}
    if relation is Relation.KIND and is_name(subject) and value and not is_either(value):
        return {fold_accents(subject): noun_gender(head_word(value))}
    return {}


def _owners(made: Topic) -> Topic:
    """The shape of what is told of the owner."""
    relation, attribute, value = made.claim.relation, made.attribute, made.value
    if relation is Relation.WITH and attribute and not is_infinitive(attribute) and _STATE.search(attribute):
        return replace(made, shape="with_state_owner")
    if relation in _DOING:
        return _deed(made, attribute, _DOING[relation])
    if relation is Relation.STUDIES and _is_place(attribute):
        return replace(made, shape="studies_place_owner")
    if relation is Relation.HABIT:
        parted = scheduled(value)
        if parted is not None and doing(parted[0], _EU):
            return replace(made, shape="habit_when_owner", deed=parted[0], when=parted[1])
    if relation in {Relation.HABIT, Relation.NEVER}:
        shape = f"{relation.value}_owner"
        return replace(made, shape=shape, deed=value) if doing(value, _EU) else replace(made, shape="note_owner")
    if relation is Relation.HAS:
        return _counted(made, "owner")
    if relation is Relation.USES and attribute:
        return replace(made, shape="uses_doing_owner" if is_infinitive(attribute) else "uses_purpose_owner")
    if relation is Relation.FAVOURITE and not attribute:
        return replace(made, shape="likes_owner")
    if relation is Relation.PROPERTY:
        shape = "amount_owner" if attribute and is_amount(value) else "property_owner" if attribute else "trait_owner"
        return replace(made, shape="age_owner" if fold_accents(attribute) == "idade" else shape)
    return replace(made, shape="trait_owner" if relation is Relation.KIND else f"{relation.value}_owner")


def _others(made: Topic) -> Topic:
    """The shape of what is told of somebody or something else."""
    relation, attribute = made.claim.relation, fold_accents(made.attribute)
    if relation in _DOING and (is_infinitive(made.subject) or _is_deed(made.subject)):
        return _deed(made, made.subject, _DOING[relation])
    if relation is Relation.WITH and is_infinitive(made.attribute):
        return replace(made, shape="with_doing_other", deed=made.attribute)
    if relation is Relation.STUDIES and _is_place(attribute):
        return replace(made, shape="studies_place_other")
    if relation is Relation.USES and attribute:
        return replace(made, shape="property_other")
    if relation is Relation.NAME:
        return replace(made, shape="name_being" if noun(made.subject).being else "name_thing")
    if relation is Relation.PROPERTY:
        other = "amount_other" if is_amount(made.value) else "property_other"
        return replace(made, shape=_SIDES.get(attribute, other))
    if relation is Relation.HAS:
        return _counted(made, "other")
    if relation is Relation.FAVOURITE and not attribute:
        return replace(made, shape="likes_other")
    return replace(made, shape="plain_other" if relation is Relation.NOTE else f"{relation.value}_other")


def _deed(made: Topic, what: str, shape: str) -> Topic:
    """When, where or with whom the owner does something; a noun ("a daily") is the subject of its own."""
    if is_infinitive(what) or _is_deed(what):
        return replace(made, shape=f"{shape}_doing_owner", subject=OWNER, deed=what)
    if not what:
        return replace(made, shape="note_owner")
    return replace(made, shape=f"{shape}_other", subject=what, attribute="")


def _is_place(attribute: str) -> bool:
    return fold_accents(attribute) in {"lugar", "onde", "local", "escola", "faculdade", "universidade"}


def _is_deed(text: str) -> bool:
    """Whether it is a verb in the first person: "acordo", but not "almoço" alone, which is a noun as well."""
    first = text.split()[0] if text else ""
    return text[:1].islower() and verb_forms(first) is not None and _common_verb(first)


def _common_verb(word: str) -> bool:
    nouns = {"almoco", "jogo", "trabalho", "treino", "estudo", "uso", "passeio", "toco", "saco", "caminho", "jantar"}
    folded = fold_accents(word)
    return folded in read_toml("words.toml")["verbs"] and folded not in nouns


def _counted(made: Topic, whose: str) -> Topic:
    value = made.value
    if made.attribute and count_of(f"{value} {made.attribute}"):
        value = f"{value} {made.attribute}"
    return replace(made, value=value, shape=f"has_{'count_' if count_of(value) else ''}{whose}")
