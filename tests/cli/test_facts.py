"""`aeon-ft facts`: seen, corrected, added and taken back at the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from aeon_plugin_ft.facts import grammar
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.turns import TurnKind, TurnLog, read_turns
from aeon_plugin_ft.turns.log import Limits
from tests.cli.commands import Cli, cli, one_sentence
from tests.facts.telling import PlainReader
from tests.flow.life import turn

__all__ = ["cli"]


@pytest.fixture(autouse=True)
def plain_grammar(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reader = PlainReader()
    monkeypatch.setattr(grammar, "claims", reader.claims)
    monkeypatch.setattr(grammar, "claims_of_reply", reader.claims_of_reply)
    yield


@pytest.fixture
def told(cli: Cli) -> Cli:
    """A data folder whose log nobody has indexed yet."""
    data = DataFolder(cli.data).create()
    log = TurnLog(data.log, redact=lambda text: text, limits=lambda: Limits(10**8, 0.05), on_failure=lambda _: None)
    said = ("minha gata é a Fork", "moro em Joinville", "moro em Curitiba", "gosto de pastel", "gosto de Sepultura")
    for number, text in enumerate(said):
        log.append(turn(number, text, "Massa."), TurnKind.CHAT)
    log.close()
    return cli


def listed(cli: Cli, *arguments: str) -> dict[str, dict[str, Any]]:
    rows = cast(list[dict[str, Any]], cli.json("facts", *arguments))
    return {row["value"]: row for row in rows}


def test_the_list_says_who_told_what_when(told: Cli) -> None:
    assert told("facts") == 0
    text = " ".join(told.out.split())
    for part in ("gata", "name", "Fork", "owner", "Curitiba", "lives_in", "you", time.strftime("%Y-")):
        assert part in text, part
    assert "Joinville" not in text
    rows = listed(told)
    assert set(rows) == {"Fork", "Curitiba", "pastel", "Sepultura"}
    assert rows["Fork"] | {"said_at": 0} == {
        "id": rows["Fork"]["id"], "subject": "gata", "relation": "name", "attribute": "", "value": "Fork",
        "current": True, "source": "owner", "said_at": 0, "times": 1, "turn": "turn0000", "turns": ["turn0000"],
        "sure": 1.0,
    }  # fmt: skip


def test_history_and_one_subject_can_be_asked_for(told: Cli) -> None:
    assert not listed(told, "--history")["Joinville"]["current"]
    assert told("facts", "--history") == 0 and "before" in told.out
    assert set(listed(told, "--about", "a gata")) == {"Fork"}
    assert set(listed(told, "--about", "Curitiba", "--history")) == {"Curitiba", "Joinville"}


def test_an_empty_book_says_what_to_do(cli: Cli) -> None:
    cli.begin()
    assert cli("facts") == 0 and "aeon-ft facts add" in cli.out
    assert listed(cli) == {}


def test_a_value_is_put_right(told: Cli) -> None:
    assert told("facts", "edit", listed(told)["Fork"]["id"][:6], "Bash") == 0
    assert "gata" in told.out and "Bash" in told.out
    assert listed(told)["Bash"]["source"] == "edited"


def test_a_fact_is_added_in_a_sentence(told: Cli) -> None:
    assert told("facts", "add", "minha irmã é a Lívia") == 0 and "Lívia" in told.out
    assert listed(told)["Lívia"]["turns"] == []
    assert told("facts", "add", "que dia é hoje?") == 2
    assert "No fact was found" in told.err and one_sentence(told.err)


@pytest.mark.parametrize("arguments", [("add", "minha senha é girassol42azul"), ("edit", "ID", "529.982.247-25")])
def test_secrets_are_refused_with_a_sentence(told: Cli, arguments: tuple[str, ...]) -> None:
    fork = str(listed(told)["Fork"]["id"])
    assert told("facts", *(fork if one == "ID" else one for one in arguments)) == 2
    assert "secret" in told.err and "girassol" not in told.err and "529" not in told.err and one_sentence(told.err)


def test_an_id_that_is_not_there_is_a_sentence(told: Cli) -> None:
    assert told("facts", "edit", "zzz", "Bash") == 2
    assert "no fact has an id" in told.err and one_sentence(told.err)


def test_a_fact_is_forgotten_with_its_conversations(told: Cli) -> None:
    city = str(listed(told)["Curitiba"]["id"])
    assert told("facts", "forget", city, "--dry-run") == 0
    assert all(part in told.out for part in ("turn0001", "turn0002", "Curitiba", "Joinville"))
    assert len(listed(told, "--history")) == 5
    assert told("facts", "forget", city, "--yes") == 0 and "Forgotten" in told.out
    assert set(listed(told, "--history")) == {"Fork", "pastel", "Sepultura"}
    assert {one.id for one in read_turns(told.data / "log")} == {"turn0000", "turn0003", "turn0004"}


def test_only_the_fact_is_forgotten_where_that_is_wanted(told: Cli) -> None:
    assert told("facts", "forget", str(listed(told)["Fork"]["id"]), "--only-fact", "--yes") == 0
    assert "Fork" not in listed(told, "--history")
    assert len(list(read_turns(told.data / "log"))) == 5
    store = Store(told.data / "aeon-ft.sqlite3")
    store.execute("DELETE FROM claims_read")
    store.execute("INSERT INTO claims_due (turn) SELECT id FROM turns")
    store.close()
    assert "Fork" not in listed(told, "--history"), "the log was read again"


def test_forgetting_is_asked_first(told: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeon_plugin_ft.cli.facts.confirm", lambda *_, **__: (_ for _ in ()).throw(SystemExit(1)))
    assert told("facts", "forget", str(listed(told)["Fork"]["id"])) == 1
    assert "Fork" in listed(told)


def test_forgetting_by_words_takes_what_the_owner_wrote_along(told: Cli, tmp_path: Path) -> None:
    assert told("facts", "add", "minha irmã é a Lívia") == 0
    for arguments in (("--about", "irmã"), ("--person", "Lívia")):
        assert told("forget", *arguments, "--dry-run") == 0 and "Lívia" in told.out
    assert told("forget", "--about", "lívia", "--minutes", "5", "--dry-run") == 0 and "Lívia" not in told.out
    assert told("forget", "--about", "lívia", "--yes") == 0
    assert "Lívia" not in listed(told, "--history")
    assert told("forget", "--about", "Fork", "--dry-run") == 0 and "gata" in told.out
