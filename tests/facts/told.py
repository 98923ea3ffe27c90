"""Facts of every relation and shape, as several owners tell them."""

from __future__ import annotations

from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, FactSource, Relation

R = Relation
TOLD: tuple[tuple[str, Relation, str, str], ...] = (
    (OWNER, R.NAME, "Caio", ""),
    (OWNER, R.CALLED, "Cacá", ""),
    (OWNER, R.LIVES_IN, "Joinville", ""),
    (OWNER, R.FROM, "Bahia", ""),
    (OWNER, R.BIRTHDAY, "8 de agosto", ""),
    (OWNER, R.AGE, "34", ""),
    (OWNER, R.WORKS_AT, "Moedeira", ""),
    (OWNER, R.JOB, "programador", ""),
    (OWNER, R.STUDIES, "direito na federal", ""),
    (OWNER, R.TRAIT, "vegetariano", ""),
    (OWNER, R.TRAIT, "canhoto", ""),
    (OWNER, R.ALLERGY, "amendoim", ""),
    (OWNER, R.HAS, "dois gatos", ""),
    (OWNER, R.HAS, "3 filhos", ""),
    (OWNER, R.HAS, "bicicleta", ""),
    (OWNER, R.HAS, "cacto", ""),
    (OWNER, R.USES, "Neovim", "editor"),
    (OWNER, R.USES, "caneta tinteiro", "escrever"),
    (OWNER, R.USES, "Linux", ""),
    (OWNER, R.LIKES, "pastel de queijo", ""),
    (OWNER, R.LIKES, "forró", ""),
    (OWNER, R.DISLIKES, "Java", ""),
    (OWNER, R.DISLIKES, "coentro", ""),
    (OWNER, R.FAVOURITE, "Sepultura", "banda"),
    (OWNER, R.FAVOURITE, "verde terminal", "cor"),
    (OWNER, R.FAVOURITE, "Hackers (1995)", "filme"),
    (OWNER, R.FAVOURITE, "JEC", "time"),
    (OWNER, R.TIME, "9h", "acordar"),
    (OWNER, R.TIME, "às duas", "durmo"),
    (OWNER, R.DAY, "domingo", "regar as plantas"),
    (OWNER, R.PLACE, "padaria da esquina", "tomar café"),
    (OWNER, R.HABIT, "pedalo terça e quinta", ""),
    (OWNER, R.HABIT, "tomo café coado sem açúcar", ""),
    (OWNER, R.HABIT, "leio antes de dormir", ""),
    (OWNER, R.NEVER, "faço deploy na sexta", ""),
    (OWNER, R.NEVER, "como carne", ""),
    (OWNER, R.WITH, "minha irmã", "jogar bola"),
    (OWNER, R.NOTE, "moro com a minha mãe desde março", ""),
    (OWNER, R.PROPERTY, "1,80 m", "altura"),
    (OWNER, R.PROPERTY, "O negativo", "tipo sanguíneo"),
    (OWNER, R.STUDIES, "UFSC", "lugar"),
    (OWNER, R.WITH, "Jorge", "casado"),
    ("mãe", R.WITH, "meu pai", "morar"),
    ("filho", R.STUDIES, "Pedro II", "lugar"),
    ("Farol", R.PROPERTY, "avisa chuva no Telegram", "o que faz"),
    ("Trovão", R.PROPERTY, "Godot", "feito em"),
    ("Tatu", R.USES, "Debian", "sistema"),
    ("gata", R.NAME, "Fork", ""),
    ("gata", R.PROPERTY, "preta", "cor"),
    ("cachorro", R.NAME, "Bash", ""),
    ("cachorro", R.KIND, "vira-lata caramelo", ""),
    ("cachorro", R.AGE, "3 anos", ""),
    ("irmã", R.NAME, "Lívia", ""),
    ("irmã", R.BIRTHDAY, "12 de março", ""),
    ("irmã", R.LIVES_IN, "Rio de Janeiro", ""),
    ("irmã", R.JOB, "professora", ""),
    ("irmã", R.STUDIES, "história", ""),
    ("irmã", R.LIKES, "samba", ""),
    ("irmã", R.DISLIKES, "barulho", ""),
    ("irmã", R.HABIT, "corre todo dia", ""),
    ("irmã", R.NEVER, "come carne", ""),
    ("irmã", R.ALLERGY, "poeira", ""),
    ("irmã", R.FAVOURITE, "roxo", "cor"),
    ("irmã", R.CALLED, "Li", ""),
    ("chefe", R.NAME, "Renata", ""),
    ("chefe", R.TRAIT, "canhota", ""),
    ("chefe", R.FROM, "Lages", ""),
    ("pais", R.NAME, "Ana e João", ""),
    ("pais", R.LIVES_IN, "Lages", ""),
    ("tia", R.WORKS_AT, "Hospital São Lucas", ""),
    ("tia", R.HAS, "quatro netos", ""),
    ("PC", R.NAME, "Jaburu", ""),
    ("Jaburu", R.PROPERTY, "16 GB", "memória"),
    ("Jaburu", R.PROPERTY, "Ryzen 5", "processador"),
    ("Jaburu", R.HAS, "GTX 1660", ""),
    ("Farol", R.KIND, "bot em Python", ""),
    ("Farol", R.USES, "Telegram", ""),
    ("Farol", R.NOTE, "cai quando chove", ""),
    ("Trovão", R.KIND, "jogo em Godot", ""),
    ("Trovão", R.WITH, "Duda", ""),
    ("daily", R.TIME, "9h30", ""),
    ("backup", R.DAY, "sexta", ""),
    ("backup", R.TIME, "23h", ""),
    ("backup", R.PLACE, "HD Cofre", ""),
    ("plantão", R.TIME, "sete da noite", ""),
    ("chave reserva", R.PLACE, "gaveta da cozinha", ""),
)  # fmt: skip


def fact(subject: str, relation: Relation, value: str, attribute: str = "", **more: object) -> Fact:
    """A fact that the owner told once."""
    claim = Claim(subject, relation, value, attribute)
    plain = {"id": f"{relation}:{subject}:{attribute}:{value}", "source": FactSource.OWNER, "said_at": 1.0}
    told = {**plain, "turn": "t1", "turns": ("t1",), **more}
    return Fact(claim=claim, **told)  # type: ignore[arg-type]


def facts() -> list[Fact]:
    """All of them, each said in a turn of its own."""
    return [fact(*one, turn=f"t{n}", turns=(f"t{n}",)) for n, one in enumerate(TOLD)]
