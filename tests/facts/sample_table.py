"""The facts that the sample conversation tells, as its README lists them, and how often the grammar reads each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

from aeon_plugin_ft.dataset.importers.importing import open_import
from aeon_plugin_ft.facts.grammar import claims_of_reply
from aeon_plugin_ft.facts.model import Claim, Relation
from aeon_plugin_ft.privacy.folding import fold_accents
from tests.conftest import REPOSITORY

TOLD_OFTEN = 3


@dataclass(frozen=True)
class Row:
    """A fact of the README. `told` are words of which one stands in each reply that tells it; a claim has it when its
    subject, attribute and value together hold `words` and its relation is one of `relations`."""

    name: str
    told: tuple[str, ...]
    words: tuple[str, ...]
    relations: tuple[Relation, ...]

    def is_in(self, claim: Claim) -> bool:
        text = fold_accents(f"{claim.subject} {claim.attribute} {claim.value}")
        return claim.relation in self.relations and all(word in text for word in self.words)


R = Relation
ROWS = (
    Row("the owner's name", ("teu nome e caio", "cara, caio", "sei: caio", "tu e o caio"), ("caio",), (R.NAME,)),
    Row("where he lives", ("em joinville",), ("joinville",), (R.LIVES_IN, R.FROM)),
    Row("his birthday", ("8 de agosto", "agosto, dia 8"), ("8 de agosto",), (R.BIRTHDAY,)),
    Row("when he sleeps", ("as duas",), ("dormir", "duas"), (R.TIME,)),
    Row("when he gets up", ("as nove",), ("acordar", "nove"), (R.TIME,)),
    Row("the cat", ("fork",), ("gata", "fork"), (R.NAME,)),
    Row("the cat's colour", ("preta",), ("preta",), (R.PROPERTY,)),
    Row("the dog", ("bash",), ("cachorro", "bash"), (R.NAME,)),
    Row("the dog's breed", ("caramelo",), ("vira-lata caramelo",), (R.KIND, R.PROPERTY)),
    Row("the cactus", ("segfault",), ("cacto", "segfault"), (R.NAME,)),
    Row("the PC", ("jaburu",), ("jaburu",), (R.NAME,)),
    Row("its processor", ("ryzen",), ("ryzen 5",), (R.PROPERTY, R.HAS)),
    Row("its memory", ("16 gb",), ("16 gb",), (R.PROPERTY, R.HAS)),
    Row("its card", ("gtx",), ("gtx 1660",), (R.HAS, R.PROPERTY)),
    Row("the Raspberry Pi", ("tatu",), ("raspberry", "tatu"), (R.NAME,)),
    Row("its system", ("debian",), ("tatu", "debian"), (R.USES, R.PROPERTY)),
    Row("what Farol is", ("o farol e", "bot em python"), ("farol", "python"), (R.KIND, R.PROPERTY)),
    Row("what Farol does", ("avisa chuva", "avisa pelo telegram"), ("avisa", "chuva"), (R.PROPERTY,)),
    Row("what Trovão is", ("godot",), ("trovao", "godot"), (R.KIND, R.PROPERTY)),
    Row("with whom", ("com a duda", "e a duda"), ("trovao", "duda"), (R.WITH,)),
    Row("what Duda does", ("do backend",), ("backend", "duda"), (R.NAME, R.JOB)),
    Row("Python", ("prefere python", "cara, python", "negocio e python"), ("python",), (R.LIKES,)),
    Row("Java", ("odeia java",), ("java",), (R.DISLIKES,)),
    Row("the editor", ("neovim",), ("neovim",), (R.USES,)),
    Row("the keyboard", ("mecanico",), ("teclado", "mecanico"), (R.TRAIT,)),
    Row("its switches", ("switch marrom",), ("switch", "marrom"), (R.PROPERTY,)),
    Row("the network", ("bueiro",), ("rede", "bueiro"), (R.NAME,)),
    Row("the employer", ("moedeira",), ("moedeira",), (R.WORKS_AT,)),
    Row("the boss", ("chefe e a renata", "renata e tua chefe"), ("chefe", "renata"), (R.NAME,)),
    Row("the daily", ("9h30",), ("daily", "9h30"), (R.TIME,)),
    Row("no deploys", ("deploy na sexta", "nao tem deploy", "se faz deploy"), ("deploy", "sexta"), (R.NEVER,)),
    Row("the coffee", ("cafe coado",), ("cafe coado",), (R.HABIT, R.FAVOURITE)),
    Row("three cups", ("tres xicaras",), ("tres xicaras",), (R.HABIT,)),
    Row("cycling", ("terca e quinta",), ("terca e quinta",), (R.HABIT,)),
    Row("the bicycle", ("ferrugem",), ("bicicleta", "ferrugem"), (R.NAME,)),
    Row("the backup's day", ("sexta as 23h",), ("backup", "sexta"), (R.DAY,)),
    Row("the backup's hour", ("sexta as 23h",), ("backup", "23h"), (R.TIME,)),
    Row("the backup's disk", ("cofre",), ("cofre",), (R.PLACE, R.NAME)),
    Row("the band", ("sepultura",), ("sepultura",), (R.LIKES, R.FAVOURITE)),
    Row("the food", ("pastel de queijo",), ("pastel de queijo",), (R.LIKES, R.FAVOURITE)),
    Row("the film", ("hackers",), ("hackers",), (R.FAVOURITE, R.LIKES, R.HABIT)),
    Row("the game", ("hollow knight",), ("hollow knight",), (R.LIKES, R.FAVOURITE)),
    Row("the book", ("neuromancer",), ("neuromancer",), (R.FAVOURITE, R.HABIT)),
    Row("the colour", ("verde terminal",), ("verde terminal",), (R.FAVOURITE,)),
    Row("the team", ("jec",), ("jec",), (R.FAVOURITE,)),
    Row("the sister", ("livia",), ("irma", "livia"), (R.NAME,)),
    Row("her birthday", ("12 de marco",), ("12 de marco",), (R.BIRTHDAY,)),
)


@cache
def read() -> tuple[Counter[str], Counter[str]]:
    """How often each fact is told, and in how many turns a claim has it."""
    told: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for turn in open_import(REPOSITORY / "samples" / "conversation.log"):
        reply = fold_accents(turn.reply)
        got = claims_of_reply(turn.reply, turn.user)
        told.update(row.name for row in ROWS if any(words in reply for words in row.told))
        found.update(row.name for row in ROWS if any(row.is_in(claim) for claim in got))
    return told, found
