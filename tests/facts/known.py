"""Facts for tests: an owner's world, a book of it in memory, and a plain way to say a fact."""

from __future__ import annotations

from dataclasses import dataclass, field

from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, FactSource, Relation

NAME, PROPERTY, KIND = Relation.NAME, Relation.PROPERTY, Relation.KIND


def fact(subject: str, relation: Relation, value: str, attribute: str = "", **more: object) -> Fact:
    """One fact, whose id is made of what it says."""
    claim = Claim(subject, relation, value, attribute)
    known: dict[str, object] = {"source": FactSource.OWNER, "said_at": 1.0, "turn": None, **more}
    return Fact("/".join((*claim.key, value)), claim, **known)  # type: ignore[arg-type]


def say(fact: Fact) -> str:
    """In the third person, in words that a test can look for."""
    claim = fact.claim
    about = claim.subject or "dono"
    return " ".join(part for part in (about, claim.relation.value, claim.attribute, claim.value) if part) + "."


@dataclass
class Book:
    """What is known, as long as the test says so."""

    facts: list[Fact] = field(default_factory=list)
    version: int = 0
    asked: int = 0

    def current(self) -> list[Fact]:
        self.asked += 1
        return list(self.facts)

    def hold(self, *facts: Fact) -> None:
        """These as well from now on; the one before with the same key no more."""
        keys = {fact.claim.key for fact in facts}
        self.facts = [*(old for old in self.facts if old.claim.key not in keys), *facts]
        self.version += 1

    def forget(self, subject: str) -> None:
        """Nothing about this subject any more."""
        self.facts = [fact for fact in self.facts if fact.claim.subject != subject]
        self.version += 1


WORLD = (
    fact(OWNER, NAME, "Caio"),
    fact("gata", NAME, "Fork"),
    fact("gata", PROPERTY, "preta", "cor"),
    fact("cachorro", NAME, "Bash"),
    fact("Bash", KIND, "vira-lata caramelo"),
    fact(OWNER, Relation.LIVES_IN, "Joinville"),
    fact("daily", Relation.TIME, "9h30"),
    fact("PC", NAME, "Jaburu"),
    fact("Jaburu", PROPERTY, "16 GB", "memória"),
    fact("Jaburu", PROPERTY, "GTX 1660", "placa de vídeo"),
    fact(OWNER, Relation.FAVOURITE, "Sepultura", "banda"),
    fact(OWNER, Relation.FAVOURITE, "pastel de queijo", "comida"),
    fact(OWNER, Relation.DISLIKES, "Java"),
    fact(OWNER, Relation.NEVER, "faço deploy na sexta"),
    fact("irmã", NAME, "Lívia"),
    fact("irmã", Relation.BIRTHDAY, "12 de março"),
    fact(OWNER, Relation.BIRTHDAY, "8 de agosto"),
    fact(OWNER, Relation.TRAIT, "vegetariano"),
    fact(OWNER, Relation.ALLERGY, "camarão"),
    fact("Wi-Fi", NAME, "Bueiro"),
    fact("chefe", NAME, "Renata"),
    fact(OWNER, Relation.WORKS_AT, "Moedeira"),
    fact(OWNER, Relation.USES, "Neovim", "editor"),
    fact("backup", Relation.TIME, "23h"),
    fact(OWNER, Relation.HABIT, "pedalo terça e quinta"),
    fact("Farol", KIND, "bot em Python"),
    fact("chave", Relation.PLACE, "na gaveta"),
)
