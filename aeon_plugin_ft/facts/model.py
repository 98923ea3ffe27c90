"""Claims and facts: what a sentence says about the owner's world, and what is held to be true now.

A claim is read from one sentence: subject, relation, attribute, value. A fact is a claim with the turn that it was
said in, when, by whom, and how sure it is. Of claims about the same thing (equal `Claim.key`) the newest is the
fact; older ones are its history. Where a thing may have several values at once (what somebody likes, what they
have), the value is part of the key.

    minha gata é a Fork, a preta   (gata, NAME, "") = "Fork";  (gata, PROPERTY, "cor") = "preta"
    eu moro em Joinville           ("", LIVES_IN, "") = "Joinville"
    a daily agora é às 9h30        (daily, TIME, "") = "9h30"
    o Jaburu tem 16 GB de memória  (Jaburu, PROPERTY, "memória") = "16 GB"
    minha banda favorita é Sepultura   ("", FAVOURITE, "banda") = "Sepultura"
    odeio Java                     ("", DISLIKES, "Java") = "Java"
    nunca faço deploy na sexta     ("", NEVER, "") = "faço deploy na sexta"
    minha irmã Lívia faz aniversário em 12 de março   (irmã, NAME) = "Lívia"; (irmã, BIRTHDAY) = "12 de março"
"""

from __future__ import annotations

from dataclasses import dataclass

from aeon_plugin_ft.causes import Cause
from aeon_plugin_ft.privacy.folding import fold_accents

OWNER = ""
"""The subject that is the owner."""


class Relation(Cause):
    """What is said of the subject; a column's value, never changed once shipped."""

    NAME = "name"
    """What it is called: the owner, a person of the owner's, a pet, a machine, a network."""
    CALLED = "called"
    """How the owner wants to be addressed."""
    KIND = "kind"
    """What it is: "o Farol é um bot em Python", "o Bash é um vira-lata caramelo"."""
    PROPERTY = "property"
    """A measurable or visible side of it, named by the attribute: cor, memória, idade, tamanho, tecla."""
    LIVES_IN = "lives_in"
    FROM = "from"
    """Where somebody was born or grew up."""
    BIRTHDAY = "birthday"
    AGE = "age"
    WORKS_AT = "works_at"
    JOB = "job"
    """What somebody does for a living."""
    STUDIES = "studies"
    TRAIT = "trait"
    """What the subject is, for good: vegetariano, canhoto, casado, daltônico."""
    ALLERGY = "allergy"
    HAS = "has"
    """Something owned or kept, several at once; also how many: "tenho dois gatos", "três filhos"."""
    USES = "uses"
    """A tool for a purpose: the attribute is the purpose (editor, celular, navegador), "" where it was not said."""
    LIKES = "likes"
    DISLIKES = "dislikes"
    FAVOURITE = "favourite"
    """The one that is liked most of a sort; the attribute is the sort (banda, comida, cor, time)."""
    TIME = "time"
    """The hour at which it happens: the daily, getting up, the backup."""
    DAY = "day"
    """The day or date on which it happens, weekly or once a year."""
    PLACE = "place"
    """Where it is or happens: "a chave fica na gaveta", "a academia é na Rua XV"."""
    HABIT = "habit"
    """Something done regularly, as it was said: "pedalo terça e quinta"."""
    NEVER = "never"
    """Something never done, or never to be done: "nunca faço deploy na sexta"."""
    WITH = "with"
    """Whom it is done with: "faço o Trovão com a Duda"."""
    NOTE = "note"
    """What the owner asked to be remembered and no other relation fits: "lembra que ...", whole."""


MANY = frozenset(
    {Relation.HAS, Relation.USES, Relation.LIKES, Relation.DISLIKES, Relation.TRAIT, Relation.ALLERGY, Relation.HABIT,
     Relation.NEVER, Relation.NOTE, Relation.KIND}
)  # fmt: skip
"""Relations of which one subject may have several values at once; a new value does not end the old one."""


class FactSource(Cause):
    """Who says so; in the order of how much it counts."""

    EDITED = "edited"
    """The owner wrote it, on the page or by command; belongs to no turn."""
    CORRECTION = "correction"
    """The owner corrected a reply or an older fact: "não, é 9h30"."""
    OWNER = "owner"
    """The owner said so."""
    REPLY = "reply"
    """The assistant said so to the owner, several times, and the owner did not object."""
    MODEL = "model"
    """A model read it in the owner's words, where the grammar found nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one sentence says. `subject` is a noun phrase without article or possessive, as it was written
    ("gata", "PC", "irmã", "Farol"), OWNER ("") for the owner. `value` is as it was written, without the article.
    `ended`: it is no longer so ("não moro mais em Joinville", value ""); `corrects`: it puts something right that was
    said before. `sure` is 0 to 1. `start` and `end` are where it stands in the sentence, in characters."""

    subject: str
    relation: Relation
    value: str
    attribute: str = ""
    ended: bool = False
    corrects: bool = False
    sure: float = 1.0
    start: int = 0
    end: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """Of claims with one key the newest counts: subject, relation, and attribute (or the value, where there may be
        several), without case and accents."""
        told_apart = self.value if self.relation in MANY and not self.attribute else self.attribute
        return fold_accents(self.subject), self.relation.value, fold_accents(told_apart)


@dataclass(frozen=True, slots=True)
class Fact:
    """A claim that is held. `id` is stable for one key and value; `turn` is the id of the turn that says it last, None
    for what the owner edited; `turns` are all that say the same (forgetting them all forgets the fact). `said_at` is
    seconds since the epoch, `times` how often it was said. `current` is False for history: superseded or ended."""

    id: str
    claim: Claim
    source: FactSource
    said_at: float
    turn: str | None
    turns: tuple[str, ...] = ()
    times: int = 1
    current: bool = True
    others: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """What is so: "Fork"."""
        return self.claim.value

    @property
    def lineage(self) -> tuple[str, ...]:
        """What a lesson of this fact is made of, for `Example.turns`: its turns and the fact itself, so that forgetting
        any of them finds every dataset and version that has learnt it."""
        return (*self.turns, lineage_of(self.id), *map(lineage_of, self.others))


def lineage_of(fact: str) -> str:
    """A fact's id among the ids of turns that a dataset was made of."""
    return f"fact:{fact}"
