"""Which facts a text names, asks about, or states."""

from __future__ import annotations

import pytest

from aeon_plugin_ft.facts import finding
from aeon_plugin_ft.facts.model import OWNER, Claim, Fact, FactSource, Relation

R = Relation
HELD = (
    Claim("daily", R.TIME, "9h30"),
    Claim("PC", R.NAME, "Jaburu"),
    Claim("irmã", R.NAME, "Lívia Souza"),
    Claim("irmã", R.LIVES_IN, "Natal"),
    Claim("aula de inglês", R.DAY, "segunda"),
    Claim("futebol", R.TIME, "20h"),
    Claim("Farol", R.KIND, "bot em Python"),
    Claim(OWNER, R.LIKES, "vinho tinto"),
)
FACTS = [Fact(f"f{number}", claim, FactSource.OWNER, 0.0, "t") for number, claim in enumerate(HELD)]


@pytest.mark.parametrize(
    "text",
    [
        "a daily",
        "da daily",
        "o Jaburu",
        "Jaburu",
        "o PC",
        "meu PC Jaburu",
        "a Lívia",
        "Lívia Souza",
        "Farol",
        "o futebol",
    ],
)
def test_a_thing_is_known_by_its_kind_and_by_its_name(text: str) -> None:
    assert finding.knows(text, FACTS)


@pytest.mark.parametrize(
    "text", ["", "a", "a segunda guerra", "segunda", "futebol", "daily", "vinho tinto", "o bot", "Natal",
             "a daily do Google", "a Souza", "o Tatu", "o"]
)  # fmt: skip
def test_a_value_or_a_word_of_anybodys_is_no_thing(text: str) -> None:
    assert not finding.knows(text, FACTS)


@pytest.mark.parametrize(
    ("named", "owned"),
    [
        ("a Lívia mora em Recife", "minha irmã mora em Recife"),
        ("a Lívia Souza mora em Recife", "minha irmã mora em Recife"),
        ("O Jaburu tem 32 GB", "meu PC tem 32 GB"),
        ("a daily é às 10h", "minha daily é às 10h"),
        ("a Lívian mora em Recife", "a Lívian mora em Recife"),
        ("a terapia é às 18h", "a terapia é às 18h"),
        ("Lívia mora em Recife", "Lívia mora em Recife"),
        ("", ""),
    ],
)
def test_a_sentence_that_names_what_is_known_says_whose_it_is(named: str, owned: str) -> None:
    assert finding.as_owners(named, FACTS) == owned


def test_a_sentence_in_passing_states_a_fact_only_where_it_says_little_else() -> None:
    stated = [fact for fact in FACTS if fact.value == "9h30"]
    assert finding.meant("a daily começa 9h30", [], FACTS, only=True) == stated
    told = "o João reclamou da daily das 9h30"
    assert finding.meant(told, [], FACTS) == stated and finding.meant(told, [], FACTS, only=True) == []
