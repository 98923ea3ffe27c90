"""What the commands say to an owner whose system is Portuguese: all of it, and in English as before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aeon_plugin_ft.causes import EndCause, PauseCause
from aeon_plugin_ft.cli.happened import in_words
from aeon_plugin_ft.cli.words import why_run
from aeon_plugin_ft.messages.speaker import ENV_LANGUAGE
from aeon_plugin_ft.store import DataFolder, Store
from aeon_plugin_ft.training.model import RunState
from aeon_plugin_ft.training.table import add_run, list_runs, set_state
from tests.cli.commands import SAMPLE, Cli, add_version, cli

__all__ = ["cli"]

ENGLISH = {"the", "of", "and", "is", "are", "was", "were", "with", "from", "this", "that", "it", "to", "what", "turns",
           "run", "runs", "training", "not", "yet", "asked", "would", "left", "out", "you"}  # fmt: skip


@pytest.fixture
def portuguese(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    return cli


def said(cli: Cli, *arguments: str) -> str:
    """What a command prints, that no word of it is English; commands and file names are as they are typed."""
    assert cli(*arguments) == 0, cli.err
    text = " ".join(cli.out.split())
    spoken = re.sub(r"`[^`]*`|\[[\w ]+\] \w+|\S*[/._]\S*|--\w[\w-]*", " ", text)
    assert ENGLISH & set(re.findall(r"\w+", spoken.lower())) == set(), text
    return text


@pytest.fixture
def talked(portuguese: Cli, tmp_path: Path) -> Cli:
    log = tmp_path / "conversation.log"
    log.write_text(
        "VOCÊ: qual o nome da minha gata?\nAEON: Pixel, cara. Ela tava dormindo no teclado.\n"
        "VOCÊ: conta uma piada\nAEON:\n",
        encoding="utf-8",
    )
    assert "2 falas novas" in said(portuguese, "dataset", "import", str(log))
    return portuguese


def test_an_empty_folder(portuguese: Cli) -> None:
    portuguese.begin()
    assert "Quem responde: base" in said(portuguese, "status")
    assert "Ainda não houve treino" in said(portuguese, "runs")
    assert "Ainda nada" in said(portuguese, "facts")
    assert "o modelo sem treino" in said(portuguese, "models")
    assert "O treino espera." in said(portuguese, "schedule")
    assert "Nada foi decidido ainda" in said(portuguese, "schedule", "--explain")
    assert "Nenhum treino em andamento" in said(portuguese, "watch", "--once")
    assert "permitidos" in said(portuguese, "models", "prune", "--dry-run")


def test_what_was_said_and_what_is_left_out(talked: Cli) -> None:
    assert "sem pergunta ou sem resposta: 1" in cli_text(talked, "dataset", "show", "--dropped")
    assert "Falta a pergunta ou a resposta. (1)" in cli_text(talked, "dataset", "show", "--dropped")
    assert "O que sairia: uma fala, 0 que as repetem," in said(talked, "forget", "--about", "gata", "--dry-run")
    assert "Esquecido." in said(talked, "forget", "--about", "gata", "--yes")


def cli_text(cli: Cli, *arguments: str) -> str:
    assert cli(*arguments) == 0, cli.err
    return " ".join(cli.out.split())


def test_a_fact_is_told_in_words(portuguese: Cli) -> None:
    assert "Anotado: gata, nome: Fork" in said(portuguese, "facts", "add", "minha gata é a Fork")
    listed = said(portuguese, "facts")
    assert "de onde veio" in listed and "você escreveu" in listed


def test_versions(portuguese: Cli, tmp_path: Path) -> None:
    add_version(portuguese, tmp_path, "r1")
    add_version(portuguese, tmp_path, "r2", accepted=False)
    listed = said(portuguese, "models")
    assert all(part in listed for part in ("aprovada", "recusada", "não passou em:"))
    assert "v0001 foi escolhida (antes: base)" in said(portuguese, "use", "1")
    assert "De volta: base (antes: v0001)" in said(portuguese, "rollback")


def test_why_a_run_is_where_it_is(store: Store, data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        add_run(store, name, "d", "b", None, 10, 0)
    set_state(store, "a", RunState.PAUSED, cause=PauseCause.OWNER_BACK)
    set_state(store, "b", RunState.FAILED, cause=EndCause.BROKE, reason="CUDA is lost")
    rows = {row.id: row for row in list_runs(store)}
    assert (why_run(rows["a"]), why_run(rows["b"])) == ("the owner is back", "CUDA is lost")
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert (why_run(rows["a"]), why_run(rows["b"])) == ("você voltou ao computador", "houve um erro (CUDA is lost)")


def test_events_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    swapped = {"version": "v0003", "previous": "base", "backend": "embedded", "place": "first"}
    assert in_words("model_swapped", swapped) == "Answering now: version 3 (before: untrained model)."
    assert in_words("turns_logged", {"count": 2}) == "2 new turns were logged."
    assert in_words("of_a_later_release", {"a": 1, "b": "x"}) == "of_a_later_release  a=1, b=x"
    assert in_words("rolled_back", {"reason": "x"}) == "rolled_back  reason=x"
    monkeypatch.setenv(ENV_LANGUAGE, "pt")
    assert in_words("model_swapped", swapped) == "Agora responde: versão 3 (antes: modelo sem treino)."
    assert in_words("turns_logged", {"count": 1}) == "Uma fala nova foi guardada."


def test_settings_are_explained_in_the_language(portuguese: Cli) -> None:
    portuguese.begin()
    assert "o que faz" in cli_text(portuguese, "config", "show", "schedule")
    assert "está em ordem" in cli_text(portuguese, "config", "check")


def test_the_sample_is_imported_and_shown(portuguese: Cli) -> None:
    assert cli_text(portuguese, "dataset", "import", str(SAMPLE)).count("falas novas") == 1
    assert "guardados para provar o resultado" in said(portuguese, "dataset", "show")
    assert "É uma frase pronta do Aeon." in said(portuguese, "dataset", "filters")
